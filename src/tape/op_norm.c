/* Layer norm and rms norm. */
#include "tape/op.h"

struct norm {
  size_t gain, bias; /* operands; TAPE_NONE */
  float eps;
  bool rms;
};

static const float *vector(const struct tape *tape, const struct tape_op *op, size_t k)
{
  return k == TAPE_NONE ? NULL : op_in(tape, op, k)->data;
}

static void norm_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct norm *norm = op->detail;
  const struct tape_value *x = op_in(tape, op, 0), *y = op_out(tape, op);
  (void)scratch;
  if (norm->rms)
    tape->kernels->rms_norm(value_row(x, row), vector(tape, op, norm->gain), value_row(y, row),
                            x->columns, norm->eps);
  else
    tape->kernels->layer_norm(value_row(x, row), vector(tape, op, norm->gain),
                              vector(tape, op, norm->bias), value_row(y, row), x->columns,
                              norm->eps);
}

static void norm_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 2, norm_row);
}

static bool wants(const struct tape *tape, const struct tape_op *op, size_t k)
{
  return k != TAPE_NONE && op_in(tape, op, k)->wanted;
}

/* Rows of dy * h, and a row for sums. */
static size_t norm_scratch(const struct tape *tape, const struct tape_op *op, bool backward)
{
  const struct tape_value *x = op_in(tape, op, 0);
  return backward ? (x->rows + 1) * x->columns : 0;
}

static void norm_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct norm *norm = op->detail;
  const struct tape_value *x = op_in(tape, op, 0), *y = op_out(tape, op);
  float *gain = wants(tape, op, norm->gain) ? op->scratch[1] + row * x->columns : NULL;
  if (norm->rms)
    tape->kernels->rms_norm_backward(value_row(x, row), vector(tape, op, norm->gain),
                                     gradient_row(y, row), dx, gain, x->columns, norm->eps);
  else
    tape->kernels->layer_norm_backward(value_row(x, row), vector(tape, op, norm->gain),
                                       gradient_row(y, row), dx, gain, x->columns, norm->eps);
}

/* Where the input itself wants no gradient, the rows of dy * h are still needed. */
static void gain_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  norm_gradient(tape, op, row, scratch);
}

static void norm_backward(struct tape *tape, struct tape_op *op)
{
  const struct norm *norm = op->detail;
  const struct tape_value *x = op_in(tape, op, 0), *y = op_out(tape, op);
  float *sums = op->scratch[1] + x->rows * x->columns;
  if (wants(tape, op, norm->bias)) /* first: dx may take the place of dy */
    op_column_sum(tape, op, norm->bias, 0, y->gradient, y->stride, y->rows, y->columns, sums);
  if (x->wanted)
    op_each_gradient(tape, op, x->columns, norm_gradient);
  else
    op_each_row(tape, op, x->rows, x->columns, gain_row);
  if (wants(tape, op, norm->gain))
    op_column_sum(tape, op, norm->gain, 0, op->scratch[1], x->columns, x->rows, x->columns, sums);
}

static const struct tape_op_kind layer_norm_kind = {.name = "layer norm",
                                                    .forward = norm_forward,
                                                    .backward = norm_backward,
                                                    .scratch = norm_scratch,
                                                    .reads = 3,
                                                    .gradient_in_place = true};

static const struct tape_op_kind rms_norm_kind = {.name = "rms norm",
                                                  .forward = norm_forward,
                                                  .backward = norm_backward,
                                                  .scratch = norm_scratch,
                                                  .reads = 3,
                                                  .gradient_in_place = true};

static bool is_vector(struct tape *tape, size_t value, size_t columns)
{
  return value == TAPE_NONE || (op_given(tape, value) && tape_rows(tape, value) == 1 &&
                                tape_columns(tape, value) == columns);
}

static size_t record(struct tape *tape, const struct tape_op_kind *kind, size_t x, size_t gain,
                     size_t bias, float eps)
{
  if (!op_given(tape, x))
    return TAPE_NONE;
  size_t columns = tape_columns(tape, x);
  if (!is_vector(tape, gain, columns) || !is_vector(tape, bias, columns))
    return op_fault(tape, "a norm's vector of another length");
  struct tape_op *op = op_record(tape, kind, sizeof(struct norm));
  if (!op)
    return TAPE_NONE;
  struct norm *norm = op->detail;
  op_operand(tape, op, x);
  norm->gain = gain == TAPE_NONE ? TAPE_NONE : op_operand(tape, op, gain);
  norm->bias = bias == TAPE_NONE ? TAPE_NONE : op_operand(tape, op, bias);
  norm->eps = eps;
  norm->rms = kind == &rms_norm_kind;
  return op_output(tape, op, tape_rows(tape, x), columns);
}

size_t tape_layer_norm(struct tape *tape, size_t x, size_t gain, size_t bias, float eps)
{
  return record(tape, &layer_norm_kind, x, gain, bias, eps);
}

size_t tape_rms_norm(struct tape *tape, size_t x, size_t gain, float eps)
{
  if (gain == TAPE_NONE)
    return op_fault(tape, "an rms norm without gain");
  return record(tape, &rms_norm_kind, x, gain, TAPE_NONE, eps);
}

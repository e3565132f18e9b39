/* Layer norm and rms norm, of rows or of the heads of a row. */
#include "tape/op.h"

struct norm {
  size_t heads;       /* equal parts of a row, each normed by itself */
  size_t gains, bias; /* operands: gains 1 .. gains, of each head or of all; bias or TAPE_NONE */
  float eps;
  bool rms;
};

static const float *vector(const struct tape *tape, const struct tape_op *op, size_t k)
{
  return k == TAPE_NONE ? NULL : op_in(tape, op, k)->data;
}

/* The operand with a head's gain. */
static size_t gain_of(const struct norm *norm, size_t head)
{
  return !norm->gains ? TAPE_NONE : norm->gains == 1 ? 1 : 1 + head;
}

static void norm_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct norm *norm = op->detail;
  const float *x = value_row(op_in(tape, op, 0), row), *bias = vector(tape, op, norm->bias);
  float *y = value_row(op_out(tape, op), row);
  size_t width = op_out(tape, op)->columns / norm->heads;
  (void)scratch;
  for (size_t head = 0; head < norm->heads; head++, x += width, y += width) {
    const float *gain = vector(tape, op, gain_of(norm, head));
    if (norm->rms)
      tape->kernels->rms_norm(x, gain, y, width, norm->eps);
    else
      tape->kernels->layer_norm(x, gain, bias, y, width, norm->eps);
  }
}

static void norm_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 2, norm_row);
}

static bool wants(const struct tape *tape, const struct tape_op *op, size_t k)
{
  return k != TAPE_NONE && op_in(tape, op, k)->wanted;
}

static bool wants_gains(const struct tape *tape, const struct tape_op *op)
{
  const struct norm *norm = op->detail;
  for (size_t k = 1; k <= norm->gains; k++)
    if (wants(tape, op, k))
      return true;
  return false;
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
  const struct tape_value *value = op_in(tape, op, 0);
  const float *x = value_row(value, row), *dy = gradient_row(op_out(tape, op), row);
  size_t width = value->columns / norm->heads;
  float *products = wants_gains(tape, op) ? op->scratch[1] + row * value->columns : NULL;
  for (size_t head = 0; head < norm->heads; head++, x += width, dy += width, dx += width) {
    const float *gain = vector(tape, op, gain_of(norm, head));
    float *product = products ? products + head * width : NULL;
    if (norm->rms)
      tape->kernels->rms_norm_backward(x, gain, dy, dx, product, width, norm->eps);
    else
      tape->kernels->layer_norm_backward(x, gain, dy, dx, product, width, norm->eps);
  }
}

/* Where the input itself wants no gradient, the rows of dy * h are still needed. */
static void gain_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  norm_gradient(tape, op, row, scratch);
}

/* One gain: over all heads of all rows; of several each over the rows of its own head. */
static void sum_gains(struct tape *tape, struct tape_op *op, float *sums)
{
  const struct norm *norm = op->detail;
  const struct tape_value *x = op_in(tape, op, 0);
  size_t width = x->columns / norm->heads, shared = norm->gains == 1 ? norm->heads : 1;
  for (size_t k = 1; k <= norm->gains; k++)
    if (wants(tape, op, k))
      op_column_sum(tape, op, k, 0, op->scratch[1] + (k - 1) * width, x->columns / shared,
                    x->rows * shared, width, sums);
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
  sum_gains(tape, op, sums);
}

#define NORM_KIND(title)                                                                           \
  {                                                                                                \
    .name = title, .forward = norm_forward, .backward = norm_backward, .scratch = norm_scratch,    \
    .reads = UINT32_MAX, .gradient_in_place = true                                                 \
  }
static const struct tape_op_kind layer_norm_kind = NORM_KIND("layer norm");
static const struct tape_op_kind rms_norm_kind = NORM_KIND("rms norm");

static bool is_vector(struct tape *tape, size_t value, size_t columns)
{
  return op_given(tape, value) && tape_rows(tape, value) == 1 &&
         tape_columns(tape, value) == columns;
}

static size_t record(struct tape *tape, size_t x, const struct norm *how, const size_t *gains,
                     size_t bias)
{
  if (!op_given(tape, x))
    return TAPE_NONE;
  size_t columns = tape_columns(tape, x);
  if (!how->heads || columns % how->heads || (how->gains > 1 && how->gains != how->heads) ||
      (how->rms && !how->gains))
    return op_fault(tape, "a norm of parts that do not fit");
  struct tape_op *op =
      op_record(tape, how->rms ? &rms_norm_kind : &layer_norm_kind, sizeof(struct norm));
  if (!op)
    return TAPE_NONE;
  struct norm *norm = op->detail;
  *norm = *how;
  norm->bias = TAPE_NONE;
  op_operand(tape, op, x);
  for (size_t k = 0; k < how->gains; k++) {
    if (!is_vector(tape, gains[k], columns / how->heads))
      return op_fault(tape, "a norm's vector of another length");
    op_operand(tape, op, gains[k]);
  }
  if (bias != TAPE_NONE) {
    if (!is_vector(tape, bias, columns))
      return op_fault(tape, "a norm's vector of another length");
    norm->bias = op_operand(tape, op, bias);
  }
  return op_output(tape, op, tape_rows(tape, x), columns);
}

size_t tape_layer_norm(struct tape *tape, size_t x, size_t gain, size_t bias, float eps)
{
  const struct norm how = {.heads = 1, .gains = gain != TAPE_NONE, .eps = eps};
  return record(tape, x, &how, &gain, bias);
}

size_t tape_rms_norm(struct tape *tape, size_t x, size_t gain, float eps)
{
  const struct norm how = {.heads = 1, .gains = gain != TAPE_NONE, .eps = eps, .rms = true};
  return record(tape, x, &how, &gain, TAPE_NONE);
}

size_t tape_head_norm(struct tape *tape, size_t x, size_t heads, const size_t *gains, size_t count,
                      bool rms, float eps)
{
  const struct norm how = {.heads = heads, .gains = count, .eps = eps, .rms = rms};
  return record(tape, x, &how, gains, TAPE_NONE);
}

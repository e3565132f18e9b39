/* Losses: cross-entropy, squared error, weighted sum. */
#include "tape/op.h"

/* --- cross-entropy --- */

struct targets {
  const int32_t *targets;
  const float *weights; /* NULL = 1 */
};

static double *row_losses(const struct tape_op *op)
{
  return (double *)(void *)op->more;
}

static void entropy_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct targets *t = op->detail;
  const struct tape_value *p = op_out(tape, op);
  (void)scratch;
  op_put(tape, MODE_WRITE, value_row(op_in(tape, op, 0), row), value_row(p, row), p->columns);
  row_losses(op)[row] =
      tape->kernels->cross_entropy(value_row(p, row), p->columns, (size_t)t->targets[row]);
}

static void entropy_forward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *p = op_out(tape, op);
  op_each_row(tape, op, p->rows, p->columns * 2, entropy_row);
  op->loss = 0;
  for (size_t row = 0; row < p->rows; row++)
    op->loss += row_losses(op)[row];
}

static void entropy_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct targets *t = op->detail;
  const struct tape_value *p = op_out(tape, op);
  float scale = (float)op->coefficient;
  op_put(tape, MODE_WRITE, value_row(p, row), dx, p->columns);
  tape->kernels->cross_entropy_backward(dx, p->columns, (size_t)t->targets[row],
                                        t->weights ? t->weights[row] * scale : scale);
}

static void entropy_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_out(tape, op)->columns, entropy_gradient);
}

static const struct tape_op_kind entropy_kind = {.name = "cross-entropy",
                                                 .forward = entropy_forward,
                                                 .backward = entropy_backward,
                                                 .reads_output = true,
                                                 .in_place = true,
                                                 .gradient_in_output = true,
                                                 .loss = true};

size_t tape_cross_entropy(struct tape *tape, size_t logits, const int32_t *targets,
                          const float *weights, double coefficient)
{
  struct tape_op *op =
      op_given(tape, logits) ? op_record(tape, &entropy_kind, sizeof(struct targets)) : NULL;
  if (!op)
    return TAPE_NONE;
  *(struct targets *)op->detail = (struct targets){targets, weights};
  op->coefficient = coefficient;
  op->more_floats = 2 * tape_rows(tape, logits); /* a double a row */
  op_operand(tape, op, logits);
  (void)op_output(tape, op, tape_rows(tape, logits), tape_columns(tape, logits));
  return op_loss(tape, op);
}

/* --- squared error and weighted sum: x and a constant of the same shape --- */

static void difference(const struct tape *tape, const struct tape_op *op, size_t row, float *to)
{
  const float *x = value_row(op_in(tape, op, 0), row);
  const float *target = value_row(op_in(tape, op, 1), row);
  for (size_t j = 0; j < op_in(tape, op, 0)->columns; j++)
    to[j] = x[j] - target[j];
}

static void squared_forward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *x = op_in(tape, op, 0);
  op->loss = 0;
  for (size_t row = 0; row < x->rows; row++) {
    difference(tape, op, row, tape->row_scratch);
    op->loss += tape->kernels->square_sum(tape->row_scratch, x->columns);
  }
}

static void squared_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  difference(tape, op, row, dx);
  tape->kernels->scale((float)(2 * op->coefficient), dx, dx, op_in(tape, op, 0)->columns);
}

static void squared_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_in(tape, op, 0)->columns, squared_gradient);
}

static const struct tape_op_kind squared_kind = {.name = "squared error",
                                                 .forward = squared_forward,
                                                 .backward = squared_backward,
                                                 .reads = 3,
                                                 .loss = true};

static void weighted_forward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *x = op_in(tape, op, 0), *factors = op_in(tape, op, 1);
  op->loss = 0;
  for (size_t row = 0; row < x->rows; row++)
    op->loss += (double)tape->kernels->dot(value_row(x, row), value_row(factors, row), x->columns);
}

static void weighted_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct tape_value *factors = op_in(tape, op, 1);
  tape->kernels->scale((float)op->coefficient, value_row(factors, row), dx, factors->columns);
}

static void weighted_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_in(tape, op, 0)->columns / 2, weighted_gradient);
}

static const struct tape_op_kind weighted_kind = {.name = "weighted sum",
                                                  .forward = weighted_forward,
                                                  .backward = weighted_backward,
                                                  .reads = 2,
                                                  .loss = true};

static size_t record(struct tape *tape, const struct tape_op_kind *kind, size_t x, size_t constant,
                     double coefficient)
{
  if (!op_given(tape, x) || !op_given(tape, constant))
    return TAPE_NONE;
  if (tape_rows(tape, x) != tape_rows(tape, constant) ||
      tape_columns(tape, x) != tape_columns(tape, constant) || tape->values[constant].wanted)
    return op_fault(tape, "a loss against something that is not a constant of the same shape");
  struct tape_op *op = op_record(tape, kind, 0);
  if (!op)
    return TAPE_NONE;
  op->coefficient = coefficient;
  op_operand(tape, op, x);
  op_operand(tape, op, constant);
  return op_loss(tape, op);
}

size_t tape_squared_error(struct tape *tape, size_t x, size_t target, double coefficient)
{
  return record(tape, &squared_kind, x, target, coefficient);
}

size_t tape_weighted_sum(struct tape *tape, size_t x, size_t factors, double coefficient)
{
  return record(tape, &weighted_kind, x, factors, coefficient);
}

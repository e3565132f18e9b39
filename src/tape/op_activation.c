/* Clip, GELU in two forms, SiLU times up. */
#include "tape/op.h"

/* About what an element costs, exp or erf included. */
#define ACTIVATION_WORK 4

/* --- functions of one element, in place over a copy --- */

static void apply(const struct tape *tape, const struct tape_op *op, float *x, size_t n);
static void apply_backward(const struct tape *tape, const struct tape_op *op, const float *x,
                           float *dy, size_t n);

static void element_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_value *y = op_out(tape, op);
  (void)scratch;
  op_put(tape, MODE_WRITE, value_row(op_in(tape, op, 0), row), value_row(y, row), y->columns);
  apply(tape, op, value_row(y, row), y->columns);
}

static void element_forward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *y = op_out(tape, op);
  op_each_row(tape, op, y->rows, y->columns * ACTIVATION_WORK, element_row);
}

static void element_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct tape_value *y = op_out(tape, op);
  op_put(tape, MODE_WRITE, gradient_row(y, row), dx, y->columns);
  apply_backward(tape, op, value_row(op_in(tape, op, 0), row), dx, y->columns);
}

static void element_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_out(tape, op)->columns * ACTIVATION_WORK, element_gradient);
}

#define ELEMENT_KIND(title)                                                                        \
  {                                                                                                \
    .name = title, .forward = element_forward, .backward = element_backward, .reads = 1,           \
    .in_place = true, .gradient_in_place = true                                                    \
  }
static const struct tape_op_kind clip_kind = ELEMENT_KIND("clip");
static const struct tape_op_kind gelu_kind = ELEMENT_KIND("GELU");
static const struct tape_op_kind gelu_tanh_kind = ELEMENT_KIND("GELU (tanh)");

static void apply(const struct tape *tape, const struct tape_op *op, float *x, size_t n)
{
  if (op->kind == &clip_kind)
    tape->kernels->clip(x, n, *(const float *)op->detail);
  else if (op->kind == &gelu_kind)
    tape->kernels->gelu(x, n);
  else
    tape->kernels->gelu_tanh(x, n);
}

static void apply_backward(const struct tape *tape, const struct tape_op *op, const float *x,
                           float *dy, size_t n)
{
  if (op->kind == &clip_kind)
    tape->kernels->clip_backward(x, dy, n, *(const float *)op->detail);
  else if (op->kind == &gelu_kind)
    tape->kernels->gelu_backward(x, dy, n);
  else
    tape->kernels->gelu_tanh_backward(x, dy, n);
}

static size_t record(struct tape *tape, const struct tape_op_kind *kind, size_t x, float limit)
{
  struct tape_op *op = op_given(tape, x) ? op_record(tape, kind, sizeof limit) : NULL;
  if (!op)
    return TAPE_NONE;
  *(float *)op->detail = limit;
  op_operand(tape, op, x);
  return op_output(tape, op, tape_rows(tape, x), tape_columns(tape, x));
}

size_t tape_clip(struct tape *tape, size_t x, float limit)
{
  return record(tape, &clip_kind, x, limit);
}

size_t tape_gelu(struct tape *tape, size_t x)
{
  return record(tape, &gelu_kind, x, 0);
}

size_t tape_gelu_tanh(struct tape *tape, size_t x)
{
  return record(tape, &gelu_tanh_kind, x, 0);
}

/* --- SiLU times up --- */

static void silu_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_value *y = op_out(tape, op);
  const float *gate = value_row(op_in(tape, op, 0), row);
  (void)scratch;
  tape->kernels->silu_mul(gate, gate + y->columns, value_row(y, row), y->columns);
}

static void silu_forward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *y = op_out(tape, op);
  op_each_row(tape, op, y->rows, y->columns * ACTIVATION_WORK, silu_row);
}

static void silu_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct tape_value *y = op_out(tape, op);
  const float *gate = value_row(op_in(tape, op, 0), row);
  tape->kernels->silu_mul_backward(gate, gate + y->columns, gradient_row(y, row), dx,
                                   dx + y->columns, y->columns);
}

static void silu_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_out(tape, op)->columns * ACTIVATION_WORK, silu_gradient);
}

static const struct tape_op_kind silu_kind = {
    .name = "SiLU times up", .forward = silu_forward, .backward = silu_backward, .reads = 1};

size_t tape_silu_mul(struct tape *tape, size_t x)
{
  if (!op_given(tape, x))
    return TAPE_NONE;
  if (tape_columns(tape, x) % 2)
    return op_fault(tape, "gate and up of different widths");
  struct tape_op *op = op_record(tape, &silu_kind, 0);
  if (!op)
    return TAPE_NONE;
  op_operand(tape, op, x);
  return op_output(tape, op, tape_rows(tape, x), tape_columns(tape, x) / 2);
}

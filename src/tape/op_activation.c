/* Clip, GELU in two forms, SiLU times up. */
#include "tape/op.h"

/* About what an element costs, exp or erf included. */
#define ACTIVATION_WORK 4

/* --- clip --- */

static void clip_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_value *y = op_out(tape, op);
  (void)scratch;
  op_put(tape, MODE_WRITE, value_row(op_in(tape, op, 0), row), value_row(y, row), y->columns);
  tape->kernels->clip(value_row(y, row), y->columns, *(const float *)op->detail);
}

static void clip_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 4, clip_row);
}

static void clip_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct tape_value *y = op_out(tape, op);
  op_put(tape, MODE_WRITE, gradient_row(y, row), dx, y->columns);
  tape->kernels->clip_backward(value_row(op_in(tape, op, 0), row), dx, y->columns,
                               *(const float *)op->detail);
}

static void clip_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_out(tape, op)->columns / 4, clip_gradient);
}

static const struct tape_op_kind clip_kind = {.name = "clip",
                                              .forward = clip_forward,
                                              .backward = clip_backward,
                                              .reads = 1,
                                              .in_place = true,
                                              .gradient_in_place = true};

size_t tape_clip(struct tape *tape, size_t x, float limit)
{
  return op_alike(tape, &clip_kind, x, &limit, sizeof limit);
}

/* --- GELU: the forward pass keeps the slope, which shares its costly part, instead of x --- */

static const struct tape_op_kind gelu_tanh_kind;

static float *slope_row(const struct tape *tape, const struct tape_op *op, size_t row)
{
  return op->more + row * op_out(tape, op)->columns;
}

static void gelu_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct kernels *k = tape->kernels;
  const struct tape_value *y = op_out(tape, op);
  float *to = value_row(y, row), *slope = op->backward ? slope_row(tape, op, row) : scratch;
  op_put(tape, MODE_WRITE, value_row(op_in(tape, op, 0), row), to, y->columns);
  if (op->kind == &gelu_tanh_kind)
    k->gelu_tanh_slope(to, slope, y->columns);
  else
    k->gelu_slope(to, slope, y->columns);
}

static void gelu_forward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *y = op_out(tape, op);
  op_each_row(tape, op, y->rows, y->columns * ACTIVATION_WORK, gelu_row);
}

static void gelu_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct tape_value *y = op_out(tape, op);
  op_put(tape, MODE_WRITE, gradient_row(y, row), dx, y->columns);
  tape->kernels->multiply(slope_row(tape, op, row), dx, y->columns);
}

static void gelu_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_out(tape, op)->columns / 4, gelu_gradient);
}

#define GELU_KIND(title)                                                                           \
  {                                                                                                \
    .name = title, .forward = gelu_forward, .backward = gelu_backward, .in_place = true,           \
    .for_adjoint = true, .gradient_in_place = true                                                 \
  }
static const struct tape_op_kind gelu_kind = GELU_KIND("GELU");
static const struct tape_op_kind gelu_tanh_kind = GELU_KIND("GELU (tanh)");

static size_t record_gelu(struct tape *tape, const struct tape_op_kind *kind, size_t x)
{
  struct tape_op *op = op_given(tape, x) ? op_record(tape, kind, 0) : NULL;
  if (!op)
    return TAPE_NONE;
  op->more_floats = tape_rows(tape, x) * tape_columns(tape, x);
  op_operand(tape, op, x);
  return op_output(tape, op, tape_rows(tape, x), tape_columns(tape, x));
}

size_t tape_gelu(struct tape *tape, size_t x)
{
  return record_gelu(tape, &gelu_kind, x);
}

size_t tape_gelu_tanh(struct tape *tape, size_t x)
{
  return record_gelu(tape, &gelu_tanh_kind, x);
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

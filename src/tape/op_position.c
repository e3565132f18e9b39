/* What depends on a row's position in its sequence: rotation, causal softmax. */
#include "tape/op.h"

#include <string.h>

/* --- rotation --- */

static void rotate(const struct tape *tape, const struct tape_rotation *r, size_t row, size_t width,
                   bool back, float *x)
{
  const struct kernels *k = tape->kernels;
  size_t at = row % r->seq_len * r->half, end = r->heads ? r->heads * r->head_dim : width;
  void (*turn)(float *, const float *, const float *, size_t) =
      r->interleaved ? (back ? k->rope_pairs_backward : k->rope_pairs)
                     : (back ? k->rope_backward : k->rope);
  for (size_t first = 0; first < end; first += r->head_dim)
    turn(x + first, r->cosine + at, r->sine + at, r->half);
}

static void rope_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_value *y = op_out(tape, op);
  (void)scratch;
  op_put(tape, MODE_WRITE, value_row(op_in(tape, op, 0), row), value_row(y, row), y->columns);
  rotate(tape, op->detail, row, y->columns, false, value_row(y, row));
}

static void rope_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 2, rope_row);
}

static void rope_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct tape_value *y = op_out(tape, op);
  op_put(tape, MODE_WRITE, gradient_row(y, row), dx, y->columns);
  rotate(tape, op->detail, row, y->columns, true, dx);
}

static void rope_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_out(tape, op)->columns / 2, rope_gradient);
}

static const struct tape_op_kind rope_kind = {.name = "rotation",
                                              .forward = rope_forward,
                                              .backward = rope_backward,
                                              .in_place = true,
                                              .gradient_in_place = true};

size_t tape_rope(struct tape *tape, size_t x, const struct tape_rotation *rotation)
{
  if (!op_given(tape, x))
    return TAPE_NONE;
  if (!rotation->seq_len || !rotation->head_dim || 2 * rotation->half > rotation->head_dim ||
      rotation->heads > tape_columns(tape, x) / rotation->head_dim ||
      tape_columns(tape, x) % rotation->head_dim || tape_rows(tape, x) % rotation->seq_len)
    return op_fault(tape, "a rotation that does not fit");
  struct tape_op *op = op_record(tape, &rope_kind, sizeof *rotation);
  if (!op)
    return TAPE_NONE;
  *(struct tape_rotation *)op->detail = *rotation;
  op_operand(tape, op, x);
  return op_output(tape, op, tape_rows(tape, x), tape_columns(tape, x));
}

/* --- causal softmax --- */

static size_t keys_of(const struct tape_op *op, size_t row)
{
  return row % *(const size_t *)op->detail + 1;
}

static void softmax_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_value *p = op_out(tape, op);
  size_t keys = keys_of(op, row);
  float *to = value_row(p, row);
  (void)scratch;
  op_put(tape, MODE_WRITE, value_row(op_in(tape, op, 0), row), to, keys);
  tape->kernels->softmax(to, keys, 1.0f);
  memset(to + keys, 0, (p->columns - keys) * sizeof *to);
}

static void softmax_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns, softmax_row);
}

static void softmax_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct tape_value *p = op_out(tape, op);
  size_t keys = keys_of(op, row);
  op_put(tape, MODE_WRITE, gradient_row(p, row), dx, keys);
  tape->kernels->softmax_backward(value_row(p, row), dx, keys, 1.0f);
  memset(dx + keys, 0, (p->columns - keys) * sizeof *dx);
}

static void softmax_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_out(tape, op)->columns, softmax_gradient);
}

static const struct tape_op_kind softmax_kind = {.name = "causal softmax",
                                                 .forward = softmax_forward,
                                                 .backward = softmax_backward,
                                                 .reads_output = true,
                                                 .in_place = true,
                                                 .gradient_in_place = true};

size_t tape_causal_softmax(struct tape *tape, size_t scores, size_t seq_len)
{
  if (!op_given(tape, scores))
    return TAPE_NONE;
  if (!seq_len || tape_columns(tape, scores) != seq_len || tape_rows(tape, scores) % seq_len)
    return op_fault(tape, "scores that are not square");
  struct tape_op *op = op_record(tape, &softmax_kind, sizeof seq_len);
  if (!op)
    return TAPE_NONE;
  *(size_t *)op->detail = seq_len;
  op_operand(tape, op, scores);
  return op_output(tape, op, tape_rows(tape, scores), seq_len);
}

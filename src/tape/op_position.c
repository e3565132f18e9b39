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
  return op_alike(tape, &rope_kind, x, rotation, sizeof *rotation);
}

/* --- causal softmax --- */

struct seen {
  size_t seq_len, window;
};

/* A row's keys: [first, end). */
struct span {
  size_t first, end;
};

static struct span keys_of(const struct tape_op *op, size_t row)
{
  const struct seen *seen = op->detail;
  size_t end = row % seen->seq_len + 1;
  return (struct span){seen->window && end > seen->window ? end - seen->window : 0, end};
}

static void clear_others(float *row, size_t columns, const struct span *keys)
{
  memset(row, 0, keys->first * sizeof *row);
  memset(row + keys->end, 0, (columns - keys->end) * sizeof *row);
}

static void softmax_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_value *p = op_out(tape, op);
  const struct span keys = keys_of(op, row);
  float *to = value_row(p, row);
  (void)scratch;
  op_put(tape, MODE_WRITE, value_row(op_in(tape, op, 0), row), to, keys.end);
  tape->kernels->softmax(to + keys.first, keys.end - keys.first, 1.0f);
  clear_others(to, p->columns, &keys);
}

static void softmax_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns, softmax_row);
}

static void softmax_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct tape_value *p = op_out(tape, op);
  const struct span keys = keys_of(op, row);
  op_put(tape, MODE_WRITE, gradient_row(p, row), dx, keys.end);
  tape->kernels->softmax_backward(value_row(p, row) + keys.first, dx + keys.first,
                                  keys.end - keys.first, 1.0f);
  clear_others(dx, p->columns, &keys);
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

size_t tape_causal_softmax(struct tape *tape, size_t scores, size_t seq_len, size_t window)
{
  if (!op_given(tape, scores))
    return TAPE_NONE;
  if (!seq_len || tape_columns(tape, scores) != seq_len || tape_rows(tape, scores) % seq_len)
    return op_fault(tape, "scores that are not square");
  const struct seen seen = {seq_len, window};
  return op_alike(tape, &softmax_kind, scores, &seen, sizeof seen);
}

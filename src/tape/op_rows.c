/* Rows by number: embed, select, place; transpose. */
#include "tape/op.h"

#include <string.h>

struct picked {
  const int32_t *rows; /* [count] */
  int32_t *owned;      /* of select_rows */
};

/* --- embed and select --- */

static void pick_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct picked *picked = op->detail;
  const struct tape_value *table = op_in(tape, op, 0), *y = op_out(tape, op);
  (void)scratch;
  memcpy(value_row(y, row), value_row(table, (size_t)picked->rows[row]),
         y->columns * sizeof(float));
}

static void pick_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 8, pick_row);
}

static size_t pick_scratch(const struct tape *tape, const struct tape_op *op, bool backward)
{
  const struct tape_value *table = op_in(tape, op, 0);
  return backward && op_may_add(tape, op, 0) ? table->rows * table->columns : 0;
}

static void pick_backward(struct tape *tape, struct tape_op *op)
{
  const struct picked *picked = op->detail;
  const struct tape_value *table = op_in(tape, op, 0), *y = op_out(tape, op);
  bool add = op_mode(tape, op, 0) == MODE_ADD;
  float *to = add ? op->scratch[1] : table->gradient;
  size_t stride = add ? table->columns : table->stride;
  for (size_t row = 0; row < table->rows; row++)
    memset(to + row * stride, 0, table->columns * sizeof *to);
  tape->kernels->scatter_add(picked->rows, y->rows, y->gradient, y->stride, to, stride, y->columns);
  for (size_t row = 0; add && row < table->rows; row++)
    tape->kernels->add(to + row * stride, gradient_row(table, row), table->columns);
}

static const struct tape_op_kind embed_kind = {
    .name = "embed", .forward = pick_forward, .backward = pick_backward, .scratch = pick_scratch};

static const struct tape_op_kind select_kind = {.name = "select rows",
                                                .forward = pick_forward,
                                                .backward = pick_backward,
                                                .scratch = pick_scratch};

static size_t record_pick(struct tape *tape, const struct tape_op_kind *kind, size_t x,
                          const int32_t *rows, size_t count, bool own)
{
  if (!op_given(tape, x))
    return TAPE_NONE;
  size_t columns = tape_columns(tape, x);
  size_t head = sizeof(struct picked);
  struct tape_op *op = op_record(tape, kind, head + (own ? count * sizeof *rows : 0));
  if (!op)
    return TAPE_NONE;
  struct picked *picked = op->detail;
  picked->rows = rows;
  if (own) {
    picked->owned = (int32_t *)(void *)((char *)op->detail + head);
    memcpy(picked->owned, rows, count * sizeof *rows);
    picked->rows = picked->owned;
  }
  op_operand(tape, op, x);
  return op_output(tape, op, count, columns);
}

size_t tape_embed(struct tape *tape, size_t table, const int32_t *ids, size_t count)
{
  return record_pick(tape, &embed_kind, table, ids, count, false);
}

size_t tape_select_rows(struct tape *tape, size_t x, const int32_t *rows, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (rows[i] < 0 || (size_t)rows[i] >= tape_rows(tape, x))
      return op_fault(tape, "rows that a value does not have");
  return record_pick(tape, &select_kind, x, rows, count, true);
}

/* --- place --- */

/* Which operand and which of its rows comes to a row; operand TAPE_NONE: zeros. */
struct placed {
  size_t operand, row;
};

static void place_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct placed *from = (const struct placed *)op->detail + row;
  const struct tape_value *y = op_out(tape, op);
  (void)scratch;
  if (from->operand == TAPE_NONE)
    memset(value_row(y, row), 0, y->columns * sizeof(float));
  else
    memcpy(value_row(y, row), value_row(op_in(tape, op, from->operand), from->row),
           y->columns * sizeof(float));
}

static void place_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 8, place_row);
}

static void place_backward(struct tape *tape, struct tape_op *op)
{
  const struct placed *from = op->detail;
  const struct tape_value *y = op_out(tape, op);
  for (size_t k = op->count; k-- > 0;)
    for (size_t row = 0; row < y->rows && op_in(tape, op, k)->wanted; row++)
      if (from[row].operand == k)
        op_put(tape, op_mode(tape, op, k), gradient_row(y, row),
               gradient_row(op_in(tape, op, k), from[row].row), y->columns);
}

static const struct tape_op_kind place_kind = {
    .name = "place rows", .forward = place_forward, .backward = place_backward, .repeats = true};

/* Where the rows of source k go; a fault where a row is taken or is none. */
static bool note_rows(struct tape *tape, const struct tape_placed *source, size_t k, size_t rows,
                      struct placed *from)
{
  for (size_t i = 0; i < tape_rows(tape, source->x); i++) {
    if (source->rows[i] < 0 || (size_t)source->rows[i] >= rows ||
        from[source->rows[i]].operand != TAPE_NONE) {
      op_fault(tape, "rows placed twice, or past the end");
      return false;
    }
    from[source->rows[i]] = (struct placed){k, i};
  }
  return true;
}

size_t tape_place_rows(struct tape *tape, size_t rows, const struct tape_placed *sources,
                       size_t count)
{
  if (!count || !op_given(tape, sources[0].x))
    return op_fault(tape, "nothing to place");
  size_t columns = tape_columns(tape, sources[0].x);
  struct tape_op *op = op_record(tape, &place_kind, rows * sizeof(struct placed));
  if (!op)
    return TAPE_NONE;
  for (size_t row = 0; row < rows; row++)
    ((struct placed *)op->detail)[row] = (struct placed){TAPE_NONE, 0};
  for (size_t k = 0; k < count; k++) {
    if (!op_given(tape, sources[k].x) || tape_columns(tape, sources[k].x) != columns)
      return op_fault(tape, "placed rows of different widths");
    if (!note_rows(tape, &sources[k], op_operand(tape, op, sources[k].x), rows, op->detail))
      return TAPE_NONE;
  }
  return op_output(tape, op, rows, columns);
}

/* --- stack: rows are counted at every run, as they may be limited --- */

static void stack_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_value *a = op_in(tape, op, 0), *b = op_in(tape, op, 1), *y = op_out(tape, op);
  (void)scratch;
  memcpy(value_row(y, row), row < a->rows ? value_row(a, row) : value_row(b, row - a->rows),
         y->columns * sizeof(float));
}

static void stack_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 8, stack_row);
}

static void stack_backward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *y = op_out(tape, op);
  for (size_t k = 2, end = y->rows; k-- > 0; end -= op_in(tape, op, k)->rows) {
    const struct tape_value *x = op_in(tape, op, k);
    for (size_t row = 0; row < x->rows && x->wanted; row++)
      op_put(tape, op_mode(tape, op, k), gradient_row(y, end - x->rows + row), gradient_row(x, row),
             y->columns);
  }
}

static const struct tape_op_kind stack_kind = {
    .name = "stack rows", .forward = stack_forward, .backward = stack_backward, .repeats = true};

size_t tape_stack_rows(struct tape *tape, size_t a, size_t b)
{
  if (!op_given(tape, a) || !op_given(tape, b))
    return TAPE_NONE;
  if (tape_columns(tape, a) != tape_columns(tape, b))
    return op_fault(tape, "stacked rows of different widths");
  struct tape_op *op = op_record(tape, &stack_kind, 0);
  if (!op)
    return TAPE_NONE;
  op_operand(tape, op, a);
  op_operand(tape, op, b);
  return op_output(tape, op, tape_rows(tape, a) + tape_rows(tape, b), tape_columns(tape, a));
}

/* --- transpose --- */

static void transpose_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_value *x = op_in(tape, op, 0), *y = op_out(tape, op);
  float *to = value_row(y, row);
  (void)scratch;
  for (size_t j = 0; j < y->columns; j++)
    to[j] = x->data[j * x->stride + row];
}

static void transpose_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns, transpose_row);
}

static void transpose_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct tape_value *x = op_in(tape, op, 0), *y = op_out(tape, op);
  (void)tape;
  for (size_t j = 0; j < x->columns; j++)
    dx[j] = y->gradient[j * y->stride + row];
}

static void transpose_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_in(tape, op, 0)->columns, transpose_gradient);
}

static const struct tape_op_kind transpose_kind = {
    .name = "transpose", .forward = transpose_forward, .backward = transpose_backward};

size_t tape_transpose(struct tape *tape, size_t x)
{
  struct tape_op *op = op_given(tape, x) ? op_record(tape, &transpose_kind, 0) : NULL;
  if (!op)
    return TAPE_NONE;
  op_operand(tape, op, x);
  return op_output(tape, op, tape_columns(tape, x), tape_rows(tape, x));
}

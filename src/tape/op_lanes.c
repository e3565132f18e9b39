/* Into lanes and out of them: rows by number turned, rotation, logits from scores. */
#include "gemm.h"
#include "tape/lanes.h"
#include "tape/op.h"

#include <string.h>

/* --- embed across --- */

struct picked {
  const int32_t *ids; /* [columns of y] */
};

/* How many rows are turned at a time: what a kernel packs. */
static size_t panel(const struct tape *tape)
{
  return (size_t)tape->kernels->tiles[0].nr;
}

/* out [k][width] from `count` <= width rows of k floats. */
static void turn(const struct tape *tape, const void *const *rows, size_t count, size_t k,
                 float *out)
{
  static const enum gemm_type types[GEMM_MAX_NR] = {GEMM_F32};
  _Static_assert(GEMM_F32 == 0, "the rest of the array is of that type");
  for (size_t k0 = 0; k0 < k; k0 += GEMM_BLOCK) {
    size_t kc = k - k0 < GEMM_BLOCK ? k - k0 : GEMM_BLOCK;
    (void)tape->kernels->pack(types, rows, (int)count, k0, kc, (int)panel(tape),
                              out + k0 * panel(tape));
  }
}

static void embed_forward(struct tape *tape, struct tape_op *op)
{
  const struct picked *picked = op->detail;
  const struct tape_value *table = op_in(tape, op, 0), *y = op_out(tape, op);
  size_t width = panel(tape);
  const void *rows[GEMM_MAX_NR];
  for (size_t i = 0; i < y->columns; i += width) {
    size_t count = y->columns - i < width ? y->columns - i : width;
    for (size_t j = 0; j < count; j++)
      rows[j] = value_row(table, (size_t)picked->ids[i + j]);
    turn(tape, rows, count, y->rows, op->scratch[0]);
    for (size_t row = 0; row < y->rows; row++)
      memcpy(value_row(y, row) + i, op->scratch[0] + row * width, count * sizeof(float));
  }
}

/* Forward a panel; backward one of all columns of y and, where it is added, the whole table. */
static size_t embed_scratch(const struct tape *tape, const struct tape_op *op, bool backward)
{
  const struct tape_value *table = op_in(tape, op, 0), *y = op_out(tape, op);
  if (!backward)
    return y->rows * panel(tape);
  return gemm_round_up(y->columns * panel(tape), 16) +
         (op_may_add(tape, op, 0) ? table->rows * table->columns : 0);
}

/* The rows of dy^T are added in order, a panel of their columns at a time. */
static void embed_backward(struct tape *tape, struct tape_op *op)
{
  const struct picked *picked = op->detail;
  const struct tape_value *table = op_in(tape, op, 0), *y = op_out(tape, op);
  bool add = op_mode(tape, op, 0) == MODE_ADD;
  size_t width = panel(tape), stride = add ? table->columns : table->stride;
  float *turned = op->scratch[1];
  float *to = add ? turned + gemm_round_up(y->columns * width, 16) : table->gradient;
  const void *rows[GEMM_MAX_NR];
  for (size_t row = 0; row < table->rows; row++)
    memset(to + row * stride, 0, table->columns * sizeof *to);
  for (size_t c = 0; c < y->rows; c += width) {
    size_t count = y->rows - c < width ? y->rows - c : width;
    for (size_t j = 0; j < count; j++)
      rows[j] = gradient_row(y, c + j);
    turn(tape, rows, count, y->columns, turned);
    tape->kernels->scatter_add(picked->ids, y->columns, turned, width, to + c, stride, count);
  }
  for (size_t row = 0; add && row < table->rows; row++)
    tape->kernels->add(to + row * stride, gradient_row(table, row), table->columns);
}

static const struct tape_op_kind embed_kind = {.name = "embed across",
                                               .forward = embed_forward,
                                               .backward = embed_backward,
                                               .scratch = embed_scratch};

size_t tape_embed_across(struct tape *tape, size_t table, const int32_t *ids, size_t count)
{
  struct tape_op *op =
      op_given(tape, table) ? op_record(tape, &embed_kind, sizeof(struct picked)) : NULL;
  if (!op)
    return TAPE_NONE;
  *(struct picked *)op->detail = (struct picked){ids};
  op_operand(tape, op, table);
  return op_output(tape, op, tape_columns(tape, table), count);
}

/* --- rope across --- */

/* A pair of neighbouring rows is a row of two halves, the angle of every column beside it. */
struct turning {
  size_t half;
  float angles[]; /* cosines [half][columns], then sines */
};

static const float *cosines(const struct turning *t, size_t pair, size_t columns)
{
  return t->angles + pair % t->half * columns;
}

static const float *sines(const struct turning *t, size_t pair, size_t columns)
{
  return t->angles + (t->half + pair % t->half) * columns;
}

static void rope_forward(struct tape *tape, struct tape_op *op)
{
  const struct turning *t = op->detail;
  const struct tape_value *x = op_in(tape, op, 0), *y = op_out(tape, op);
  size_t n = y->columns;
  for (size_t row = 0; row < y->rows; row += 2) {
    for (size_t i = row; i < row + 2; i++)
      op_put(tape, MODE_WRITE, value_row(x, i), value_row(y, i), n);
    tape->kernels->rope(value_row(y, row), cosines(t, row / 2, n), sines(t, row / 2, n), n);
  }
}

static void rope_backward(struct tape *tape, struct tape_op *op)
{
  const struct turning *t = op->detail;
  const struct tape_value *x = op_in(tape, op, 0), *y = op_out(tape, op);
  bool add = op_mode(tape, op, 0) == MODE_ADD;
  size_t n = y->columns;
  for (size_t row = 0; row < y->rows; row += 2) {
    float *dx = add ? op->scratch[1] : gradient_row(x, row);
    op_put(tape, MODE_WRITE, gradient_row(y, row), dx, 2 * n);
    tape->kernels->rope_backward(dx, cosines(t, row / 2, n), sines(t, row / 2, n), n);
    if (add)
      tape->kernels->add(dx, gradient_row(x, row), 2 * n);
  }
}

static size_t rope_scratch(const struct tape *tape, const struct tape_op *op, bool backward)
{
  return backward && op_may_add(tape, op, 0) ? 2 * op_out(tape, op)->columns : 0;
}

static const struct tape_op_kind rope_kind = {.name = "rotate across",
                                              .forward = rope_forward,
                                              .backward = rope_backward,
                                              .scratch = rope_scratch,
                                              .in_place = true,
                                              .gradient_in_place = true};

static void note_angles(struct turning *t, const struct tape_lanes *l, size_t first,
                        const float *cosine, const float *sine)
{
  size_t n = l->sequences, columns = (l->seq_len - first) * n;
  for (size_t pair = 0; pair < t->half; pair++)
    for (size_t i = 0; i < columns; i++) {
      size_t at = (first + i / n) * t->half + pair;
      t->angles[pair * columns + i] = cosine[at];
      t->angles[(t->half + pair) * columns + i] = sine[at];
    }
}

size_t tape_rope_across(struct tape *tape, size_t x, const struct tape_lanes *l, bool queries,
                        const float *cosine, const float *sine)
{
  size_t first = queries ? l->first_query : 0, columns = (l->seq_len - first) * l->sequences;
  size_t half = l->head_dim / 2;
  if (!op_given(tape, x))
    return TAPE_NONE;
  if (l->head_dim % 2 || tape_rows(tape, x) != l->heads * l->head_dim ||
      tape_columns(tape, x) != columns || tape_stride(tape, x) != columns)
    return op_fault(tape, "a rotation across of the wrong shape");
  struct tape_op *op =
      op_record(tape, &rope_kind, sizeof(struct turning) + 2 * half * columns * sizeof(float));
  if (!op)
    return TAPE_NONE;
  struct turning *t = op->detail;
  t->half = half;
  note_angles(t, l, first, cosine, sine);
  op_operand(tape, op, x);
  return op_output(tape, op, tape_rows(tape, x), columns);
}

/* --- spread --- */

struct spread {
  const int32_t *columns; /* [count][N] */
  size_t count;
  float fill;
  size_t rows[];
};

static void spread_forward(struct tape *tape, struct tape_op *op)
{
  const struct spread *s = op->detail;
  const struct tape_value *x = op_in(tape, op, 0), *y = op_out(tape, op);
  for (size_t i = 0; i < y->rows; i++) {
    float *row = value_row(y, i);
    for (size_t j = 0; j < y->columns; j++)
      row[j] = s->fill;
    for (size_t k = 0; k < s->count; k++)
      row[s->columns[k * y->rows + i]] = value_row(x, s->rows[k])[i];
  }
}

static void spread_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct spread *s = op->detail;
  const struct tape_value *x = op_in(tape, op, 0), *y = op_out(tape, op);
  (void)tape;
  memset(dx, 0, x->columns * sizeof *dx);
  for (size_t k = 0; k < s->count; k++)
    for (size_t i = 0; s->rows[k] == row && i < y->rows; i++)
      dx[i] = gradient_row(y, i)[s->columns[k * y->rows + i]];
}

static void spread_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_in(tape, op, 0)->columns, spread_gradient);
}

static const struct tape_op_kind spread_kind = {
    .name = "spread", .forward = spread_forward, .backward = spread_backward};

size_t tape_spread(struct tape *tape, size_t x, const size_t *rows, size_t count,
                   const int32_t *columns, size_t width, float fill)
{
  if (!op_given(tape, x))
    return TAPE_NONE;
  struct tape_op *op = op_record(tape, &spread_kind, sizeof(struct spread) + count * sizeof *rows);
  if (!op)
    return TAPE_NONE;
  struct spread *s = op->detail;
  *s = (struct spread){.columns = columns, .count = count, .fill = fill};
  memcpy(s->rows, rows, count * sizeof *rows);
  for (size_t k = 0; k < count; k++)
    if (rows[k] >= tape_rows(tape, x))
      return op_fault(tape, "rows that a value does not have");
  op_operand(tape, op, x);
  return op_output(tape, op, tape_columns(tape, x), width);
}

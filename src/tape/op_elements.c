/* Element by element: add, scale, replace, rewrite, outer product. */
#include "tape/op.h"

#include <string.h>

/* --- add --- */

static void add_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_value *y = op_out(tape, op);
  float *to = value_row(y, row);
  (void)scratch;
  if (op->count == 3) { /* (a + b) + c: one pass, the same bits */
    memcpy(to, value_row(op_in(tape, op, 2), row), y->columns * sizeof *to);
    tape->kernels->add3(value_row(op_in(tape, op, 0), row), value_row(op_in(tape, op, 1), row), to,
                        y->columns);
    return;
  }
  op_put(tape, MODE_WRITE, value_row(op_in(tape, op, 0), row), to, y->columns);
  for (size_t k = 1; k < op->count; k++)
    tape->kernels->add(value_row(op_in(tape, op, k), row), to, y->columns);
}

static void add_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 8, add_row);
}

static void add_back_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const float *dy = gradient_row(op_out(tape, op), row);
  (void)scratch;
  for (size_t k = op->count; k-- > 0;) { /* the first may lie where dy does */
    const struct tape_value *x = op_in(tape, op, k);
    if (x->wanted)
      op_put(tape, op_mode(tape, op, k), dy, gradient_row(x, row), x->columns);
  }
}

static void add_backward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 8, add_back_row);
}

static const struct tape_op_kind add_kind = {.name = "add",
                                             .forward = add_forward,
                                             .backward = add_backward,
                                             .gradient_in_place = true,
                                             .repeats = true};

size_t tape_add(struct tape *tape, const size_t *values, size_t count)
{
  if (!count || !op_given(tape, values[0]))
    return op_fault(tape, "nothing to add");
  size_t rows = tape_rows(tape, values[0]), columns = tape_columns(tape, values[0]);
  struct tape_op *op = op_record(tape, &add_kind, 0);
  for (size_t k = 0; op && k < count; k++) {
    if (!op_given(tape, values[k]) || tape_rows(tape, values[k]) != rows ||
        tape_columns(tape, values[k]) != columns)
      return op_fault(tape, "a sum of different shapes");
    op_operand(tape, op, values[k]);
  }
  return op ? op_output(tape, op, rows, columns) : TAPE_NONE;
}

/* --- scale --- */

static void scale_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  (void)scratch;
  tape->kernels->scale(*(const float *)op->detail, value_row(op_in(tape, op, 0), row),
                       value_row(op_out(tape, op), row), op_out(tape, op)->columns);
}

static void scale_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 4, scale_row);
}

static void scale_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  tape->kernels->scale(*(const float *)op->detail, gradient_row(op_out(tape, op), row), dx,
                       op_out(tape, op)->columns);
}

static void scale_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_out(tape, op)->columns / 4, scale_gradient);
}

static const struct tape_op_kind scale_kind = {.name = "scale",
                                               .forward = scale_forward,
                                               .backward = scale_backward,
                                               .in_place = true,
                                               .gradient_in_place = true};

size_t tape_scale(struct tape *tape, size_t x, float factor)
{
  return op_alike(tape, &scale_kind, x, &factor, sizeof factor);
}

/* --- replace --- */

/* Which elements of a row a mask of zeros and ones names: whole rows go without looking at each. */
enum named { NONE_NAMED, ALL_NAMED, SOME_NAMED };

static enum named named(const unsigned char *mask, size_t n)
{
  return memchr(mask, !*mask, n) ? SOME_NAMED : *mask ? ALL_NAMED : NONE_NAMED;
}

static void replace_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_value *y = op_out(tape, op), *x = op_in(tape, op, 0);
  const unsigned char *mask = (const unsigned char *)op->detail + row * y->columns;
  const float *given = op->count > 1 ? value_row(op_in(tape, op, 1), row) : NULL;
  float *to = value_row(y, row);
  enum named which = named(mask, y->columns);
  (void)scratch;
  if (which == NONE_NAMED)
    op_put(tape, MODE_WRITE, value_row(x, row), to, y->columns);
  else if (which == ALL_NAMED && given)
    op_put(tape, MODE_WRITE, given, to, y->columns);
  else if (which == ALL_NAMED)
    memset(to, 0, y->columns * sizeof *to);
  for (size_t j = 0; which == SOME_NAMED && j < y->columns; j++)
    to[j] = !mask[j] ? value_row(x, row)[j] : given ? given[j] : 0.0f;
}

static void replace_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns, replace_row);
}

/* dy where the mask says `side`, else +0. */
static void masked(const unsigned char *mask, bool side, const float *dy, float *dx, size_t n)
{
  enum named which = named(mask, n);
  if (which == SOME_NAMED)
    for (size_t j = 0; j < n; j++)
      dx[j] = (mask[j] != 0) == side ? dy[j] : 0.0f;
  else if ((which == ALL_NAMED) != side)
    memset(dx, 0, n * sizeof *dx);
  else if (dx != dy)
    memcpy(dx, dy, n * sizeof *dx);
}

static void replace_back_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_value *y = op_out(tape, op);
  const unsigned char *mask = (const unsigned char *)op->detail + row * y->columns;
  for (size_t k = op->count; k-- > 0;) {
    const struct tape_value *x = op_in(tape, op, k);
    bool add = op_mode(tape, op, k) == MODE_ADD;
    if (!x->wanted)
      continue;
    masked(mask, k == 1, gradient_row(y, row), add ? scratch : gradient_row(x, row), y->columns);
    if (add)
      tape->kernels->add(scratch, gradient_row(x, row), y->columns);
  }
}

static void replace_backward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns, replace_back_row);
}

static const struct tape_op_kind replace_kind = {
    .name = "replace", .forward = replace_forward, .backward = replace_backward, .repeats = true};

size_t tape_replace(struct tape *tape, size_t x, const unsigned char *mask, size_t given)
{
  if (!op_given(tape, x) || (given != TAPE_NONE && !op_given(tape, given)))
    return TAPE_NONE;
  size_t rows = tape_rows(tape, x), columns = tape_columns(tape, x);
  if (given != TAPE_NONE &&
      (tape_rows(tape, given) != rows || tape_columns(tape, given) != columns))
    return op_fault(tape, "a replacement of another shape");
  struct tape_op *op = op_record(tape, &replace_kind, rows * columns);
  if (!op)
    return TAPE_NONE;
  for (size_t i = 0; i < rows * columns; i++)
    ((unsigned char *)op->detail)[i] = mask[i] != 0;
  op_operand(tape, op, x);
  if (given != TAPE_NONE)
    op_operand(tape, op, given);
  return op_output(tape, op, rows, columns);
}

/* --- rewrite --- */

struct rewrite {
  tape_write *write;
  void *context;
  unsigned char mask[]; /* [rows][columns] */
};

static void rewrite_forward(struct tape *tape, struct tape_op *op)
{
  const struct rewrite *rewrite = op->detail;
  const struct tape_value *y = op_out(tape, op), *x = op_in(tape, op, 0);
  for (size_t row = 0; row < y->rows; row++) {
    op_put(tape, MODE_WRITE, value_row(x, row), value_row(y, row), y->columns);
    if (memchr(rewrite->mask + row * y->columns, 1, y->columns))
      rewrite->write(rewrite->context, row, value_row(y, row));
  }
}

static void rewrite_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct rewrite *rewrite = op->detail;
  const struct tape_value *y = op_out(tape, op);
  masked(rewrite->mask + row * y->columns, false, gradient_row(y, row), dx, y->columns);
}

static void rewrite_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_out(tape, op)->columns, rewrite_gradient);
}

static const struct tape_op_kind rewrite_kind = {.name = "rewrite",
                                                 .forward = rewrite_forward,
                                                 .backward = rewrite_backward,
                                                 .in_place = true,
                                                 .gradient_in_place = true};

size_t tape_rewrite(struct tape *tape, size_t x, const unsigned char *mask, tape_write *write,
                    void *context)
{
  if (!op_given(tape, x))
    return TAPE_NONE;
  size_t elements = tape_rows(tape, x) * tape_columns(tape, x);
  struct tape_op *op = op_record(tape, &rewrite_kind, sizeof(struct rewrite) + elements);
  if (!op)
    return TAPE_NONE;
  struct rewrite *rewrite = op->detail;
  rewrite->write = write;
  rewrite->context = context;
  for (size_t i = 0; i < elements; i++)
    rewrite->mask[i] = mask[i] != 0;
  op_operand(tape, op, x);
  return op_output(tape, op, tape_rows(tape, x), tape_columns(tape, x));
}

/* --- outer product --- */

static size_t elements(const struct tape_value *value)
{
  return value->rows * value->columns;
}

static void outer_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  (void)scratch;
  tape->kernels->scale(op_in(tape, op, 0)->data[row], op_in(tape, op, 1)->data,
                       value_row(op_out(tape, op), row), op_out(tape, op)->columns);
}

static void outer_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 4, outer_row);
}

static size_t outer_scratch(const struct tape *tape, const struct tape_op *op, bool backward)
{
  const struct tape_value *z = op_out(tape, op);
  return backward ? (z->rows + 1) * z->columns : 0;
}

static void outer_column_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_value *z = op_out(tape, op);
  (void)scratch;
  tape->kernels->scale(op_in(tape, op, 0)->data[row], gradient_row(z, row),
                       op->scratch[1] + row * z->columns, z->columns);
}

static void outer_dot_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_value *z = op_out(tape, op);
  float d = tape->kernels->dot(gradient_row(z, row), op_in(tape, op, 1)->data, z->columns);
  (void)scratch;
  op_put(tape, op_mode(tape, op, 0), &d, op_in(tape, op, 0)->gradient + row, 1);
}

static void outer_backward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *z = op_out(tape, op);
  if (op_in(tape, op, 1)->wanted) {
    op_each_row(tape, op, z->rows, z->columns / 2, outer_column_row);
    op_column_sum(tape, op, 1, 0, op->scratch[1], z->columns, z->rows, z->columns,
                  op->scratch[1] + elements(z));
  }
  if (op_in(tape, op, 0)->wanted)
    op_each_row(tape, op, z->rows, z->columns / 2, outer_dot_row);
}

static const struct tape_op_kind outer_kind = {.name = "outer product",
                                               .forward = outer_forward,
                                               .backward = outer_backward,
                                               .scratch = outer_scratch,
                                               .reads = 3,
                                               .repeats = true};

size_t tape_outer(struct tape *tape, size_t x, size_t y)
{
  if (!op_given(tape, x) || !op_given(tape, y))
    return TAPE_NONE;
  if (tape->values[x].base != x || tape->values[y].base != y)
    return op_fault(tape, "an outer product of a view");
  struct tape_op *op = op_record(tape, &outer_kind, 0);
  if (!op)
    return TAPE_NONE;
  op_operand(tape, op, x);
  op_operand(tape, op, y);
  return op_output(tape, op, elements(&tape->values[x]), elements(&tape->values[y]));
}

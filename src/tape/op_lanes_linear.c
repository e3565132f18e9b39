/* Products from rows to features across and back: those of op_linear.c, an operand or the result
 * being stored the other way round. */
#include "gemm.h"
#include "tape/lanes.h"
#include "tape/op.h"

static size_t aligned(size_t floats)
{
  return gemm_round_up(floats, 16);
}

/* A matrix as it is stored: [rows][k] or [k][rows]. */
struct stored {
  const float *data;
  size_t stride, rows;
  bool turned;
};

static float *pack(const struct tape *tape, const struct stored *x, size_t k, int multiple,
                   float *out)
{
  if (x->turned)
    (void)gemm_pack_transposed(tape->kernels, GEMM_F32, x->data, x->stride, x->rows, k, multiple,
                               out);
  else
    gemm_pack_rows(tape->kernels, x->data, x->stride, x->rows, k, multiple, out);
  return out + aligned(gemm_packed_floats(x->rows, k, multiple));
}

/* c [rows of a][rows of b] = A B^T */
static void multiply(const struct tape *tape, struct stored a, struct stored b, size_t k,
                     float *scratch, float *c, size_t stride, bool add)
{
  int nr = gemm_nr(tape->kernels, b.rows);
  float *packed = pack(tape, &a, k, tape->kernels->mr, scratch);
  (void)pack(tape, &b, k, nr, packed);
  gemm_run_here(&(struct gemm){.kernels = tape->kernels,
                               .m = a.rows,
                               .n = b.rows,
                               .k = k,
                               .a = scratch,
                               .b = packed,
                               .b_n = b.rows,
                               .b_k = k,
                               .c = c,
                               .ldc = stride,
                               .accumulate = add});
}

static size_t scratch_of(const struct tape *tape, size_t rows, size_t columns, size_t k)
{
  return aligned(gemm_packed_floats(rows, k, tape->kernels->mr)) +
         aligned(gemm_packed_floats(columns, k, gemm_nr(tape->kernels, columns)));
}

static size_t larger(size_t a, size_t b)
{
  return a > b ? a : b;
}

static struct stored matrix(const float *data, const struct tape_value *value, bool turned)
{
  return (struct stored){data, value->stride, turned ? value->columns : value->rows, turned};
}

/* --- across --- */

static void across_forward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *x = op_in(tape, op, 0), *w = op_in(tape, op, 1), *y = op_out(tape, op);
  multiply(tape, matrix(w->data, w, false), matrix(x->data, x, false), x->columns, op->scratch[0],
           y->data, y->stride, false);
}

static void across_backward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *x = op_in(tape, op, 0), *w = op_in(tape, op, 1), *y = op_out(tape, op);
  if (w->wanted)
    multiply(tape, matrix(y->gradient, y, false), matrix(x->data, x, true), x->rows, op->scratch[1],
             w->gradient, w->stride, op_mode(tape, op, 1) == MODE_ADD);
  if (x->wanted)
    multiply(tape, matrix(y->gradient, y, true), matrix(w->data, w, true), w->rows, op->scratch[1],
             x->gradient, x->stride, op_mode(tape, op, 0) == MODE_ADD);
}

static size_t across_scratch(const struct tape *tape, const struct tape_op *op, bool backward)
{
  const struct tape_value *x = op_in(tape, op, 0), *w = op_in(tape, op, 1);
  return backward ? larger(scratch_of(tape, w->rows, x->columns, x->rows),
                           scratch_of(tape, x->rows, x->columns, w->rows))
                  : scratch_of(tape, w->rows, x->rows, x->columns);
}

static const struct tape_op_kind across_kind = {.name = "linear across",
                                                .forward = across_forward,
                                                .backward = across_backward,
                                                .scratch = across_scratch,
                                                .reads = 3};

/* --- back --- */

static void back_forward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *x = op_in(tape, op, 0), *w = op_in(tape, op, 1), *y = op_out(tape, op);
  multiply(tape, matrix(x->data, x, true), matrix(w->data, w, false), x->rows, op->scratch[0],
           y->data, y->stride, false);
}

static void back_backward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *x = op_in(tape, op, 0), *w = op_in(tape, op, 1), *y = op_out(tape, op);
  if (w->wanted)
    multiply(tape, matrix(y->gradient, y, true), matrix(x->data, x, false), x->columns,
             op->scratch[1], w->gradient, w->stride, op_mode(tape, op, 1) == MODE_ADD);
  if (x->wanted)
    multiply(tape, matrix(w->data, w, true), matrix(y->gradient, y, false), w->rows, op->scratch[1],
             x->gradient, x->stride, op_mode(tape, op, 0) == MODE_ADD);
}

static size_t back_scratch(const struct tape *tape, const struct tape_op *op, bool backward)
{
  const struct tape_value *x = op_in(tape, op, 0), *w = op_in(tape, op, 1);
  return backward ? larger(scratch_of(tape, w->rows, x->rows, x->columns),
                           scratch_of(tape, x->rows, x->columns, w->rows))
                  : scratch_of(tape, x->columns, w->rows, x->rows);
}

static const struct tape_op_kind back_kind = {.name = "linear back",
                                              .forward = back_forward,
                                              .backward = back_backward,
                                              .scratch = back_scratch,
                                              .reads = 3};

static size_t record(struct tape *tape, const struct tape_op_kind *kind, size_t x, size_t weight,
                     size_t inputs, size_t rows, size_t columns)
{
  if (tape_columns(tape, weight) != inputs)
    return op_fault(tape, "a weight that does not fit its input");
  struct tape_op *op = op_record(tape, kind, 0);
  if (!op)
    return TAPE_NONE;
  op_operand(tape, op, x);
  op_operand(tape, op, weight);
  return op_output(tape, op, rows, columns);
}

size_t tape_linear_across(struct tape *tape, size_t x, size_t weight)
{
  if (!op_given(tape, x) || !op_given(tape, weight))
    return TAPE_NONE;
  return record(tape, &across_kind, x, weight, tape_columns(tape, x), tape_rows(tape, weight),
                tape_rows(tape, x));
}

size_t tape_linear_back(struct tape *tape, size_t x, size_t weight)
{
  if (!op_given(tape, x) || !op_given(tape, weight))
    return TAPE_NONE;
  return record(tape, &back_kind, x, weight, tape_rows(tape, x), tape_columns(tape, x),
                tape_rows(tape, weight));
}

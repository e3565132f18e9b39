#include "tape/product.h"

#include <string.h>

static size_t aligned(size_t floats)
{
  return gemm_round_up(floats, 16);
}

static size_t larger(size_t a, size_t b)
{
  return a > b ? a : b;
}

/* Operand A [rows][k] and operand B [columns][k]. */
static size_t operands(const struct tape *tape, size_t rows, size_t columns, size_t k)
{
  const struct kernels *kernels = tape->kernels;
  return aligned(gemm_packed_floats(rows, k, kernels->mr)) +
         aligned(gemm_packed_floats(columns, k, gemm_nr(kernels, columns)));
}

size_t product_scratch(const struct tape *tape, size_t rows, size_t in, size_t out, bool backward)
{
  if (!backward)
    return operands(tape, rows, out, in) + aligned(out + GEMM_MAX_NR);
  return larger(operands(tape, rows, in, out), operands(tape, out, in, rows) + aligned(out));
}

/* A fused multiply-add is a small part of a simple operation. */
static struct threads *pool(const struct product *p)
{
  return p->here ? NULL : op_threads(p->tape, p->rows * p->in * p->out / 16);
}

static void run(const struct product *p, const struct gemm *gemm)
{
  struct threads *threads = pool(p);
  if (threads)
    gemm_run(gemm, threads);
  else
    gemm_run_here(gemm);
}

static float *pack_rows(const struct product *p, const float *x, size_t stride, size_t rows,
                        size_t k, int multiple, float *out)
{
  struct threads *threads = pool(p);
  if (threads)
    gemm_pack_rows_threaded(p->tape->kernels, threads, x, stride, rows, k, multiple, out);
  else
    gemm_pack_rows(p->tape->kernels, x, stride, rows, k, multiple, out);
  return out + aligned(gemm_packed_floats(rows, k, multiple));
}

static float *pack_transposed(const struct product *p, const float *x, size_t stride, size_t rows,
                              size_t k, int multiple, float *out)
{
  struct threads *threads = pool(p);
  if (threads)
    gemm_pack_transposed_threaded(p->tape->kernels, threads, GEMM_F32, x, stride, rows, k, multiple,
                                  out);
  else
    gemm_pack_transposed(p->tape->kernels, GEMM_F32, x, stride, rows, k, multiple, out);
  return out + aligned(gemm_packed_floats(rows, k, multiple));
}

/* --- forward --- */

/* Row j of W. */
static const float *weight_row(const struct product *p, size_t j)
{
  const struct product_part *part = p->parts;
  while (j >= part->count)
    j -= part++->count;
  return value_row(op_in(p->tape, p->op, part->weight), part->first + j) + p->column;
}

struct packing {
  const struct product *product;
  float *out;
  size_t width;
};

/* One panel of W as operand B for y = x W^T: all blocks of k. */
static void pack_panel(void *context, size_t panel, int worker)
{
  const struct packing *packing = context;
  const struct product *p = packing->product;
  size_t width = packing->width, padded = gemm_round_up(p->out, width), first = panel * width;
  const void *rows[GEMM_MAX_NR];
  enum gemm_type types[GEMM_MAX_NR];
  int count = 0;
  (void)worker;
  for (; count < (int)width && first + (size_t)count < p->out; count++) {
    rows[count] = weight_row(p, first + (size_t)count);
    types[count] = GEMM_F32;
  }
  for (size_t k0 = 0; k0 < p->in; k0 += GEMM_BLOCK) {
    size_t kc = p->in - k0 < GEMM_BLOCK ? p->in - k0 : GEMM_BLOCK;
    p->tape->kernels->pack(types, rows, count, k0, kc, (int)width,
                           packing->out + k0 * padded + first * kc);
  }
}

/* One panel of W as operand B for dx = dy W: columns of W, k = its rows. */
static void pack_panel_transposed(void *context, size_t panel, int worker)
{
  const struct packing *packing = context;
  const struct product *p = packing->product;
  size_t width = packing->width, padded = gemm_round_up(p->in, width), first = panel * width;
  int count = (int)(p->in - first < width ? p->in - first : width);
  const struct product_part *part = p->parts;
  (void)worker;
  for (size_t k = 0, within = 0; k < p->out;) {
    size_t block = k / GEMM_BLOCK * GEMM_BLOCK;
    size_t kc = p->out - block < GEMM_BLOCK ? p->out - block : GEMM_BLOCK;
    size_t rows = part->count - within < block + kc - k ? part->count - within : block + kc - k;
    const struct tape_value *weight = op_in(p->tape, p->op, part->weight);
    float *out = packing->out + block * padded + first * kc + (k - block) * width;
    const float *from = value_row(weight, part->first + within) + p->column + first;
    p->tape->kernels->pack_transposed(GEMM_F32, from, weight->stride, count, rows, (int)width, out);
    k += rows;
    within += rows;
    if (within == part->count) {
      part++;
      within = 0;
    }
  }
}

static float *pack_weights(const struct product *p, size_t columns, size_t k, threads_task *task,
                           float *out)
{
  struct packing packing = {p, out, (size_t)gemm_nr(p->tape->kernels, columns)};
  size_t panels = (columns + packing.width - 1) / packing.width;
  struct threads *threads = p->here ? NULL : op_threads(p->tape, columns * k / 4);
  if (threads)
    threads_run(threads, panels, task, &packing);
  else
    for (size_t panel = 0; panel < panels; panel++)
      task(&packing, panel, 0);
  return out + aligned(gemm_packed_floats(columns, k, (int)packing.width));
}

/* The biases of all parts, zeros where there is none; NULL when there are none at all. */
static const float *gather_bias(const struct product *p, float *out)
{
  bool any = false;
  size_t at = 0;
  memset(out, 0, (p->out + GEMM_MAX_NR) * sizeof *out);
  for (size_t i = 0; i < p->count; at += p->parts[i++].count) {
    const struct product_part *part = &p->parts[i];
    if (part->bias == TAPE_NONE)
      continue;
    any = true;
    memcpy(out + at, op_in(p->tape, p->op, part->bias)->data + part->first,
           part->count * sizeof *out);
  }
  return any ? out : NULL;
}

void product_forward(const struct product *p)
{
  const struct kernels *kernels = p->tape->kernels;
  float *a = p->scratch;
  float *b = pack_rows(p, p->x, p->x_stride, p->rows, p->in, kernels->mr, a);
  float *bias = pack_weights(p, p->out, p->in, pack_panel, b);
  run(p, &(struct gemm){.kernels = kernels,
                        .m = p->rows,
                        .n = p->out,
                        .k = p->in,
                        .a = a,
                        .b = b,
                        .b_n = p->out,
                        .b_k = p->in,
                        .bias = gather_bias(p, bias),
                        .c = p->y,
                        .ldc = p->y_stride});
}

/* --- backward --- */

void product_input(const struct product *p, float *dx, size_t stride, bool add)
{
  const struct kernels *kernels = p->tape->kernels;
  float *a = p->scratch;
  float *b = pack_rows(p, p->y, p->y_stride, p->rows, p->out, kernels->mr, a);
  (void)pack_weights(p, p->in, p->out, pack_panel_transposed, b);
  run(p, &(struct gemm){.kernels = kernels,
                        .m = p->rows,
                        .n = p->in,
                        .k = p->out,
                        .a = a,
                        .b = b,
                        .b_n = p->in,
                        .b_k = p->out,
                        .c = dx,
                        .ldc = stride,
                        .accumulate = add});
}

/* dW of one part: its columns of dy, transposed, times x packed as B. */
static void part_weights(const struct product *p, const struct product_part *part, size_t column,
                         const float *b, float *a)
{
  const struct kernels *kernels = p->tape->kernels;
  const struct tape_value *weight = op_in(p->tape, p->op, part->weight);
  (void)pack_transposed(p, p->y + column, p->y_stride, part->count, p->rows, kernels->mr, a);
  run(p, &(struct gemm){.kernels = kernels,
                        .m = part->count,
                        .n = p->in,
                        .k = p->rows,
                        .a = a,
                        .b = b,
                        .b_n = p->in,
                        .b_k = p->rows,
                        .c = gradient_row(weight, part->first) + p->column,
                        .ldc = weight->stride,
                        .accumulate = op_mode(p->tape, p->op, part->weight) == MODE_ADD});
}

/* An expert that no token chose. */
static void clear_part(const struct product *p, size_t operand, size_t first, size_t count)
{
  const struct tape_value *value = op_in(p->tape, p->op, operand);
  for (size_t row = 0; row < count && op_mode(p->tape, p->op, operand) == MODE_WRITE; row++)
    memset(gradient_row(value, first + row), 0, value->columns * sizeof(float));
}

void product_weights(const struct product *p)
{
  float *b = p->scratch, *a = b, *sums;
  bool wanted = false;
  for (size_t i = 0; i < p->count; i++)
    wanted |= op_in(p->tape, p->op, p->parts[i].weight)->wanted;
  if (p->rows && wanted)
    a = pack_transposed(p, p->x, p->x_stride, p->in, p->rows, gemm_nr(p->tape->kernels, p->in), b);
  sums = a + aligned(gemm_packed_floats(p->out, p->rows, p->tape->kernels->mr));
  for (size_t i = 0, column = 0; i < p->count; column += p->parts[i++].count) {
    const struct product_part *part = &p->parts[i];
    if (op_in(p->tape, p->op, part->weight)->wanted && p->rows)
      part_weights(p, part, column, b, a);
    else if (op_in(p->tape, p->op, part->weight)->wanted)
      clear_part(p, part->weight, part->first, part->count);
    if (part->bias != TAPE_NONE && op_in(p->tape, p->op, part->bias)->wanted && p->rows)
      op_column_sum(p->tape, p->op, part->bias, part->first, p->y + column, p->y_stride, p->rows,
                    part->count, sums);
  }
}

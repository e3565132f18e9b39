#include "tape/causal.h"

/* Queries, or keys, are taken in groups of this many rows, rounded down to whole tiles. */
#define GROUP_ROWS 32

static size_t group_rows(const struct kernels *kernels)
{
  size_t mr = (size_t)kernels->mr;
  return GROUP_ROWS / mr * mr;
}

static size_t min_size(size_t a, size_t b)
{
  return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
  return a > b ? a : b;
}

static size_t operand_b(const struct kernels *kernels, size_t columns, size_t k)
{
  return gemm_round_up(gemm_packed_floats(columns, k, gemm_nr(kernels, columns)), 16);
}

size_t causal_scratch(const struct kernels *kernels, size_t seq_len, size_t head_dim)
{
  size_t rows = group_rows(kernels);
  return gemm_round_up(rows * larger(seq_len, head_dim), 16) +
         larger(operand_b(kernels, seq_len, head_dim), operand_b(kernels, head_dim, seq_len));
}

void causal_outer(const struct causal *c, struct matrix a, struct matrix b, struct matrix out)
{
  const struct kernels *kernels = c->kernels;
  size_t step = group_rows(kernels), d = c->head_dim;
  float *packed = c->scratch;
  float *rows = packed + operand_b(kernels, c->seq_len, d);
  gemm_pack_rows(kernels, b.data, b.stride, c->seq_len, d, gemm_nr(kernels, c->seq_len), packed);
  for (size_t q0 = 0; q0 < c->seq_len; q0 += step) {
    size_t q1 = min_size(q0 + step, c->seq_len);
    gemm_pack_rows(kernels, a.data + q0 * a.stride, a.stride, q1 - q0, d, kernels->mr, rows);
    gemm_run_here(&(struct gemm){.kernels = kernels,
                                 .m = q1 - q0,
                                 .n = q1,
                                 .k = d,
                                 .a = rows,
                                 .b = packed,
                                 .b_n = c->seq_len,
                                 .b_k = d,
                                 .c = out.data + q0 * out.stride,
                                 .ldc = out.stride});
  }
}

/* x [T][d] as operand B with k = T. */
static float *pack_positions(const struct causal *c, struct matrix x)
{
  (void)gemm_pack_transposed(c->kernels, GEMM_F32, x.data, x.stride, c->head_dim, c->seq_len,
                             gemm_nr(c->kernels, c->head_dim), c->scratch);
  return c->scratch + operand_b(c->kernels, c->head_dim, c->seq_len);
}

void causal_product(const struct causal *c, struct matrix m, struct matrix x, struct matrix out,
                    bool add)
{
  const struct kernels *kernels = c->kernels;
  size_t step = group_rows(kernels), d = c->head_dim;
  float *rows = pack_positions(c, x);
  for (size_t q0 = 0; q0 < c->seq_len; q0 += step) {
    size_t q1 = min_size(q0 + step, c->seq_len);
    gemm_pack_rows(kernels, m.data + q0 * m.stride, m.stride, q1 - q0, q1, kernels->mr, rows);
    gemm_run_here(&(struct gemm){.kernels = kernels,
                                 .m = q1 - q0,
                                 .n = d,
                                 .k = q1,
                                 .a = rows,
                                 .b = c->scratch,
                                 .b_n = d,
                                 .b_k = c->seq_len,
                                 .c = out.data + q0 * out.stride,
                                 .ldc = out.stride,
                                 .accumulate = add});
  }
}

/* Keys [j0, j1) of M^T x, over the queries of one block of k from j0 on. */
static void transposed_block(const struct causal *c, struct matrix m, struct matrix out, size_t j0,
                             size_t j1, size_t block, float *rows, bool add)
{
  const struct kernels *kernels = c->kernels;
  size_t nr = (size_t)gemm_nr(kernels, c->head_dim);
  size_t first = larger(block, j0), end = min_size(block + GEMM_BLOCK, c->seq_len);
  const float *b = c->scratch + block * gemm_round_up(c->head_dim, nr) + (first - block) * nr;
  (void)gemm_pack_transposed(kernels, GEMM_F32, m.data + first * m.stride + j0, m.stride, j1 - j0,
                             end - first, kernels->mr, rows);
  gemm_run_here(&(struct gemm){.kernels = kernels,
                               .m = j1 - j0,
                               .n = c->head_dim,
                               .k = end - first,
                               .a = rows,
                               .b = b,
                               .b_n = c->head_dim,
                               .b_k = end - block,
                               .c = out.data + j0 * out.stride,
                               .ldc = out.stride,
                               .accumulate = add});
}

void causal_transposed(const struct causal *c, struct matrix m, struct matrix x, struct matrix out)
{
  size_t step = group_rows(c->kernels);
  float *rows = pack_positions(c, x);
  for (size_t j0 = 0; j0 < c->seq_len; j0 += step) {
    size_t j1 = min_size(j0 + step, c->seq_len), begin = j0 / GEMM_BLOCK * GEMM_BLOCK;
    for (size_t block = begin; block < c->seq_len; block += GEMM_BLOCK)
      transposed_block(c, m, out, j0, j1, block, rows, block > begin);
  }
}

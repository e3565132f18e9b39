/* The matrix product C = A B^T + bias on packed operands.
 *
 * Accumulation, whatever the instruction set, tile, thread count or packing: k is cut into blocks
 * of GEMM_BLOCK (256), the last may be short; a block gives each output one chain of fused
 * multiply-adds over k ascending from +0; the block sums are added in order; the bias, or +0 where
 * there is none, comes last, so that terms that are exact zeros (padding, masked positions) never
 * show in the bits. A product that accumulates is added to what C holds when all of that is done:
 * c = c + product, the same bits as a product into a buffer of its own and one plain add.
 *
 * Error against double, u = 2^-24: by theory (min(k, 256) + k / 256 + 2) u (sum |a b| + |bias| +
 * |c before|), as any order of adding has one; asserted by the check: 16 u of the same, on random
 * numbers of which some are 2^40 times the others (8 is seen).
 *
 * Layouts: A is [block][panel of mr rows][k in block][mr], B is [block][panel of nr columns][k in
 * block][nr]; rows and columns past the end are zero. */
#ifndef ATTEST_SIMD_GEMM_H
#define ATTEST_SIMD_GEMM_H

#include "base/threads.h"
#include "kernels.h"

static inline size_t gemm_round_up(size_t x, size_t multiple)
{
  return (x + multiple - 1) / multiple * multiple;
}

/* The tile for a product whose operand B is packed with this many columns, padding and speed
 * weighed against each other, and its width. */
const struct tile *gemm_tile(const struct kernels *kernels, size_t columns);
int gemm_nr(const struct kernels *kernels, size_t columns);

/* Floats of the packed operands (A: rows = m, multiple = mr; B: rows = n, multiple = nr, that is
 * gemm_nr of n). */
size_t gemm_packed_floats(size_t rows, size_t k, int multiple);

/* Packs a [rows][k] matrix of fp32 (row stride `stride`) as operand A (multiple = mr) or, a matrix
 * of [columns][k], as operand B (multiple = nr): all blocks. */
void gemm_pack_rows(const struct kernels *kernels, const float *x, size_t stride, size_t rows,
                    size_t k, int multiple, float *out);

/* The same on several threads. */
void gemm_pack_rows_threaded(const struct kernels *kernels, struct threads *threads, const float *x,
                             size_t stride, size_t rows, size_t k, int multiple, float *out);

/* Packs a matrix that is stored the other way round, [k][rows] of any type (row stride `stride`
 * elements), as operand A or B: all blocks. Returns whether all elements were finite. With it
 * dX = dY W packs W [k][n] and dW = dY^T X packs both of its operands. */
bool gemm_pack_transposed(const struct kernels *kernels, enum gemm_type type, const void *x,
                          size_t stride, size_t rows, size_t k, int multiple, float *out);

/* The same on several threads. */
bool gemm_pack_transposed_threaded(const struct kernels *kernels, struct threads *threads,
                                   enum gemm_type type, const void *x, size_t stride, size_t rows,
                                   size_t k, int multiple, float *out);

struct gemm {
  const struct kernels *kernels;
  size_t m, n, k;
  const float *a, *b; /* packed; A with m rows and depth k */
  size_t b_n, b_k;    /* columns and depth that B was packed with, >= n and >= k */
  const float *bias;  /* n values padded with zeros to a multiple of nr (of b_n); NULL = none */
  float *c;           /* [m] rows of n, stride ldc */
  size_t ldc;
  bool accumulate; /* c = c + product, instead of c = product */
};

/* The whole product, threads over M x N (never k). */
void gemm_run(const struct gemm *gemm, struct threads *threads);

/* The whole product on the calling thread. */
void gemm_run_here(const struct gemm *gemm);

#define GEMM_DIRECT_ROWS 512

/* Operand B as it is stored: the n rows of a [n][k] matrix. */
struct gemm_source {
  void *context;
  const void *(*row)(void *context, size_t index, enum gemm_type *type);
};

/* The same for a B that is used once and by few rows (m <= GEMM_DIRECT_ROWS): packed block by block
 * just before use, it never leaves the caches. b, b_n and b_k of `gemm` are not read. Returns
 * whether all elements of B were finite. */
bool gemm_run_direct(const struct gemm *gemm, const struct gemm_source *source,
                     struct threads *threads);

#endif

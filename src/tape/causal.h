/* Products of one head of one sequence, in which a query sees the keys up to its own position. T
 * positions, d dimensions; strides in floats; M [T][T] is +0 for keys after the query. Whatever is
 * left out would have added exact zeros. All of it runs on the calling thread. */
#ifndef ATTEST_TAPE_CAUSAL_H
#define ATTEST_TAPE_CAUSAL_H

#include "gemm.h"

#include <stdbool.h>

struct matrix {
  float *data;
  size_t stride;
};

struct causal {
  const struct kernels *kernels;
  size_t seq_len, head_dim;
  float *scratch; /* causal_scratch floats, 64-byte aligned */
};

size_t causal_scratch(const struct kernels *kernels, size_t seq_len, size_t head_dim);

/* out[i][j] = a_i b_j for j <= i, over d; other elements of `out` are undefined. */
void causal_outer(const struct causal *c, struct matrix a, struct matrix b, struct matrix out);

/* out = M x [T][d], k = keys; with `add` out + that. */
void causal_product(const struct causal *c, struct matrix m, struct matrix x, struct matrix out,
                    bool add);

/* out = M^T x [T][d], k = queries. */
void causal_transposed(const struct causal *c, struct matrix m, struct matrix x, struct matrix out);

#endif

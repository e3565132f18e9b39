/* OpenBLAS, loaded at run time where it is installed: what the matrix product is compared with. */
#ifndef ATTEST_COMMAND_BENCH_BLAS_H
#define ATTEST_COMMAND_BENCH_BLAS_H

#include "base/error.h"
#include "kernels.h"

struct blas {
  void *library; /* NULL = not installed; stays loaded to the end, as its threads live in it */
  const char *core;
  void (*sgemm)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
  void (*set_threads)(int threads);
};

/* Loads `path`, or libopenblas.so.0 for NULL, with its best kernels for an instruction set (unless
 * OPENBLAS_CORETYPE says otherwise). Errors: EXIT_INPUT for a given path that is no OpenBLAS; none
 * when nothing is given and nothing installed. */
int blas_load(const char *path, enum isa isa, struct blas *blas, struct error *error);

/* C[m][n] = A[m][k] B[n][k]^T on `threads` threads. */
void blas_product(const struct blas *blas, int threads, size_t m, size_t n, size_t k,
                  const float *a, const float *b, float *c);

/* Its threads spin for a while after work; to be called before others are measured. */
void blas_settle(int threads);

#endif

/* OpenBLAS, loaded at run time where it is installed: what the matrix product is compared with. */
#ifndef ATTEST_BENCH_BENCH_BLAS_H
#define ATTEST_BENCH_BENCH_BLAS_H

#include "base/error.h"
#include "cases.h"

#define BLAS_MOST 2

/* One copy of the library: it chooses its kernels once, when it is loaded. */
struct blas {
  char core[32]; /* what it calls them */
  void (*sgemm)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
  void (*set_threads)(int threads);
};

/* Loads `path`, or libopenblas.so.0 for NULL, once for every set of its kernels that may be the
 * best for an instruction set; or once, if OPENBLAS_CORETYPE names one. Copies stay loaded to the
 * end, as threads live in them. `count`: 0 when nothing is given and nothing installed. Errors:
 * EXIT_INPUT for a given path that is no OpenBLAS. */
int blas_load(const char *path, enum isa isa, struct blas blas[BLAS_MOST], size_t *count,
              struct error *error);

/* The product of a case, its operands stored as there (all fp32), on `threads` threads. */
void blas_product(const struct blas *blas, int threads, const struct product_case *product,
                  const float *a, const float *b, float *c);

/* Its threads spin for a while after work; to be called before others are measured. */
void blas_settle(int threads);

#endif

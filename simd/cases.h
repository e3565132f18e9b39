/* The one list of cases of every kernel. What `attest selftest` and the tests compare with the
 * portable reference and with double precision (check.h) is what `attest bench` times. */
#ifndef ATTEST_SIMD_CASES_H
#define ATTEST_SIMD_CASES_H

#include "kernels.h"

/* What a case of a row kernel works on: four arrays [rows][n] that it may read and write, and two
 * [n] that all rows share. */
struct case_data {
  size_t rows, n;
  float *x, *y, *z, *w;
  const float *a, *b;
};

/* The same formula in double from the same inputs: want is the result, size the magnitude that the
 * kernel's bound is stated for. [rows][n]; a size below 0 leaves an element open. */
struct case_exact {
  double *want, *size;
};

/* The same of one element that depends on no other: returns the result, size goes to *size. */
typedef double case_formula(const struct case_data *before, size_t i, char result, double *size);

struct row_case {
  const char *name; /* the kernel's, and what is omitted */
  void (*run)(const struct kernels *kernels, const struct case_data *data);
  const char *results; /* arrays that are compared: "x", "yz"; NULL = the kernel does not round */
  void (*exact)(const struct case_data *before, char result, struct case_exact *exact);
  double bound;          /* |result - want| <= bound * 2^-24 * size, as stated in kernels.h */
  char positive;         /* the array that must not be negative, if any */
  size_t rows;           /* that one call works on, at most */
  size_t width;          /* n in the bench; 0 = not timed */
  double bytes;          /* an element of [rows][n]: read and written */
  case_formula *formula; /* where `exact` is NULL */
};

/* By `exact`, or by `formula` for every element. */
void row_case_exact(const struct row_case *row_case, const struct case_data *before, char result,
                    struct case_exact *exact);

#define CASE_MOST_ROWS 520 /* two blocks of a column sum and a bit */

float *case_array(const struct case_data *data, char name);

/* The cases by index, NULL past the last. */
const struct row_case *row_case_at(size_t index);

/* How the bench shows a case of a product. */
enum case_bench { CASE_CHECK_ONLY, CASE_BENCH, CASE_BENCH_QUICK };

/* C [m][n] = A B^T: a product of the forward pass; with transposed_b the gradient of its input,
 * with both transposed the gradient of its weights. */
struct product_case {
  const char *name;
  enum gemm_type type; /* of B as stored; A is fp32 */
  size_t m, n, k;
  enum case_bench bench;
  bool transposed_a, transposed_b; /* stored [k][m], [k][n] */
  bool bias, accumulate;
};

extern const struct product_case product_cases[];
extern const size_t product_case_count;

/* |c - exact| <= bound * 2^-24 * (sum |a b| + |bias| + |c before|), as stated in gemm.h. */
#define PRODUCT_BOUND 16.0

#endif

/* Gradients of the tape against differences of the same formulas in double: a list of cases that
 * covers every operation, and a check that tells how far off a gradient is. */
#ifndef ATTEST_TESTS_GRADIENT_CHECK_H
#define ATTEST_TESTS_GRADIENT_CHECK_H

#include "support.h"

#include "tape/operations.h"

#define CASE_INPUTS 18

struct case_input {
  size_t rows, columns;
  bool constant; /* no gradient is wanted */
};

/* Shapes of what is not a matrix; a case reads those that it has. */
struct case_shape {
  struct tape_heads heads;
  size_t top_k;
  bool flag; /* normalised, interleaved */
};

struct gradient_case {
  const char *name;
  struct case_input inputs[CASE_INPUTS]; /* rows 0 ends the list */
  struct case_shape shape;

  /* Records it on leaves of these values; returns the output, or TAPE_NONE where it recorded a
   * loss with coefficient CASE_COEFFICIENT. */
  size_t (*record)(const struct gradient_case *c, struct tape *tape, const size_t *leaves);

  /* The same in double: all of y, or the loss. x: the inputs, row by row. */
  void (*exact)(const struct gradient_case *c, double *const *x, double *y);

  uint32_t linear; /* inputs that y is linear in, all together, the others being fixed */
};

#define CASE_COEFFICIENT 0.7

/* For the formulas: the sum of a[i] * b[i], and shapes of the inputs of a case `c`. */
static inline double row_product(const double *a, const double *b, size_t n)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

typedef const struct gradient_case gcase;
#define ROWS(i) (c->inputs[i].rows)
#define COLUMNS(i) (c->inputs[i].columns)
#define SIZE(i) (ROWS(i) * COLUMNS(i))

/* Four files of them: attention, experts and losses, lanes apart. */
extern const struct gradient_case gradient_cases_common[], gradient_cases_attention[],
    gradient_cases_more[], gradient_cases_lanes[];
extern const size_t gradient_cases_common_count, gradient_cases_attention_count,
    gradient_cases_more_count, gradient_cases_lanes_count;

/* NULL past the last. */
const struct gradient_case *gradient_case_at(size_t index);
const struct gradient_case *gradient_case_find(const char *name);

/* What a check may change before the tape is planned: a fault that it must notice. */
typedef void gradient_fault(struct tape *tape);

/* How far values and gradients are off, as a multiple of what fp32 explains: 2e-6 of the element
 * plus the largest beside it; and of <A x, dy> = <x, A^T dy> where y is linear, 1e-6 of the sum of
 * magnitudes. At most 1 is right. `fault` may be NULL. */
double gradient_check(const struct gradient_case *c, const struct kernels *kernels,
                      struct threads *threads, gradient_fault *fault);

#endif

/* Correlation coefficients, to the same bits everywhere. */
#ifndef ATTEST_BASE_CORRELATION_H
#define ATTEST_BASE_CORRELATION_H

#include "base/error.h"

#include <stddef.h>

/* Pearson's: means and sums of products of deviations added in ascending order from +0,
 *   sxy / (sqrt(sxx) sqrt(syy)), held within [-1, 1];
 * NAN where one side does not vary or there are no values. The values must be finite. */
double correlation_pearson(const double *x, const double *y, size_t count);

enum rank_ties {
  TIES_AS_PUBLISHED, /* ranks are argsort(argsort(x)) with stable sorting: the earlier of two equal
                        values ranks lower */
  TIES_AVERAGED      /* equal values share the mean of their ranks */
};

/* Spearman's: Pearson's of the ranks. Errors: EXIT_RUN (memory). */
int correlation_spearman(const double *x, const double *y, size_t count, enum rank_ties ties,
                         double *r, struct error *error);

#endif

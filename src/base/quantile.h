/* Quantiles of a sample by linear interpolation, as NumPy's percentile takes them by default. */
#ifndef ATTEST_BASE_QUANTILE_H
#define ATTEST_BASE_QUANTILE_H

#include <stddef.h>

/* Sorts values[count] ascending; none may be NaN. */
void quantile_sort(double *values, size_t count);

/* The quantile 0 <= q <= 1 of sorted values[count], count > 0: at position q (count - 1), between
 * two values a <= b by the fraction t as a + (b - a) t, from t = 0.5 on as b - (b - a) (1 - t). */
double quantile_sorted(const double *values, size_t count, double q);

#endif

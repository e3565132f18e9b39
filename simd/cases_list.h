/* What the files of the list of cases share. */
#ifndef ATTEST_SIMD_CASES_LIST_H
#define ATTEST_SIMD_CASES_LIST_H

#include "cases.h"

extern const struct row_case cases_rows[], cases_adjoint[], cases_lanes[];
extern const size_t cases_rows_count, cases_adjoint_count, cases_lanes_count;

#define CASE_SOFTMAX_SCALE 0.0883883476f /* heads of 128 */
#define CASE_SQRT_2_OVER_PI 0.79788456080286535588

static inline void put(struct case_exact *exact, size_t i, double want, double size)
{
  exact->want[i] = want;
  exact->size[i] = size;
}

/* Of a row: means of x and |x|, and the norms' factors, 1 / sqrt(variance + eps) and 1 / sqrt(mean
 * square + eps). */
struct case_moments {
  double mean, mean_abs, r, r_rms;
};

struct case_moments case_moments(const float *x, size_t n, float eps);

/* Of t = scale * x: the largest t and |t|, and the sum of exp(t - top). */
struct case_peak {
  double top, most, sum;
};

struct case_peak case_peak(const float *x, size_t n, double scale);

/* rope with turn = 1, its adjoint with -1; the same of neighbouring pairs. */
double case_rope(const struct case_data *before, size_t i, bool neighbours, double turn,
                 double *size);

#endif

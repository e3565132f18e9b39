/* Every kernel of an instruction set against the portable C reference, by memcmp, and against
 * double precision, within the bound that kernels.h and gemm.h state. */
#ifndef ATTEST_SIMD_CHECK_H
#define ATTEST_SIMD_CHECK_H

#include "kernels.h"

/* One case's outcome: how many comparisons were made and how many failed, because a bit differed or
 * the bound was exceeded; the largest error that was seen and the bound, in multiples of 2^-24 of
 * the size that the bound is stated for (0 and 0 where nothing is rounded). */
struct kernels_outcome {
  const char *kernel;
  size_t cases, failures;
  double error, bound;
};
typedef void kernels_check_report(void *context, const struct kernels_outcome *outcome);

/* Runs all cases (cases.h) over odd sizes, edges and seeded random data (normal, huge, subnormal,
 * zeros of both signs). Returns the number of failures. Errors are impossible but for memory: then
 * the return value is SIZE_MAX. */
size_t kernels_check(const struct kernels *kernels, kernels_check_report *report, void *context);

#endif

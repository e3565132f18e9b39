/* Every kernel of an instruction set against the portable C reference, by memcmp. */
#ifndef ATTEST_SIMD_CHECK_H
#define ATTEST_SIMD_CHECK_H

#include "kernels.h"

/* One kernel's outcome: how many comparisons were made and how many differed in any bit. */
typedef void kernels_check_report(void *context, const char *kernel, size_t cases, size_t failures);

/* Runs all comparisons over odd sizes, edges and seeded random data (normal, huge, subnormal, zeros
 * of both signs). Returns the number of failures. Errors are impossible but for memory: then the
 * return value is SIZE_MAX. */
size_t kernels_check(const struct kernels *kernels, kernels_check_report *report, void *context);

#endif

/* Double-precision vector kernels of the singular values. The results are the same bits on every
 * instruction set: the accumulation order below is part of the contract, and fma(a, b, c) is one
 * fused rounding. Vectors are contiguous and need no alignment; n may be 0. */
#ifndef ATTEST_SIMD_F64_H
#define ATTEST_SIMD_F64_H

#include <stddef.h>

/* Sum of x[i] y[i]. Eight lanes start at +0; lane l adds elements l, l+8, l+16, ... in order by
 * lane = fma(x[i], y[i], lane). Then lanes fold 8 -> 4 -> 2 -> 1 with plain adds, lane l with
 * lane l+half. */
double f64_dot(size_t n, const double *x, const double *y);

/* y[i] = fma(a, x[i], y[i]). x and y do not overlap. */
void f64_axpy(size_t n, double a, const double *x, double *y);

/* Turns two columns in their plane: x[i] = fma(c, x[i], -(s y[i])), y[i] = fma(s, x[i], c y[i]),
 * from the old x[i] and y[i]; the inner products are rounded. x and y do not overlap. */
void f64_rotate(size_t n, double c, double s, double *x, double *y);

#endif

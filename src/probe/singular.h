/* Singular values in double precision, the same bits on every instruction set and compiler. */
#ifndef ATTEST_PROBE_SINGULAR_H
#define ATTEST_PROBE_SINGULAR_H

#include "base/error.h"

#include <stdint.h>

/* The min(rows, cols) singular values of m[rows][cols], largest first, to `s`: Householder QR
 * without pivoting of m (of its transpose when rows < cols), then one-sided Jacobi on the rows of R
 * (Golub and Van Loan, Matrix Computations, 5.2 and 8.6). Every inner product is f64_dot.
 *
 * A sweep goes over the pairs (0,1), (0,2), ... (1,2), ... and turns those whose cosine is above
 * 2^-48; the first sweep that turns none is the last. A pair with a row shorter than 2^-50 of the
 * Frobenius norm is left alone: it holds rounding noise. So a singular value is off by less than
 * 1e-12 of itself plus 1e-14 of the Frobenius norm.
 *
 * Errors: EXIT_RUN: an empty matrix, a value that is not finite (row and column are named), no
 * memory, no convergence within 60 sweeps. */
int singular_values(const float *m, int64_t rows, int64_t cols, double *s, struct error *error);

#endif

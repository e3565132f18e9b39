/* Eigenvalues of a symmetric matrix in double precision, the same bits on every instruction set and
 * compiler. */
#ifndef ATTEST_PROBE_SYMMETRIC_H
#define ATTEST_PROBE_SYMMETRIC_H

#include "base/error.h"

#include <stddef.h>

/* The eigenvalues of a[n][n], of which the lower triangle is read and overwritten, to values[n] in
 * no particular order; scratch[n]. Householder reflections from the last row up make it
 * tridiagonal, then implicit QL (Golub and Van Loan, Matrix Computations, 8.3). Every inner product
 * is f64_dot, every update f64_axpy; row r of the product of the matrix and a vector is the dot of
 * its lower part, then gets the parts of the rows below it in ascending order.
 *
 * An off-diagonal element is taken for 0 when it is at most 2^-52 of its two diagonal elements, or
 * 2^-60 of the sum of all their magnitudes. So an eigenvalue is off by less than 1e-14 n of the
 * largest one.
 *
 * The elements must be finite. Errors: EXIT_RUN: no convergence within 60 steps an eigenvalue. */
int symmetric_eigenvalues(double *a, size_t n, double *values, double *scratch,
                          struct error *error);

#endif

/* Participation ratio: how many dimensions a head's output uses (protocol: docs/PROTOCOL.md). */
#ifndef ATTEST_PROBE_PARTICIPATION_H
#define ATTEST_PROBE_PARTICIPATION_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* The participation ratio of m[rows][cols], not centred: with the singular values s,
 *   p = s^2 / max(sum s^2, 1e-12), pr = exp(-sum p ln(p + 1e-12)),
 * both sums over s descending, one by one from +0. Between about 1 and min(rows, cols); exactly 1
 * for a zero matrix, where every p is 0. The same bits on every instruction set and compiler.
 * Errors: EXIT_RUN, those of singular_values. */
int participation_ratio(const float *m, int64_t rows, int64_t cols, double *pr,
                        struct error *error);

/* The same from squared singular values, largest first. */
double participation_of_squares(const double *squares, size_t count);

/* Doubles of scratch that participation_repeated takes; SIZE_MAX when that overflows. */
size_t participation_scratch(int64_t rows, int64_t cols);

/* The same of the matrix in which row i of m stands counts[i] times: the squared singular values
 * are the eigenvalues (symmetric_eigenvalues; below 0 they count as 0) of the Gram matrix
 *   g[j][k] = sum of (counts[i] m[i][j]) m[i][k] over the rows that occur, ascending (f64_dot),
 * for counts up to 2^29, whose products are exact. Of a matrix whose rows all occur once it is
 * participation_ratio but for rounding, 1e-12 of it. m must be finite. */
int participation_repeated(const float *m, int64_t rows, int64_t cols, const uint32_t *counts,
                           double *scratch, double *pr, struct error *error);

#endif

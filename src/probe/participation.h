/* Participation ratio: how many dimensions a head's output uses (protocol: docs/PROTOCOL.md). */
#ifndef ATTEST_PROBE_PARTICIPATION_H
#define ATTEST_PROBE_PARTICIPATION_H

#include "base/error.h"

#include <stdint.h>

/* The participation ratio of m[rows][cols], not centred: with the singular values s,
 *   p = s^2 / max(sum s^2, 1e-12), pr = exp(-sum p ln(p + 1e-12)),
 * both sums over s descending, one by one from +0. Between about 1 and min(rows, cols); exactly 1
 * for a zero matrix, where every p is 0. The same bits on every instruction set and compiler.
 * Errors: EXIT_RUN, those of singular_values. */
int participation_ratio(const float *m, int64_t rows, int64_t cols, double *pr,
                        struct error *error);

#endif

/* Runs in which edges carry the corrupted run's values: circuits, and single edges as an oracle.
 *
 * On the clean prompt, destination v reads the sum of what its sources add, as the pass adds it up:
 * of sources whose edge is kept the value of THIS run, of others that of the corrupted run. What is
 * then equal to the clean or to the corrupted run is taken from there, so that all edges kept give
 * the clean metric, and none the corrupted one, to the bit.
 *
 * Arithmetic: the residual stream is added up as in the pass, embedding first. A layer's attention
 * is that of the corrupted, the clean or this run (whichever has most of its heads as v reads them,
 * the first of equals in this order) plus, for each other head ascending, the projection of the
 * difference of its outputs. */
#ifndef ATTEST_CIRCUIT_PATCHED_H
#define ATTEST_CIRCUIT_PATCHED_H

#include "circuit/runs.h"

/* The metric of every pair, [pairs], with the edges of kept[edges] (not 0 = kept). Errors:
 * EXIT_INPUT (memory for not even one pair, an activation that is not finite), EXIT_RUN. */
int circuit_patched_run(struct circuit_runs *runs, const unsigned char *kept, double *metric,
                        struct error *error);

/* The exact effect of each of these edges, effects[count]: mean metric with all edges but that one
 * - mean clean metric. Errors: as above. */
int circuit_exact_run(struct circuit_runs *runs, const size_t *edges, size_t count, double *effects,
                      struct error *error);

#endif

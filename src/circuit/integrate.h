/* Gradients of a batch's pairs, summed over the steps from the corrupted embedding to the clean
 * one. */
#ifndef ATTEST_CIRCUIT_INTEGRATE_H
#define ATTEST_CIRCUIT_INTEGRATE_H

#include "circuit/attribution.h"
#include "circuit/runs_state.h"

/* Rows of a tape, (pair, step, position): more make products no faster. */
#define INTEGRATE_ROWS 4096

/* Sums over k ascending from +0 of the gradients with respect to what every destination reads:
 * sums[count of the batch][destinations][seq_len][hidden]. The batch, or some pairs of one, is
 * loaded. `done` is called with the share of the steps. Errors: EXIT_INPUT (a gradient that is not
 * finite), EXIT_RUN. */
int integrate(struct circuit_runs *runs, const struct run_batch *batch,
              const struct attribution *method, float *sums,
              void (*done)(void *context, double share), void *context, struct error *error);

/* a_k of step k. */
float integrate_at(const struct attribution *method, size_t k);

#endif

/* Gradients of pairs, summed over the steps from the corrupted embedding to the clean one. */
#ifndef ATTEST_CIRCUIT_INTEGRATE_H
#define ATTEST_CIRCUIT_INTEGRATE_H

#include "circuit/attribution.h"
#include "circuit/runs_state.h"

/* Rows of a tape, (pair, step, position): more make products no faster. */
#define INTEGRATE_ROWS 1024

/* Memory for some pairs at a time, which goes from one group of pairs to the next. All zero = none
 * yet; release with integrator_free. */
struct integrator {
  struct circuit_runs *runs;
  const struct attribution *method;
  void (*done)(void *context, double share); /* of the steps of a group; NULL = nobody */
  void *context;
  float *sums; /* [count][destinations][seq_len][hidden], after integrate */
  struct integrating *state;
};

void integrator_free(struct integrator *integrator);

/* Sums over k ascending from +0 of the gradients with respect to what every destination reads, to
 * integrator->sums. The batch, or some pairs of one, is loaded. Errors: EXIT_INPUT (a gradient that
 * is not finite), EXIT_RUN. */
int integrate(struct integrator *integrator, const struct run_batch *batch, struct error *error);

/* a_k of step k. */
float integrate_at(const struct attribution *method, size_t k);

#endif

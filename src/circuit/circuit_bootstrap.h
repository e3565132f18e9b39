/* How far a circuit would move with other pairs: bootstrap over the pairs of its task.
 *
 * A resample draws as many pairs with replacement, idx = randint(0, n, size=n) of NumPy's legacy
 * RandomState(2027) (resampler, probe/bootstrap.h). Scores are then the means over these pairs, the
 * circuit of n edges is chosen from them anew and pruned; ratios are those of the circuit at hand
 * over these pairs. Intervals from the 2.5th to the 97.5th percentile (quantile.h). */
#ifndef ATTEST_CIRCUIT_CIRCUIT_BOOTSTRAP_H
#define ATTEST_CIRCUIT_CIRCUIT_BOOTSTRAP_H

#include "circuit/attribution.h"
#include "circuit/choice.h"
#include "probe/bootstrap.h"

struct circuit_resampling {
  const struct circuit_runs *runs;
  const struct attribution *method; /* without `batch` */
  const float *scores;              /* [pairs][edges] */
  const double *metric;             /* [pairs] of the circuit */
  enum choice_rule rule;
  size_t n; /* edges of the choice */
  size_t resamples;
};

/* Release with circuit_bootstrap_free. */
struct circuit_bootstrap {
  size_t resamples;
  size_t *included; /* [edges]: resamples whose pruned circuit has the edge */
  struct interval ratio, normalised;
};

/* Errors: EXIT_RUN (memory, interrupted). */
int circuit_bootstrap_run(const struct circuit_resampling *resampling,
                          struct circuit_bootstrap *bootstrap, struct error *error);
void circuit_bootstrap_free(struct circuit_bootstrap *bootstrap);

#endif

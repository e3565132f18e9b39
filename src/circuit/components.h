/* What single heads and MLPs do, by definitions of arXiv 2407.10827 and its code. */
#ifndef ATTEST_CIRCUIT_COMPONENTS_H
#define ATTEST_CIRCUIT_COMPONENTS_H

#include "circuit/runs.h"

#define COMPONENT_SEQUENCES 2
#define COMPONENT_HALF 100 /* random tokens, which come twice */

/* Mean attention of a head over all entries of a diagonal (query - key), both copies and all
 * sequences alike. */
struct pattern_scores {
  double induction; /* 99: what followed the token's first copy */
  double previous;  /* 1 */
  double duplicate; /* 100: the first copy itself */
};

/* Of every head, scores[layers * heads], on sequences of COMPONENT_HALF random tokens repeated:
 * ids of NumPy's legacy RandomState(seed).randint(low, high), one sequence after the other; 100 to
 * 19,999 where the vocabulary has them, else 1 to its end. Sums in double, positions ascending,
 * sequences in order. Errors: EXIT_INPUT (a context of fewer positions), EXIT_RUN. */
int component_patterns(const struct model *model, const struct circuit_options *options,
                       uint32_t seed, struct pattern_scores *scores, struct error *error);

/* What each source adds to the metric of a pair directly, effects[sources]: its value at the last
 * position of the clean prompt, through the final norm with the mean and the root of the run, times
 * the sum of the positive answers' rows of the LM head minus that of the negative ones. In double.
 * The effects add up to the metric but for biases. Errors: EXIT_INPUT (a task that measures
 * probabilities), EXIT_RUN. */
int component_direct(struct circuit_runs *runs, size_t pair, double *effects, struct error *error);

#endif

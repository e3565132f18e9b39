/* What the weights of heads have to do with what the heads do, at one revision and over training
 * (docs/PROTOCOL.md, "Weights"). */
#ifndef ATTEST_TRAJECTORY_WEIGHT_CORRELATION_H
#define ATTEST_TRAJECTORY_WEIGHT_CORRELATION_H

#include "base/error.h"
#include "probe/head_weights.h"
#include "trajectory/trajectory.h"

enum weight_against { AGAINST_PR, AGAINST_INDUCTION, AGAINST_FIRST_TOKEN, WEIGHT_AGAINSTS };
extern const char *const weight_against_names[WEIGHT_AGAINSTS]; /* "pr", "induction", ... */

/* Figures of heads in (layer, head) order (base/correlation.h); NAN where one of them is not
 * available or does not vary. */
struct weight_correlation {
  double pearson;
  double spearman;          /* as published, ties by order */
  double spearman_averaged; /* ties averaged */
};

/* Across the heads of one revision; weights[n_layers * n_heads]. `figure` is one of head_weights.h.
 * Errors: EXIT_RUN (memory). */
int weight_correlate(const struct head_weights *weights, const struct revision *revision,
                     int figure, enum weight_against against,
                     struct weight_correlation *correlation, struct error *error);

/* Against PR over `count` >= 2 revisions in the order given. */
struct weight_course {
  double median, mean, share_positive; /* over heads, of each head's Spearman (as published) over
                                          the revisions; mean added in (layer, head) order */
  struct weight_correlation growth;    /* across heads, of the last revision minus the first */
};

/* weights[r] are those of revisions[r]. Errors: EXIT_RUN (memory). */
int weight_course(const struct head_weights *const *weights,
                  const struct revision *const *revisions, size_t count, int figure,
                  struct weight_course *course, struct error *error);

#endif

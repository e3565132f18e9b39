/* The metric of a pair at the last position, and its gradient. */
#ifndef ATTEST_CIRCUIT_METRIC_H
#define ATTEST_CIRCUIT_METRIC_H

#include "base/threads.h"
#include "model/parameters.h"
#include "task/task.h"

/* The part of the LM head that some pairs ask for: the rows of their answers, pair after pair,
 * positive, then negative; or all rows, for probabilities or where that is less. All zero =
 * nothing; release with answers_free. */
struct answers {
  const struct task_pair *const *pairs; /* [count]; borrowed */
  size_t count;
  enum task_metric metric;
  bool all;
  size_t columns;
  size_t *first;       /* [count] a pair's first column; NULL with `all` */
  const float *weight; /* [columns][hidden] */
  const float *bias;   /* [columns]; NULL = none */
  float *owned[2];
};

/* Errors: EXIT_RUN. */
int answers_create(const struct parameters *parameters, enum task_metric metric,
                   const struct task_pair *const *pairs, size_t count, struct answers *answers,
                   struct error *error);
void answers_free(struct answers *answers);

/* Floats that answers_create may take for these. */
uint64_t answers_floats(const struct model_config *config, enum task_metric metric,
                        const struct task_pair *const *pairs, size_t count);

/* Of logits[count * repeats] rows of `columns` (stride floats apart), `repeats` of each pair: the
 * metrics, [count * repeats], and, if not NULL, their gradients in the shape of the logits, without
 * gaps.
 *
 * In double, logits widened: the sum over positive answers in order minus that over the negative
 * ones. Probabilities: exp(x - max) / sum, the sum over ids ascending from +0, exp being
 * Sleef_finz_expd1_u10purecfma; the gradient p (f - M), f = how often an id is positive minus how
 * often it is negative, M the metric, rounded once to fp32. */
void answers_measure(const struct answers *answers, size_t repeats, const float *logits,
                     size_t stride, struct threads *threads, double *metric, float *gradient);

#endif

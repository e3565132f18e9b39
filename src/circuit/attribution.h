/* Edge attribution (EAP), and with integrated gradients (EAP-IG; Hanna, Pezzelle and Belinkov,
 * arXiv 2403.17806): what corrupting an edge would do to the metric, to first order.
 *
 * For a pair, with a(u) the value of source u in its two runs and g_k(v) the gradient of the metric
 * with respect to what destination v reads when the embedding is e_k = e_corr + a_k (e_clean -
 * e_corr) on the clean prompt's positions:
 *
 *   score(u -> v) = 1/m * sum over k, positions, elements of (a_corr(u) - a_clean(u)) * g_k(v)
 *
 * Arithmetic: a_k = (float)(k/m), and e_k = fma(a_k, e_clean - e_corr, e_corr) but e_clean itself
 * at a_k = 1; gradients summed over ascending k from +0 in fp32; a head's difference is that of its
 * outputs before the projection, projected; the sum over positions and elements is a product
 * (gemm.h) with k = position * hidden + element; divided by (float)m. */
#ifndef ATTEST_CIRCUIT_ATTRIBUTION_H
#define ATTEST_CIRCUIT_ATTRIBUTION_H

#include "circuit/runs.h"

enum attribution_rule {
  ATTRIBUTION_GRADIENT,  /* "eap": the clean run alone, a = 1 */
  ATTRIBUTION_FIRST0,    /* "ig5_first0": a_k = k/m, k = 0 .. m - 1, as the library since 2025 */
  ATTRIBUTION_FIRST1,    /* "ig5_first1": k = 1 .. m, as when the paper was written */
  ATTRIBUTION_MIDPOINTS, /* "ig5_midpoints": a_k = (k + 1/2)/m, the closest to the integral */
};

struct attribution {
  enum attribution_rule rule;
  size_t steps; /* m; 1 for "eap" */
  size_t batch; /* 0: the mean over pairs. Else the published scale, "ig5_first1_batch8": in order,
                   the mean of every `batch` pairs, their sum divided by the number of pairs */
};

#define ATTRIBUTION_MOST_STEPS 100000
#define ATTRIBUTION_NAME_SIZE 64
const char *attribution_name(const struct attribution *method, char name[ATTRIBUTION_NAME_SIZE]);

/* Errors: EXIT_INPUT for what is no such name. */
int attribution_parse(const char *name, struct attribution *method, struct error *error);

/* Scores of every pair, [pairs][edges]. `directory`, which exists, or NULL: keeps each pair's there
 * as soon as it is done, with `identity` (32 characters, of model, task and whatever else they
 * depend on) and the method's name, and takes what is there from an earlier run that was
 * interrupted. Errors: EXIT_INPUT (memory for not even one pair; a gradient that is not finite),
 * EXIT_RUN. */
int circuit_scores_run(struct circuit_runs *runs, const struct attribution *method,
                       const char *directory, const char *identity, float *scores,
                       struct error *error);

/* Floating-point operations of circuit_scores_run / 1e9, all that there is to do: products and
 * attention, a multiply-add counting as two; of the LM head the rows of a pair's own answers, or
 * all for probabilities. A step is a pass forward and one backward, which takes as many, and more
 * where queries and keys are normed over all heads. */
double circuit_scores_gflop(const struct model_config *config, const struct task *task,
                            const struct attribution *method);

/* What scores are made of, for tests and for looking closer, of one pair: the sums over k of the
 * gradients by destination, gradients[destinations][length][hidden]; the sources' values in the
 * clean or the corrupted run, values[sources][length][hidden]. Errors: as above. */
int circuit_gradients_run(struct circuit_runs *runs, const struct attribution *method, size_t pair,
                          float *gradients, struct error *error);
int circuit_sources_run(struct circuit_runs *runs, size_t pair, bool corrupted, float *values,
                        struct error *error);

/* Their mean, mean[edges], by the method's weighting, sums over pairs in order in double. times:
 * how often each pair counts (a resample), NULL = once; not with `batch`. */
void circuit_scores_mean(const struct circuit_runs *runs, const struct attribution *method,
                         const float *scores, const size_t *times, double *mean);

/* A free test of every run: the scores of the edges that leave `input` add up to the change of the
 * metric, but for the error of the sum over k. With experts they do not: another choice of experts
 * is a jump that no gradient sees. */
struct completeness {
  double input_edges; /* sum of the mean scores, by destination */
  double change;      /* mean corrupted - mean clean */
  bool holds;         /* false for a model with experts; and with the scale of `batch` */
};
struct completeness circuit_completeness(const struct circuit_runs *runs,
                                         const struct attribution *method, const double *mean);

#endif

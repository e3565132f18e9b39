/* The integral of a head's participation ratio over training, and the ranking by it
 * (docs/PROTOCOL.md, "Ranking by the integral"; after the public repository of arXiv 2606.02378).
 */
#ifndef ATTEST_TRAJECTORY_INTEGRAL_H
#define ATTEST_TRAJECTORY_INTEGRAL_H

#include "base/error.h"
#include "trajectory/trajectory.h"

#include <stddef.h>

/* The floor of the published integrals, in units of 1e9 tokens. Small models end below it, and then
 * every integral is 0. */
#define INTEGRAL_FLOOR_PUBLISHED 1.0

/* The integral of every head to integrals[n_layers * n_heads]: the trapezoid of max(pr - 1, 0) over
 * ln(max(tokens, floor)), added over revisions ascending from +0; floor > 0, in units of 1e9
 * tokens. Errors: EXIT_INPUT: a participation ratio is not available (revision and head are named).
 */
int integral_heads(const struct trajectory *trajectory, double floor, double *integrals,
                   struct error *error);

struct ranked_head {
  size_t index; /* layer * n_heads + head */
  int layer, head;
  double integral;
};

/* All heads to ranked[n_layers * n_heads], by descending integral, equal ones by ascending (layer,
 * head). Errors: those of integral_heads, EXIT_RUN (memory). */
int integral_rank(const struct trajectory *trajectory, double floor, struct ranked_head *ranked,
                  struct error *error);

/* The best classes of a revision to classes[n_layers * n_heads]. */
void integral_classes(const struct revision *revision, enum head_class *classes);

/* Of the first k heads of a ranking, those that have a class (selectivity of the best one at least
 * CLASS_THRESHOLD): precision at K is this / k. classes[n_layers * n_heads]. */
size_t integral_classified(const struct ranked_head *ranked, size_t k,
                           const enum head_class *classes);

/* Leaves the heads of one class out of a ranking of `count`, in place. Returns how many stay. */
size_t integral_leave_out(struct ranked_head *ranked, size_t count, const enum head_class *classes,
                          enum head_class class);

/* The elbow of a ranking: 1 + the least i that minimises s[i] - 2 s[i+1] + s[i+2] over the sorted
 * integrals s (which gives the published 9 of OLMoE). 0 with fewer than three heads. */
size_t integral_elbow(const struct ranked_head *ranked, size_t count);

/* The published rule for K: 18 % of all heads, rounded, halves to the even number. */
size_t integral_k18(size_t heads);

/* Mean participation ratio of a revision's heads by class, and over all heads in the last element,
 * added in (layer, head) order from +0; NAN where a class has no head or a head no PR. */
#define INTEGRAL_MEANS (CLASS_COUNT + 2)
void integral_class_means(const struct revision *revision, const enum head_class *classes,
                          double means[INTEGRAL_MEANS]);

#endif

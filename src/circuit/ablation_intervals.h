/* How far the figures of an ablation would move with other sequences: bootstrap over the sequences,
 * the same resamples for all conditions (bootstrap_means). */
#ifndef ATTEST_CIRCUIT_ABLATION_INTERVALS_H
#define ATTEST_CIRCUIT_ABLATION_INTERVALS_H

#include "circuit/ablation.h"
#include "probe/bootstrap.h"

/* 95 % intervals of a condition; of one that is not run, NAN throughout. */
struct ablation_intervals {
  struct interval top1, top5;  /* sequences */
  struct interval top1_change; /* less those of the baseline, in the same resamples */
  struct interval cross_entropy, target_logit;
};

/* Of a complete ablation, to intervals[count of its conditions]. Errors: EXIT_RUN. */
int ablation_intervals(const struct ablation *ablation, size_t resamples,
                       struct ablation_intervals *intervals, struct error *error);

#endif

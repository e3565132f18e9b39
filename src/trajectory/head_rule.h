/* Sets of heads chosen by a threshold: circuits and sinks, and what becomes of them over training
 * (docs/PROTOCOL.md, "Sinks"). */
#ifndef ATTEST_TRAJECTORY_HEAD_RULE_H
#define ATTEST_TRAJECTORY_HEAD_RULE_H

#include "trajectory/trajectory.h"

#include <stdbool.h>
#include <stddef.h>

/* Takes a head whose selectivity of `class` is at least `threshold`; with `best`, only where that
 * is its best class, too. */
struct head_rule {
  enum head_class class;
  double threshold;
  bool best;
};

bool head_rule_takes(const struct head_rule *rule, const struct head_row *head);

#define HEAD_RULE_ALL (-1)

/* Heads that it takes in one layer, or in all. */
size_t head_rule_count(const struct head_rule *rule, const struct revision *revision, int layer);

/* First revision with at least `heads` such heads in one layer, or in all; trajectory->count:
 * never. */
size_t head_rule_first(const struct head_rule *rule, const struct trajectory *trajectory, int layer,
                       size_t heads);

/* Heads of both sets / heads of either; NAN where both are empty. The revisions have one shape. */
double head_rule_jaccard(const struct head_rule *rule, const struct revision *a,
                         const struct revision *b);

/* What becomes of one head over the revisions: trajectory->count where it never happens. */
struct head_stay {
  size_t taken; /* first revision at which the rule takes it */
  size_t left;  /* first one after that at which it does not */
  bool back;    /* whether it is taken at the last revision after all */
};
struct head_stay head_rule_stay(const struct head_rule *rule, const struct trajectory *trajectory,
                                size_t head);

/* Heads that were ever taken; of these that left at some later revision; of these that were not
 * back at the last. */
struct head_stays {
  size_t ever, left, gone;
};
struct head_stays head_rule_stays(const struct head_rule *rule,
                                  const struct trajectory *trajectory);

#endif

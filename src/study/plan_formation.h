/* What the training runs of a manifest of arXiv 2404.07129 take, as rows of a plan. */
#ifndef ATTEST_STUDY_PLAN_FORMATION_H
#define ATTEST_STUDY_PLAN_FORMATION_H

#include "study/plan.h"

/* Adds a row a figure and those of all of them (plan_add_uncut); "revisions" are runs, whose
 * operations are not counted. An update and an evaluation are measured for a second. Errors:
 * EXIT_INPUT, EXIT_RUN. */
int plan_formation(const struct manifest *manifest, size_t shards, struct plan *plan,
                   struct error *error);

#endif

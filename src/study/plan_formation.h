/* What the training runs of a manifest of arXiv 2404.07129 take, as a plan says it. */
#ifndef ATTEST_STUDY_PLAN_FORMATION_H
#define ATTEST_STUDY_PLAN_FORMATION_H

#include "study/plan.h"

/* Adds a note: runs, sequences, time and memory, measured for a second. Errors: EXIT_INPUT,
 * EXIT_RUN. */
int plan_formation(const struct manifest *manifest, struct plan *plan, struct error *error);

#endif

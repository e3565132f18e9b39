/* What the circuits of a manifest will take, as a row of a plan. */
#ifndef ATTEST_STUDY_PLAN_CIRCUITS_H
#define ATTEST_STUDY_PLAN_CIRCUITS_H

#include "study/plan.h"

/* Adds a row a task and one of all of them. The model's shape comes from the first revision that
 * is on the disk, else from the manifest's "shape"; tasks whose files are not there are taken to
 * have the manifest's pairs, of 20 tokens each. Errors: EXIT_INPUT (no shape), EXIT_RUN. */
int plan_circuits(const struct manifest *manifest, const char *checkpoints, struct plan *plan,
                  struct error *error);

#endif

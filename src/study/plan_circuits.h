/* What the circuits of a manifest will take, as rows of a plan. */
#ifndef ATTEST_STUDY_PLAN_CIRCUITS_H
#define ATTEST_STUDY_PLAN_CIRCUITS_H

#include "study/plan.h"

/* Adds a row a task and those of all of them (plan_add_uncut). The model's shape comes from the
 * first revision that is on the disk, else from the manifest's "shape"; tasks whose files are not
 * there are taken to have the manifest's pairs, of 20 tokens each. Errors: EXIT_INPUT (no shape),
 * EXIT_RUN. */
int plan_circuits(const struct manifest *manifest, const char *checkpoints, size_t shards,
                  struct plan *plan, struct error *error);

#endif

/* The claims about what a run found. */
#ifndef ATTEST_STUDY_EVALUATE_H
#define ATTEST_STUDY_EVALUATE_H

#include "study/manifest_run.h"

/* Evaluates the claims from the trajectories, which go into the journal with them, and compares the
 * verdicts with the golden ones. Errors: EXIT_INPUT, EXIT_RUN. */
int evaluate_claims(struct manifest_run *run, struct error *error);

#endif

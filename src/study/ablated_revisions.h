/* The ablations that a manifest asks for: the circuits that the screen of the last revision
 * chooses, ablated at every revision, with controls; compared with the golden, which is the file
 * ABLATIONS_FILE in the golden directory. */
#ifndef ATTEST_STUDY_ABLATED_REVISIONS_H
#define ATTEST_STUDY_ABLATED_REVISIONS_H

#include "study/manifest_run.h"

/* After all revisions are screened. A revision that was done before is resumed. Nothing to do for a
 * manifest without ablations. Errors: EXIT_INPUT, EXIT_RUN. */
int ablated_revisions(struct manifest_run *run, struct error *error);

#endif

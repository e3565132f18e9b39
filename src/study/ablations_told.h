/* The ablations of a revision in a few lines of the journal. */
#ifndef ATTEST_STUDY_ABLATIONS_TOLD_H
#define ATTEST_STUDY_ABLATIONS_TOLD_H

#include "study/journal.h"

/* A line a circuit: what its ablation and its controls leave of the baseline. `rows` are those of
 * ablations_rows as CSV. Errors: EXIT_INPUT (not such rows), EXIT_RUN. */
int ablations_tell(struct journal *journal, const char *rows, struct error *error);

#endif

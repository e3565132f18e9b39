/* The trajectory of a run against what stood there before it: each says in the journal what was
 * compared with what, and what was not. What differs is a failed check and no error. Errors:
 * EXIT_INPUT, EXIT_RUN. */
#ifndef ATTEST_STUDY_COMPARE_H
#define ATTEST_STUDY_COMPARE_H

#include "study/manifest_run.h"

/* With the golden of the manifest, which was loaded: values, then where they come from, then
 * bytes. */
int compare_golden(struct manifest_run *run, struct error *error);

/* Writes the golden in place of comparing. */
int compare_write_golden(struct manifest_run *run, struct error *error);

/* With the published tables, by bands; verdicts only if no revision was skipped. */
int compare_published(struct manifest_run *run, struct error *error);

/* With our own first run in the work folder, or becomes that. */
int compare_first(struct manifest_run *run, struct error *error);

#endif

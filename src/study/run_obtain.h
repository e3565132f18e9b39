/* How the kinds of study obtain a revision of their manifest. */
#ifndef ATTEST_STUDY_RUN_OBTAIN_H
#define ATTEST_STUDY_RUN_OBTAIN_H

#include "study/manifest_run.h"
#include "study/obtain.h"

/* obtain_revision with what the run has for all its revisions; its findings and digests are the
 * run's afterwards, also after an error. `keep`: also what its files contradict, or nobody pins,
 * where all revisions are one archive. Errors: as there. */
int run_obtain(struct manifest_run *run, const struct manifest_revision *m, const struct work *work,
               bool keep, struct obtained *obtained, struct error *error);

#endif

/* What a run compares with and writes at its end, looked at before its beginning: hours of screens
 * must not end at a path that leads nowhere. */
#ifndef ATTEST_STUDY_PREREQUISITES_H
#define ATTEST_STUDY_PREREQUISITES_H

#include "manifest/manifest.h"

/* Reads the tensor list, the golden trajectory and verdicts, and the published tables, which must
 * have every revision, as far as the manifest names them; `golden` tells whether a golden has to be
 * there already. Tokens of screened revisions must grow. `json`, where the result goes (NULL =
 * nowhere), must not be a file that the manifest names, nor a golden to be written a published
 * table. Errors: EXIT_INPUT, EXIT_RUN. */
int prerequisites_check(const struct manifest *manifest, bool golden, const char *checkpoints,
                        const char *json, struct error *error);

#endif

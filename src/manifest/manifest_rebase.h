/* A manifest's paths are relative to its folder; in another folder they read differently. */
#ifndef ATTEST_MANIFEST_MANIFEST_REBASE_H
#define ATTEST_MANIFEST_MANIFEST_REBASE_H

#include "base/error.h"

#include <jansson.h>

/* Changes "checkpoints", "tensors", "golden" and the directory of "published" of a manifest that
 * was read from the file `from` so that they name the same places in the file `to`. Symbolic links
 * on the way to either folder are followed. In the same folder nothing changes, to the letter. What
 * the paths name need not exist. Errors: EXIT_RUN (a folder that is not there), EXIT_INPUT (the
 * result is not allowed in a manifest). */
int manifest_rebase(json_t *root, const char *from, const char *to, struct error *error);

#endif

/* The key "formation" of a manifest. */
#ifndef ATTEST_MANIFEST_MANIFEST_FORMATION_H
#define ATTEST_MANIFEST_MANIFEST_FORMATION_H

#include "manifest/manifest.h"

#include <jansson.h>

/* Owner: the manifest. A file's path is not resolved yet. Errors: EXIT_INPUT, EXIT_RUN. */
int manifest_parse_formation(const json_t *root, struct manifest *manifest, struct error *error);

#endif

/* The key "ablation" of a manifest. */
#ifndef ATTEST_MANIFEST_MANIFEST_ABLATION_H
#define ATTEST_MANIFEST_MANIFEST_ABLATION_H

#include "manifest/manifest.h"

#include <jansson.h>

/* Owner: the manifest. Errors: EXIT_INPUT, EXIT_RUN. */
int manifest_parse_ablation(const json_t *root, struct manifest *manifest, struct error *error);

#endif

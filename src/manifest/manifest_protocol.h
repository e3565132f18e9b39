/* The key "protocol" of a manifest of checkpoints. */
#ifndef ATTEST_MANIFEST_MANIFEST_PROTOCOL_H
#define ATTEST_MANIFEST_MANIFEST_PROTOCOL_H

#include "manifest/manifest.h"

#include <jansson.h>

/* Errors: EXIT_INPUT. */
int manifest_parse_protocol(const json_t *root, struct manifest *manifest, struct error *error);

#endif

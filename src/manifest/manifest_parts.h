/* The inside of manifest_parse, shared by its files: parts of a manifest, and values that several
 * of them have. */
#ifndef ATTEST_MANIFEST_MANIFEST_PARTS_H
#define ATTEST_MANIFEST_MANIFEST_PARTS_H

#include "manifest/manifest.h"

#include <jansson.h>

/* Each reads its key of the root, if it is there (circuits must be). Errors:
 * EXIT_INPUT, EXIT_RUN. */
int manifest_parse_ablation(const json_t *root, struct manifest *manifest, struct error *error);
int manifest_parse_circuits(const json_t *root, struct manifest *manifest, struct error *error);

#define MANIFEST_MAX_TEXT 2000 /* bytes of a line */

/* A line for people. */
int manifest_get_line(const json_t *object, const char *where, const char *key, char **copy,
                      struct error *error);

/* A path relative to the manifest's folder, made relative to the program's. */
int manifest_get_path(const json_t *object, const char *where, const char *key,
                      const struct manifest *manifest, char **copy, struct error *error);

#endif

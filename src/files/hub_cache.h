/* Folders of the Hugging Face hub's cache, which users give in place of the one with config.json:
 * HUB/models--ORG--NAME/snapshots/HASH, whose files are links into models--ORG--NAME/blobs. */
#ifndef ATTEST_FILES_HUB_CACHE_H
#define ATTEST_FILES_HUB_CACHE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* The snapshot that `path` stands for, when it is a folder of a cache above the only one: *snapshot
 * is a new string, free(). NULL when `path` has a config.json or is not a folder above any. Errors:
 * EXIT_INPUT (several folders below `path` have one, or none of a cache: with their names),
 * EXIT_RUN. */
int hub_cache_resolve(const char *path, char **snapshot, struct error *error);

/* Whether files of this folder are still being downloaded, or no longer: name[0 .. size) is one of
 * what downloads leave beside them (of the hub's own tools, in a cache or a folder; FILE.part). */
bool hub_cache_unfinished(const char *folder, char *name, size_t size);

/* Says that a symbolic link leads to nothing, and whether that is an unfinished download; 0 when
 * `path` is none. Errors: EXIT_INPUT. */
int hub_cache_refuse_dangling(const char *path, struct error *error);

#endif

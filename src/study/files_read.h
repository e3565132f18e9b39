/* Files that a run has read, as JSON that another run takes over:
 *   [{"file": "...", "bytes": N, "sha256": "..." or null, "xxh3_128": "..." or null}] */
#ifndef ATTEST_STUDY_FILES_READ_H
#define ATTEST_STUDY_FILES_READ_H

#include "study/journal.h"

/* What the journal says of a manifest from its entry `first` on; json_decref(). NULL without
 * memory. */
json_t *files_read_json(const struct journal *journal, const struct journal_manifest *manifest,
                        size_t first);

/* One entry of such a list; `where` appears in messages. The name belongs to the entry. Errors:
 * EXIT_INPUT. */
int files_read_parse(const json_t *entry, const char *where, const char **file, uint64_t *bytes,
                     struct digest *digest, struct error *error);

/* Adds all of a list to the journal. Errors: EXIT_INPUT. */
int files_read_add(const json_t *list, const char *where, struct journal *journal,
                   struct error *error);

#endif

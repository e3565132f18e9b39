/* The model directories inside an archive: those with a config.json. */
#ifndef ATTEST_FILES_ARCHIVE_LIST_H
#define ATTEST_FILES_ARCHIVE_LIST_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct archive_model {
  char *directory; /* "" = the root */
  size_t files;    /* directly in it */
  uint64_t bytes;  /* of these, unpacked */
};

struct archive_list {
  size_t count;
  struct archive_model *models; /* by directory */
};

/* Lists the models of an archive given as bytes; `name` appears in messages. The limits are those
 * of archive_walk.h. Owner: the caller, archive_list_free. Errors: EXIT_INPUT (no such archive,
 * damaged, no model in it), EXIT_RUN. */
int archive_list_models(const char *name, const void *data, size_t size, struct archive_list *list,
                        struct error *error);
void archive_list_free(struct archive_list *list);

#endif

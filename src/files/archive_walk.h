/* The regular files of a .tar, .tar.zst or .zip file, one after the other through libarchive.
 * Nothing is unpacked to disk. Links, devices, encrypted entries and paths that lead out are
 * refused wherever they are. Sizes are checked as declared, before anything is allocated or
 * skipped, and all entries count for the limits, wanted or not; so does what was unpacked for
 * headers. Names are UTF-8 whatever the locale, or the archive's own bytes where they are not. */
#ifndef ATTEST_FILES_ARCHIVE_WALK_H
#define ATTEST_FILES_ARCHIVE_WALK_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARCHIVE_MAX_ENTRIES 100000
#define ARCHIVE_MAX_GIB 64     /* of all entries, unpacked */
#define ARCHIVE_MAX_RATIO 1000 /* unpacked bytes for one of the archive */
#define ARCHIVE_MAX_PATH 1024

struct archive_walk {
  const char *name; /* for messages */
  struct archive *archive;
  const uint8_t *data; /* the archive's bytes */
  size_t size;
  size_t entries; /* so far */
  uint64_t total; /* declared bytes so far */
};

/* Called for a regular file of `size` declared bytes, with its path from the archive's root; reads
 * all of its data or calls archive_walk_skip. Returns 0 to go on. */
typedef int archive_visit(void *context, struct archive_walk *walk, const char *path, uint64_t size,
                          struct error *error);

/* Errors: EXIT_INPUT (no such archive, damaged, unsafe, over a limit), EXIT_RUN, and those of
 * `visit`. */
int archive_walk(const char *name, const void *data, size_t size, archive_visit *visit,
                 void *context, struct error *error);

int archive_walk_skip(struct archive_walk *walk, struct error *error);

/* Says that the current entry cannot be read, and why. */
int archive_walk_damaged(const struct archive_walk *walk, struct error *error);

/* A path with its "." and empty components dropped; false when it is absolute, leads upwards or
 * holds a control character or a backslash. */
bool archive_plain_path(const char *in, char out[ARCHIVE_MAX_PATH]);

/* Adds the archives that are read and their limits, for --help. */
void archive_walk_help(struct text *text);

#endif

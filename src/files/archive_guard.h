/* What libarchive takes amiss when memory is short: it follows a NULL pointer in
 * archive_read_open_memory, and in many places it ends the program with exit code 1. */
#ifndef ATTEST_FILES_ARCHIVE_GUARD_H
#define ATTEST_FILES_ARCHIVE_GUARD_H

#include "base/error.h"

#include <archive.h>
#include <stdbool.h>
#include <stddef.h>

/* Between these, an end of the program by libarchive becomes exit code 3 with a line that names
 * the archive. One thread at a time is enough: archives are read before others start. */
void archive_guard_enter(const char *name);
void archive_guard_leave(void);

/* An archive in memory, as libarchive reads it. */
struct archive_guard_memory {
  const char *data;
  size_t size, at;
};

/* archive_read_open_memory with every step checked. `memory` must outlive the reading. */
int archive_guard_open(struct archive *archive, struct archive_guard_memory *memory);

/* Whether the archive's last error is a lack of memory. */
bool archive_guard_short(struct archive *archive);

/* "out of memory" for this archive: EXIT_RUN. */
int archive_guard_failed(const char *name, struct error *error);

#endif

/* Files inside the program itself. `make dist` links manifests/, golden/ and the licences of what
 * is linked into its program (tools/dist/embed.sh), so that one file can be carried; no other
 * program has any. Their paths begin with "@attest/"; a folder of that name in the file system is
 * "./@attest". file_map, file_read, file_exists and file_is_directory (file.h) know them. */
#ifndef ATTEST_BASE_EMBEDDED_H
#define ATTEST_BASE_EMBEDDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMBEDDED_PREFIX "@attest/"
#define EMBEDDED_NAME 256

struct embedded_file {
  const char *path; /* without the prefix */
  const uint8_t *data;
  uint64_t size;
};

/* All of them, ordered by path (strcmp); their number to *count, 0 = the program has none. */
const struct embedded_file *embedded_list(size_t *count);

/* The file of this path, which may have "." and ".." in it; NULL = none. */
const struct embedded_file *embedded_find(const char *path);

/* Whether files lie below this path. */
bool embedded_is_directory(const char *path);

/* The next name of a file or folder directly in an embedded directory, in the order of their paths;
 * *at is 0 before the first. false after the last. */
bool embedded_next(const char *directory, size_t *at, char name[EMBEDDED_NAME]);

/* Whether these bytes belong to an embedded file, and so to no one who could free them. */
bool embedded_holds(const void *data);

#endif

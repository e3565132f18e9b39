/* Files: hostile inputs are mapped or read whole; outputs appear whole or not at all. */
#ifndef ATTEST_BASE_FILE_H
#define ATTEST_BASE_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read-only bytes. Release with blob_free. */
struct blob {
  const uint8_t *data; /* never NULL after success, also for an empty file */
  size_t size;
  bool mapped;
};

/* Maps a regular file. Errors: EXIT_INPUT (missing, not a regular file), EXIT_RUN (I/O).
 * Should the file shrink while mapped, the program ends with one line and exit code 3
 * (file_install_bus_handler). */
int file_map(const char *path, struct blob *blob, struct error *error);

/* Reads a regular file of at most `limit` bytes into memory. EXIT_INPUT when it is larger. */
int file_read(const char *path, size_t limit, struct blob *blob, struct error *error);

void blob_free(struct blob *blob);

/* Writes a file: beside, fsync, rename, fsync of the directory; on failure nothing is left and an
 * older file stays as it was. A path that exists and is no regular file (a pipe, /dev/stdout) is
 * written to directly. "-" is standard output. Errors: EXIT_RUN. */
int file_write(const char *path, const void *data, size_t size, struct error *error);

/* Whether file_write can be expected to work: "-", an existing writable file, or a writable
 * directory. Errors: EXIT_RUN. */
int file_check_writable(const char *path, struct error *error);

/* Makes a directory and its parents. Errors: EXIT_RUN. */
int file_make_directory(const char *path, struct error *error);

/* Removes a directory with the regular files in it (one level, then the directory); one that does
 * not exist is fine. Errors: EXIT_RUN. */
int file_remove_directory(const char *path, struct error *error);

bool file_exists(const char *path);
bool file_is_directory(const char *path);

/* Joins two path parts into a new string, free(). NULL and error when out of memory. */
char *file_join(const char *directory, const char *name, struct error *error);

/* Whether `name` is one plain path component: not empty, ".", "..", and free of '/', '\\' and
 * control characters. Names in indexes, manifests and archives must be. */
bool file_plain_name(const char *name);

/* Turns SIGBUS (a mapped file shrank) into one line and exit code 3. */
void file_install_bus_handler(void);

#endif

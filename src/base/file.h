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

/* Maps a regular file. Errors: EXIT_INPUT (missing, not a regular file), EXIT_RUN (I/O,
 * permission). Should the file shrink while mapped, the program ends with one line and exit code 2
 * (file_use.h). */
int file_map(const char *path, struct blob *blob, struct error *error);

/* Reads a regular file of at most `limit` bytes into memory. EXIT_INPUT when it is larger. */
int file_read(const char *path, size_t limit, struct blob *blob, struct error *error);

void blob_free(struct blob *blob);

/* Writes a file: beside, fsync, rename, fsync of the directory; on failure nothing is left and an
 * older file stays as it was. A symbolic link stays and its target is written, also one that does
 * not exist yet; the permissions of an older file stay. A path that exists and is not a regular
 * file (a pipe, a device) is written to directly. "-" is standard output, as is every path that
 * leads there (/dev/stdout). Nothing is written when a file that was read has changed meanwhile, or
 * is the one to be written (file_use.h). Errors: EXIT_INPUT (that; a folder has the name, or a file
 * that of its folder), EXIT_RUN. */
int file_write(const char *path, const void *data, size_t size, struct error *error);

/* A file written piece by piece into a new one beside it, for outputs that do not fit in memory or
 * must appear together: open, add, finish (all of it is on the disk), publish (it gets its name).
 * All zero = nothing to close. */
struct file_writer {
  char *path, *beside; /* owned; beside NULL once published */
  int fd;              /* -1 once finished */
};

/* Errors: EXIT_RUN; publish, as file_write: EXIT_INPUT, too. After open, also after a failure of
 * the others: file_writer_close, which removes what was not published. */
int file_writer_open(const char *path, struct file_writer *writer, struct error *error);
int file_writer_add(struct file_writer *writer, const void *data, size_t size, struct error *error);
int file_writer_finish(struct file_writer *writer, struct error *error);
int file_writer_publish(struct file_writer *writer, struct error *error);
void file_writer_close(struct file_writer *writer);

/* Whether file_write can be expected to work: "-", an existing writable file, or a writable
 * directory. Errors: EXIT_INPUT (it is a folder, or in what is none), EXIT_RUN, also for a name
 * that is empty. */
int file_check_writable(const char *path, struct error *error);

/* The path without symbolic links as its last part, also when the last of them leads nowhere yet.
 * New string, free(); NULL and errno on failure. */
char *file_follow_links(const char *path);

/* Makes a directory and its parents. Errors: EXIT_INPUT (a file has the name of one), EXIT_RUN. */
int file_make_directory(const char *path, struct error *error);

/* Whether that can be expected to work and files can be written into it, before any work. Errors:
 * EXIT_INPUT, EXIT_RUN, those of file_make_directory. */
int file_check_directory(const char *path, struct error *error);

/* Removes a directory with the files in it (one level, then the directory); one that does not exist
 * is fine, a symbolic link to one is refused. Errors: EXIT_RUN. */
int file_remove_directory(const char *path, struct error *error);

/* Bytes that may still be written on the disk of a directory; false when that is not known. */
bool file_free_bytes(const char *directory, uint64_t *bytes);

/* Whether `bytes` more fit, as far as that is known. Errors: EXIT_RUN. */
int file_check_space(const char *directory, uint64_t bytes, struct error *error);

bool file_exists(const char *path);
bool file_is_directory(const char *path);

/* Joins two path parts into a new string, free(). NULL and error when out of memory. */
char *file_join(const char *directory, const char *name, struct error *error);

/* Whether `name` is one plain path component: not empty, ".", "..", at most 255 bytes, printable
 * (text_printable) and free of '/' and '\\'. Names in indexes, manifests and archives must be. */
bool file_plain_name(const char *name);

#endif

/* Files in use: what a run reads must stay as it is from the first time it is looked at to the last
 * read, or its figures are of no file at all.
 *
 * file_map and file_read tell of every file they open. Size, inode and the times of the last write
 * and of the last change of status (ctime, which no program can set back) are remembered, and
 * compared when the file is opened again, when it is no longer mapped, and before anything is kept
 * (file_write and file_writer_publish ask). Times that cannot tell (a file system without
 * nanoseconds, a file changed a moment ago) are not relied on: the bytes are hashed, too. Not
 * noticed: a program that writes through a shared mapping which it wrote through before.
 *
 * The list is the process's own; it is empty and nothing is remembered before file_use_start. All
 * functions may be called from any thread. */
#ifndef ATTEST_BASE_FILE_USE_H
#define ATTEST_BASE_FILE_USE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Begins to remember, and turns SIGBUS (a mapped file shrank, or its disk failed) into one line
 * that names the file and exit code 2 or 3; temporary files are removed. */
void file_use_start(void);
void file_use_stop(void); /* forgets all; no blob may be mapped */

/* A file was opened: `info` was taken before its bytes were read or mapped. Pair with file_use_end
 * if it is mapped. Errors: EXIT_INPUT (it is not what it was when it was opened before), EXIT_RUN
 * (memory). */
int file_use_begin(const char *path, const struct stat *info, const void *data, size_t size,
                   bool mapped, struct error *error);

/* A file is not there: whether it was opened before. Errors: EXIT_INPUT (it was). */
int file_use_gone(const char *path, struct error *error);

/* Mapped bytes are about to go: a last look. */
void file_use_end(const void *data);

/* Whether all files that were opened are as they were, those no longer mapped as of then. Errors:
 * EXIT_INPUT, naming the file and what changed; from then on always. */
int file_use_check(struct error *error);

/* The same without hashing, for between two pieces of work. */
int file_use_glance(struct error *error);

/* Before attest itself replaces or removes a file: it must be as it was when it was read, if it
 * was, and not be mapped; then it is forgotten. Errors: EXIT_INPUT. */
int file_use_replace(const char *path, struct error *error);

/* The path by which a file (with this device and inode) was opened; NULL = it was not. Stays valid.
 */
const char *file_use_find(const struct stat *info);

#endif

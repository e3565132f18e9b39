/* The files of one directory by plain name: of a folder (mapped when asked for) or of a directory
 * inside an archive, in one pass and without unpacking to disk: what lies in it uncompressed (a
 * .tar file, stored .zip entries) stays where it is in the mapped archive, the rest is read into
 * memory. */
#ifndef ATTEST_FILES_FILESET_H
#define ATTEST_FILES_FILESET_H

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>

struct fileset_file {
  char *name;  /* plain name */
  char *label; /* the whole path, for messages */
  struct blob blob;
  bool inside; /* the blob's bytes belong to the archive of the set */
};

struct fileset {
  char *path;  /* as given to fileset_open */
  bool folder; /* files holds what was asked for so far; for an archive: everything, by name */
  struct blob archive; /* what files lie inside; no data = none */
  size_t count, capacity;
  struct fileset_file **files;
};

/* Opens a folder, or "ARCHIVE:DIR" where ARCHIVE is an existing .tar, .tar.zst or .zip file. A path
 * that is a folder is one, whatever colons it holds. Owner: the caller, fileset_close. Errors:
 * EXIT_INPUT (missing, damaged, over a limit), EXIT_RUN (memory, I/O). */
int fileset_open(const char *path, struct fileset **set, struct error *error);
void fileset_close(struct fileset *set); /* NULL is allowed */

/* Whether there is something of this name, be it a link to nothing; fileset_get may still refuse
 * it. */
bool fileset_has(const struct fileset *set, const char *name);

/* The file of this plain name; belongs to the set. Errors: EXIT_INPUT (missing, not a regular
 * file), EXIT_RUN. */
int fileset_get(struct fileset *set, const char *name, const struct fileset_file **file,
                struct error *error);

/* The regular files directly in `directory` ("" = the root) of an archive given as bytes; `path`
 * becomes the path of the set. Everything else in the archive is skipped, but checked and counted
 * for the limits of archive_walk.h; what is copied must fit into 90 % of the available memory.
 * `lasting`: the bytes are those of a mapped file and outlive the set, so that files may lie
 * inside. Errors as above. */
int fileset_open_archive(const char *path, const void *data, size_t size, bool lasting,
                         const char *directory, struct fileset **set, struct error *error);

/* For the makers of sets: an empty set, and a file handed over to it (the blob belongs to the set
 * afterwards, also on failure). *file may be NULL. Errors: EXIT_RUN. */
int fileset_new(const char *path, bool folder, struct fileset **set, struct error *error);
int fileset_add(struct fileset *set, const char *name, struct blob blob,
                const struct fileset_file **file, struct error *error);

/* Adds a file whose bytes lie inside the mapped archive of the set. Errors: EXIT_RUN. */
int fileset_add_inside(struct fileset *set, const char *name, const uint8_t *data, size_t size,
                       struct error *error);

#endif

/* The files of one directory by plain name: of a folder (mapped when asked for) or of a directory
 * inside an archive (read into memory in one pass; nothing is unpacked to disk). */
#ifndef ATTEST_CHECKPOINT_FILESET_H
#define ATTEST_CHECKPOINT_FILESET_H

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>

struct fileset_file {
  char *name;  /* plain name */
  char *label; /* the whole path, for messages */
  struct blob blob;
};

struct fileset {
  char *path;  /* as given to fileset_open */
  bool folder; /* files holds what was asked for so far; for an archive: everything, by name */
  size_t count, capacity;
  struct fileset_file **files;
};

/* Opens a folder, or "ARCHIVE:DIR" where ARCHIVE is an existing .tar, .tar.zst or .zip file. A path
 * that is a folder is one, whatever colons it holds. Owner: the caller, fileset_close. Errors:
 * EXIT_INPUT (missing, damaged, over a limit), EXIT_RUN (memory, I/O). */
int fileset_open(const char *path, struct fileset **set, struct error *error);
void fileset_close(struct fileset *set); /* NULL is allowed */

/* Whether there is something of this name; fileset_get may still refuse it. */
bool fileset_has(const struct fileset *set, const char *name);

/* The file of this plain name; belongs to the set. Errors: EXIT_INPUT (missing, not a regular
 * file), EXIT_RUN. */
int fileset_get(struct fileset *set, const char *name, const struct fileset_file **file,
                struct error *error);

/* The regular files directly in `directory` ("" = the root) of an archive given as bytes; `path`
 * becomes the path of the set. Everything else in the archive is skipped, but links, devices and
 * paths that lead out are refused wherever they are, and all entries count for the limits:
 * 100,000 entries, 64 GiB, 1000 times the bytes of the archive; what is kept must fit into 90 % of
 * the available memory. Errors as above. */
int fileset_open_archive(const char *path, const void *data, size_t size, const char *directory,
                         struct fileset **set, struct error *error);

/* For the makers of sets: an empty set, and a file handed over to it (the blob belongs to the set
 * afterwards, also on failure). *file may be NULL. Errors: EXIT_RUN. */
int fileset_new(const char *path, bool folder, struct fileset **set, struct error *error);
int fileset_add(struct fileset *set, const char *name, struct blob blob,
                const struct fileset_file **file, struct error *error);

#endif

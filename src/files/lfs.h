/* Git-lfs pointers: the small text files found where large files should be in a clone made
 * without git-lfs. Source: git-lfs, docs/spec.md. Exactly these lines are read:
 *
 *   version https://git-lfs.github.com/spec/v1
 *   oid sha256:<64 lower-case hex digits>
 *   size <decimal digits without leading zeros>
 *
 * The "ext-" lines of the specification are not: a file that passed through an extension is not the
 * one that its digest names. */
#ifndef ATTEST_FILES_LFS_H
#define ATTEST_FILES_LFS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct lfs_pointer {
  char sha256[65]; /* of the file it stands for: 64 lower-case hex digits */
  uint64_t bytes;
};

enum lfs_kind {
  LFS_NONE,
  LFS_POINTER,
  LFS_DAMAGED /* begins like a pointer and is none */
};

/* What the bytes of a whole file are. *pointer is set for LFS_POINTER only. */
enum lfs_kind lfs_pointer_parse(const void *data, size_t size, struct lfs_pointer *pointer);

/* Refuses a pointer, whole or damaged, in place of a file that is about to be read; `file` stands
 * in the message. Errors: EXIT_INPUT. */
int lfs_refuse(const char *file, const void *data, size_t size, struct error *error);

#endif

/* Files that appear together: each is written beside its name, and all get their names when the
 * last is on the disk. */
#ifndef ATTEST_BASE_FILE_GROUP_H
#define ATTEST_BASE_FILE_GROUP_H

#include "base/file.h"

/* All zero = empty. */
struct file_group {
  struct file_writer *files; /* in the order of file_group_open */
  size_t count, capacity;
  bool published;
};

/* Opens directory/name; `*file` takes the bytes (file_writer_add, then file_writer_finish) and is
 * valid until the next file_group_open. Errors of all: those of file_writer. */
int file_group_open(struct file_group *group, const char *directory, const char *name,
                    struct file_writer **file, struct error *error);

/* A whole file from memory. */
int file_group_write(struct file_group *group, const char *directory, const char *name,
                     const void *data, size_t size, struct error *error);

/* Gives the files their names in the order in which they were opened. A kill in between leaves the
 * first of them, so the one that tells a reader that all are there is opened last. */
int file_group_publish(struct file_group *group, struct error *error);

/* Frees the group; unless it was published as a whole, none of its files is left. Older files that
 * a failed file_group_publish had replaced by then are lost: write into a new directory. */
void file_group_close(struct file_group *group);

#endif

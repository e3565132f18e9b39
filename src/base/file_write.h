/* Files that are written at once: of text, of a table, of several parts. Each appears whole or not
 * at all. */
#ifndef ATTEST_BASE_FILE_WRITE_H
#define ATTEST_BASE_FILE_WRITE_H

#include "base/error.h"
#include "base/table.h"
#include "base/text.h"

#include <stddef.h>

/* file_write of a text. Errors: those of file_write; EXIT_RUN ("PATH: out of memory") for a text
 * that is not complete. */
int file_write_text(const char *path, const struct text *text, struct error *error);

/* The same to DIRECTORY/NAME. */
int file_write_text_in(const char *directory, const char *name, const struct text *text,
                       struct error *error);

/* The same of a table as CSV, nothing where a cell is missing. */
int file_write_table(const char *path, const struct table *table, struct error *error);

struct file_part {
  const void *data;
  size_t size;
};

/* A file of these parts, one after the other, that no memory need hold in one piece. Errors: those
 * of a file_writer. */
int file_write_parts(const char *path, const struct file_part *parts, size_t count,
                     struct error *error);

#endif

/* The float64 results of gradients, for tests: tests/fixtures/gradients.tar.zst, whose README.md
 * says what is in it. */
#ifndef ATTEST_TESTS_GRADIENTS_H
#define ATTEST_TESTS_GRADIENTS_H

#include "npy_read.h"

#include "files/fileset.h"

#include <math.h>
#include <stdio.h>

#define GRADIENTS "tests/fixtures/gradients.tar.zst"

/* The files of one of its directories; fileset_close. */
static inline struct fileset *gradients_open(const char *directory)
{
  char path[256];
  struct fileset *set;
  struct error error = {0};
  snprintf(path, sizeof path, GRADIENTS ":%s", directory);
  if (fileset_open(path, &set, &error))
    fail_msg("%s", error.text);
  return set;
}

/* A text file of it, free(). */
static inline char *gradients_text(struct fileset *set, const char *name)
{
  const struct fileset_file *file;
  struct error error = {0};
  if (fileset_get(set, name, &file, &error))
    fail_msg("%s", error.text);
  char *text = malloc(file->blob.size + 1);
  assert_non_null(text);
  memcpy(text, file->blob.data, file->blob.size);
  text[file->blob.size] = 0;
  return text;
}

/* An array of it, free(data). */
static inline struct npy gradients_array(struct fileset *set, const char *name)
{
  const struct fileset_file *file;
  struct error error = {0};
  if (fileset_get(set, name, &file, &error))
    fail_msg("%s", error.text);
  return npy_of_bytes((const char *)file->blob.data, file->blob.size);
}

#endif

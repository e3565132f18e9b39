/* Reads .npy files of version 1.0 with '<f4' or '<f8' data in C order, for tests. */
#ifndef ATTEST_TESTS_NPY_READ_H
#define ATTEST_TESTS_NPY_READ_H

#include "support.h"

#include <stdlib.h>
#include <string.h>

#define NPY_READ_MAX_RANK 8

struct npy {
  int rank;
  size_t shape[NPY_READ_MAX_RANK];
  size_t count; /* elements */
  double *data; /* [count], free() */
};

/* Fails the test on a missing or malformed file. */
static inline struct npy npy_read(const char *path)
{
  struct npy npy = {.count = 1};
  size_t size;
  char *bytes = support_read(path, &size);
  assert_true(size > 10 && memcmp(bytes, "\x93NUMPY\x01\x00", 8) == 0);
  size_t start = 10 + ((size_t)(uint8_t)bytes[8] | (size_t)(uint8_t)bytes[9] << 8);
  assert_true(start <= size && start % 64 == 0 && bytes[start - 1] == '\n');
  bytes[start - 1] = 0; /* the header becomes a string */
  const char *header = bytes + 10, *p = strstr(header, "'shape': (");
  size_t width = strstr(header, "'descr': '<f8'") ? 8 : 4;
  assert_true(width == 8 || strstr(header, "'descr': '<f4'"));
  assert_non_null(strstr(header, "'fortran_order': False"));
  assert_non_null(p);
  for (p += strlen("'shape': ("); *p >= '0' && *p <= '9'; p += strspn(p, ", ")) {
    char *end;
    assert_true(npy.rank < NPY_READ_MAX_RANK);
    npy.shape[npy.rank] = strtoull(p, &end, 10);
    npy.count *= npy.shape[npy.rank++];
    p = end;
  }
  assert_int_equal(size - start, npy.count * width);
  npy.data = malloc((npy.count + 1) * sizeof *npy.data);
  assert_non_null(npy.data);
  for (size_t i = 0; i < npy.count; i++) {
    float narrow = 0;
    if (width == 4)
      memcpy(&narrow, bytes + start + i * width, width);
    else
      memcpy(&npy.data[i], bytes + start + i * width, width);
    if (width == 4)
      npy.data[i] = (double)narrow;
  }
  free(bytes);
  return npy;
}

#endif

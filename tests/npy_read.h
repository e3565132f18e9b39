/* Reads .npy files of version 1.0 with '<f4', '<f8' or '<i4' data in C order, for tests. */
#ifndef ATTEST_TESTS_NPY_READ_H
#define ATTEST_TESTS_NPY_READ_H

#include "support.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NPY_READ_MAX_RANK 8

struct npy {
  int rank;
  size_t shape[NPY_READ_MAX_RANK];
  size_t count; /* elements */
  double *data; /* [count], free() */
};

/* One element at `from`. */
static inline double npy_element(const char *from, size_t width, bool integers)
{
  double wide;
  float narrow;
  int32_t whole;
  memcpy(&wide, from, width == 8 ? sizeof wide : 0);
  memcpy(&narrow, from, sizeof narrow);
  memcpy(&whole, from, sizeof whole);
  return width == 8 ? wide : integers ? (double)whole : (double)narrow;
}

/* Fails the test on malformed bytes. */
static inline struct npy npy_of_bytes(const char *bytes, size_t size)
{
  struct npy npy = {.count = 1};
  assert_true(size > 10 && memcmp(bytes, "\x93NUMPY\x01\x00", 8) == 0);
  size_t start = 10 + ((size_t)(uint8_t)bytes[8] | (size_t)(uint8_t)bytes[9] << 8);
  assert_true(start <= size && start % 64 == 0 && bytes[start - 1] == '\n');
  char *header = strndup(bytes + 10, start - 11);
  assert_non_null(header);
  const char *p = strstr(header, "'shape': (");
  size_t width = strstr(header, "'descr': '<f8'") ? 8 : 4;
  bool integers = strstr(header, "'descr': '<i4'") != NULL;
  assert_true(width == 8 || integers || strstr(header, "'descr': '<f4'"));
  assert_non_null(strstr(header, "'fortran_order': False"));
  assert_non_null(p);
  for (p += strlen("'shape': ("); *p >= '0' && *p <= '9'; p += strspn(p, ", ")) {
    char *end;
    assert_true(npy.rank < NPY_READ_MAX_RANK);
    npy.shape[npy.rank] = strtoull(p, &end, 10);
    npy.count *= npy.shape[npy.rank++];
    p = end;
  }
  free(header);
  assert_int_equal(size - start, npy.count * width);
  npy.data = malloc((npy.count + 1) * sizeof *npy.data);
  assert_non_null(npy.data);
  for (size_t i = 0; i < npy.count; i++)
    npy.data[i] = npy_element(bytes + start + i * width, width, integers);
  return npy;
}

/* The same of a file; fails the test on a missing one. */
static inline struct npy npy_read(const char *path)
{
  size_t size;
  char *bytes = support_read(path, &size);
  struct npy npy = npy_of_bytes(bytes, size);
  free(bytes);
  return npy;
}

/* The other way: a header and `bytes` of numbers as a file in memory; its size. */
static inline size_t npy_make(char *out, const char *header, const void *data, size_t bytes)
{
  size_t length = strlen(header);
  memcpy(out, "\x93NUMPY\x01\x00", 8);
  out[8] = (char)(length & 0xFF);
  out[9] = (char)(length >> 8);
  memcpy(out + 10, header, length);
  memcpy(out + 10 + length, data, bytes);
  return 10 + length + bytes;
}

#endif

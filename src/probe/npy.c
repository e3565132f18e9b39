#include "probe/npy.h"

#include "base/file.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX 10 /* magic, version, and the length of the header as a 16-bit integer */
#define ALIGNMENT 64
#define HEADER_MAX 320 /* NPY_MAX_RANK lengths of 19 digits and the rest fit */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "'<f4' is written as it is in memory");

static int count_elements(const char *path, const int64_t *shape, int rank, size_t *count,
                          struct error *error)
{
  *count = 1;
  if (rank < 1 || rank > NPY_MAX_RANK)
    return error_set(error, EXIT_RUN, "%s: an array of %d dimensions cannot be written", path,
                     rank);
  for (int i = 0; i < rank; i++)
    if (shape[i] < 0 || __builtin_mul_overflow(*count, (size_t)shape[i], count))
      return error_set(error, EXIT_RUN, "%s: the shape of the array is out of range", path);
  return 0;
}

/* Returns the length of the whole header, a multiple of ALIGNMENT. */
static size_t make_header(char header[HEADER_MAX], const int64_t *shape, int rank)
{
  memcpy(header, "\x93NUMPY\x01\x00", 8);
  int used = PREFIX;
  used += snprintf(header + used, (size_t)(HEADER_MAX - used),
                   "{'descr': '<f4', 'fortran_order': False, 'shape': (");
  for (int i = 0; i < rank; i++)
    used += snprintf(header + used, (size_t)(HEADER_MAX - used), i ? ", %lld" : "%lld",
                     (long long)shape[i]);
  used += snprintf(header + used, (size_t)(HEADER_MAX - used), rank == 1 ? ",), }" : "), }");
  size_t size = ((size_t)used + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  memset(header + used, ' ', size - (size_t)used);
  header[size - 1] = '\n';
  header[8] = (char)((size - PREFIX) & 0xff);
  header[9] = (char)((size - PREFIX) >> 8);
  return size;
}

int npy_write(const char *path, const int64_t *shape, int rank, const float *data,
              struct error *error)
{
  char header[HEADER_MAX];
  size_t count, size;
  int code = count_elements(path, shape, rank, &count, error);
  if (code)
    return code;
  size_t start = make_header(header, shape, rank);
  if (__builtin_mul_overflow(count, sizeof *data, &size) ||
      __builtin_add_overflow(size, start, &size))
    return error_set(error, EXIT_RUN, "%s: the shape of the array is out of range", path);
  char *bytes = memory_alloc(size, 1, path, error);
  if (!bytes)
    return EXIT_RUN;
  memcpy(bytes, header, start);
  if (count)
    memcpy(bytes + start, data, size - start);
  code = file_write(path, bytes, size, error);
  free(bytes);
  return code;
}

/* Arrays for NumPy: .npy files, format version 1.0 (numpy.lib.format). */
#ifndef ATTEST_PROBE_NPY_H
#define ATTEST_PROBE_NPY_H

#include "base/error.h"

#include <stdint.h>

#define NPY_MAX_RANK 8

/* Writes data[shape[0]][shape[1]]... as '<f4' in C order, whole or not at all (file_write); rank is
 * 1 .. NPY_MAX_RANK, lengths may be 0. The header is padded with blanks so that the data begin at a
 * multiple of 64 bytes. Errors: EXIT_RUN: a rank or length out of range, no memory, I/O. */
int npy_write(const char *path, const int64_t *shape, int rank, const float *data,
              struct error *error);

#endif

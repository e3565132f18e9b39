/* The header of an array that NumPy saved: .npy files of versions 1 to 3 (numpy.lib.format). */
#ifndef ATTEST_BASE_NPY_HEADER_H
#define ATTEST_BASE_NPY_HEADER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NPY_HEADER_MAX_RANK 8

struct npy_header {
  char type[16]; /* "<i4"; "" = a structure, or longer */
  bool c_order;
  size_t rank; /* shape has no more than NPY_HEADER_MAX_RANK of them */
  uint64_t shape[NPY_HEADER_MAX_RANK];
  size_t start; /* of the data in the file */
};

/* Reads the header that the bytes of a file begin with: a Python dictionary with just the members
 * descr, fortran_order and shape, each once. What it says of sizes is not checked. Errors:
 * EXIT_INPUT: "NAME: what is wrong; remedy". */
int npy_header_parse(const char *name, const void *data, size_t size, const char *remedy,
                     struct npy_header *header, struct error *error);

/* Whether it is a C-ordered array of three dimensions with elements of this type, such as "<f4".
 * Errors: EXIT_INPUT, as above. */
int npy_header_expect(const char *name, const struct npy_header *header, const char *type,
                      const char *remedy, struct error *error);

#endif

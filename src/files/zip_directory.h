/* The central directory of a zip file, for zip.c. */
#ifndef ATTEST_FILES_ZIP_DIRECTORY_H
#define ATTEST_FILES_ZIP_DIRECTORY_H

#include "files/zip.h"

/* A file in memory and its name for messages. */
struct zip_file {
  const char *name;
  const uint8_t *data;
  uint64_t size;
};

/* Records what is wrong at an offset of the file; returns EXIT_INPUT. */
int zip_refuse(const struct zip_file *file, uint64_t offset, const char *what, struct error *error);

/* Reads the end records and the directory they name: all of an entry but `offset`, in the order of
 * the directory, and where the directory starts. Owner: the caller, zip_free. Errors: EXIT_INPUT,
 * EXIT_RUN. */
int zip_directory_read(const struct zip_file *file, struct zip *zip, uint64_t *start,
                       struct error *error);

#endif

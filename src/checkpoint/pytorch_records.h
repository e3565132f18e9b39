/* The records of a file of torch.save, for pytorch.c. */
#ifndef ATTEST_CHECKPOINT_PYTORCH_RECORDS_H
#define ATTEST_CHECKPOINT_PYTORCH_RECORDS_H

#include "checkpoint/pickle.h"
#include "files/zip.h"

#include <stdbool.h>

struct pytorch_records {
  const char *file;
  const uint8_t *data;
  struct zip zip;
  char prefix[ZIP_MAX_NAME + 1];
  const struct zip_entry *pickle;
  bool big_endian;
  uint64_t storage_bytes; /* of all storages */
};

/* Says which file this is, checks that every record is a known one, and the CRC of those that are
 * no storages. Owner: the caller, zip_free(&records->zip). Errors: EXIT_INPUT, EXIT_RUN. */
int pytorch_records_read(const char *file, const void *data, size_t size,
                         struct pytorch_records *records, struct error *error);

/* How many bytes of a storage's key a message shows: few enough that its end is never cut off. */
int pytorch_shown(size_t length);

/* The index in zip.entries of the record that holds a storage. Errors: EXIT_INPUT (there is none,
 * or it has another size). */
int pytorch_records_find(const struct pytorch_records *records,
                         const struct pickle_storage *storage, size_t *index, struct error *error);

#endif

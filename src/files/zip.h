/* Zip archives as torch.save writes them, read in place: stored entries that follow each other
 * without a gap. Source: PKWARE APPNOTE 6.3.10, of which everything else (compression, encryption,
 * several disks, bytes before or between entries) is refused.
 *
 * Only the directory and the local headers are read at opening, so the CRC of an entry is not
 * checked there: zip_check is for the small ones; large ones are pinned by digest (manifest.h). */
#ifndef ATTEST_FILES_ZIP_H
#define ATTEST_FILES_ZIP_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define ZIP_MAX_NAME 512

struct zip_entry {
  const char *name; /* lies in the file, not zero-terminated; a relative path, printable */
  size_t name_length;
  uint64_t header;       /* offset of the local header */
  uint64_t offset, size; /* of the bytes of the entry in the file */
  uint32_t crc;
  uint16_t flags;
};

struct zip {
  size_t count;
  struct zip_entry *entries; /* by name, unique */
};

/* Parses a whole file in memory, which must outlive the result. Owner: the caller, zip_free.
 * Errors: EXIT_INPUT (with the offset), EXIT_RUN (memory). */
int zip_parse(const char *file, const void *data, size_t size, struct zip *zip,
              struct error *error);
void zip_free(struct zip *zip);

/* By exact name; NULL when there is none. */
const struct zip_entry *zip_find(const struct zip *zip, const char *name);

/* Compares the bytes of an entry with its CRC. Errors: EXIT_INPUT. */
int zip_check(const char *file, const void *data, const struct zip_entry *entry,
              struct error *error);

#endif

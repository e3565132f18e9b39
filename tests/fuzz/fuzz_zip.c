/* libFuzzer target: a zip file. The entries that are accepted lie inside it, in their own bytes,
 * and are found by their names. */
#include "files/zip.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int by_offset(const void *a, const void *b)
{
  const struct zip_entry *left = a, *right = b;
  return (left->header > right->header) - (left->header < right->header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct error error = {0};
  struct zip zip;
  if (zip_parse("fuzz", data, size, &zip, &error))
    return 0;
  for (size_t i = 0; i < zip.count; i++) {
    char name[ZIP_MAX_NAME + 1];
    memcpy(name, zip.entries[i].name, zip.entries[i].name_length);
    name[zip.entries[i].name_length] = 0;
    if (zip_find(&zip, name) != &zip.entries[i])
      abort();
    zip_check("fuzz", data, &zip.entries[i], &error);
  }
  uint64_t end = 0;
  qsort(zip.entries, zip.count, sizeof *zip.entries, by_offset);
  for (size_t i = 0; i < zip.count; i++) {
    const struct zip_entry *entry = &zip.entries[i];
    if (entry->header < end || entry->offset < entry->header || entry->offset > size ||
        entry->size > size - entry->offset)
      abort();
    end = entry->offset + entry->size;
  }
  zip_free(&zip);
  return 0;
}

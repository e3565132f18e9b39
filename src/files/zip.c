#include "files/zip.h"

#include "files/crc32.h"
#include "files/zip_directory.h"
#include "files/zip_format.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int compare_names(const struct zip_entry *a, const struct zip_entry *b)
{
  size_t length = a->name_length < b->name_length ? a->name_length : b->name_length;
  int order = memcmp(a->name, b->name, length);
  return order ? order : (a->name_length > b->name_length) - (a->name_length < b->name_length);
}

static int by_name(const void *a, const void *b)
{
  return compare_names(a, b);
}

static int by_header(const void *a, const void *b)
{
  const struct zip_entry *left = a, *right = b;
  return (left->header > right->header) - (left->header < right->header);
}

/* The sizes of the zip64 field in a local extra; false when there is none of that form. */
static bool local_sizes64(const uint8_t *extra, size_t length, uint64_t sizes[2])
{
  for (size_t at = 0; at + 4 <= length;) {
    size_t field = zip_u16(extra + at + 2);
    if (field > length - at - 4)
      return false;
    if (zip_u16(extra + at) == ZIP_EXTRA_ZIP64 && field >= 16) {
      sizes[0] = zip_u64(extra + at + 4);
      sizes[1] = zip_u64(extra + at + 12);
      return true;
    }
    at += 4 + field;
  }
  return false;
}

/* With a descriptor behind the data, the local header may leave CRC and sizes to it. */
static bool local_agrees(const struct zip_entry *entry, const uint8_t *local)
{
  const uint8_t *extra = local + ZIP_LOCAL_BYTES + entry->name_length;
  uint32_t crc = zip_u32(local + 14);
  uint64_t sizes[2] = {zip_u32(local + 18), zip_u32(local + 22)};
  if (entry->flags & ZIP_FLAG_DESCRIPTOR && crc == 0 && sizes[0] == 0 && sizes[1] == 0)
    return true;
  if (sizes[0] == UINT32_MAX && sizes[1] == UINT32_MAX &&
      !local_sizes64(extra, zip_u16(local + 28), sizes))
    return false;
  return crc == entry->crc && sizes[0] == entry->size && sizes[1] == entry->size;
}

/* Finds the data of an entry behind its local header; `end` is where the directory starts. */
static int read_local(const struct zip_file *f, struct zip_entry *entry, uint64_t end,
                      struct error *error)
{
  const uint8_t *local = f->data + entry->header;
  if (entry->header > end || end - entry->header < ZIP_LOCAL_BYTES ||
      zip_u32(local) != ZIP_LOCAL_SIGNATURE)
    return zip_refuse(f, entry->header, "expected an entry to start here", error);
  uint64_t head = ZIP_LOCAL_BYTES + (uint64_t)zip_u16(local + 26) + zip_u16(local + 28);
  if (head > end - entry->header || entry->size > end - entry->header - head)
    return zip_refuse(f, entry->header, "the entry reaches into the directory", error);
  if (zip_u16(local + 26) != entry->name_length ||
      memcmp(local + ZIP_LOCAL_BYTES, entry->name, entry->name_length) != 0 ||
      zip_u16(local + 6) != entry->flags || zip_u16(local + 8) != 0 || !local_agrees(entry, local))
    return zip_refuse(f, entry->header, "the entry and the directory contradict each other", error);
  entry->offset = entry->header + head;
  return 0;
}

/* Nothing may lie between the data and the next entry but the descriptor, which repeats what the
 * directory says. */
static int check_behind(const struct zip_file *f, const struct zip_entry *entry, uint64_t next,
                        struct error *error)
{
  uint64_t at = entry->offset + entry->size;
  if (next < at)
    return zip_refuse(f, next, "an entry overlaps the one before", error);
  uint64_t between = next - at;
  const uint8_t *d = f->data + at;
  if (!(entry->flags & ZIP_FLAG_DESCRIPTOR))
    return between ? zip_refuse(f, at, "bytes here belong to no entry", error) : 0;
  if (between != ZIP_DESCRIPTOR_BYTES && between != ZIP_DESCRIPTOR64_BYTES)
    return zip_refuse(f, at, "expected a data descriptor of 16 or 24 bytes and nothing else here",
                      error);
  size_t width = (size_t)(between - 8) / 2;
  if (zip_u32(d) != ZIP_DESCRIPTOR_SIGNATURE || zip_u32(d + 4) != entry->crc ||
      zip_number(d + 8, width) != entry->size || zip_number(d + 8 + width, width) != entry->size)
    return zip_refuse(f, at, "the data descriptor and the directory contradict each other", error);
  return 0;
}

/* The entries fill the file from its first byte to the directory. */
static int check_cover(const struct zip_file *f, struct zip *zip, uint64_t end, struct error *error)
{
  qsort(zip->entries, zip->count, sizeof *zip->entries, by_header);
  if ((zip->count ? zip->entries[0].header : end) != 0)
    return zip_refuse(f, 0, "the first entry must start here", error);
  for (size_t i = 0; i < zip->count; i++) {
    struct zip_entry *entry = &zip->entries[i];
    uint64_t next = i + 1 < zip->count ? entry[1].header : end;
    if (read_local(f, entry, end, error) || check_behind(f, entry, next, error))
      return error->code;
  }
  return 0;
}

static int check_unique(const struct zip_file *f, struct zip *zip, struct error *error)
{
  qsort(zip->entries, zip->count, sizeof *zip->entries, by_name);
  for (size_t i = 1; i < zip->count; i++)
    if (by_name(&zip->entries[i - 1], &zip->entries[i]) == 0)
      return zip_refuse(f, zip->entries[i].header, "a second entry has this name", error);
  return 0;
}

int zip_parse(const char *file, const void *data, size_t size, struct zip *zip, struct error *error)
{
  struct zip_file f = {file, data, size};
  struct zip made = {0};
  uint64_t start;
  if (zip_directory_read(&f, &made, &start, error))
    return error->code;
  if (check_cover(&f, &made, start, error) || check_unique(&f, &made, error)) {
    zip_free(&made);
    return error->code;
  }
  *zip = made;
  return 0;
}

const struct zip_entry *zip_find(const struct zip *zip, const char *name)
{
  struct zip_entry key = {.name = name, .name_length = strlen(name)};
  return zip->count ? bsearch(&key, zip->entries, zip->count, sizeof key, by_name) : NULL;
}

int zip_check(const char *file, const void *data, const struct zip_entry *entry,
              struct error *error)
{
  uint32_t crc = crc32_add(0, (const uint8_t *)data + entry->offset, entry->size);
  if (crc != entry->crc)
    return error_set(error, EXIT_INPUT,
                     "%s: offset %" PRIu64 ": entry \"%.*s\" has CRC-32 %08" PRIx32 ", its "
                     "directory says %08" PRIx32 "; fetch the file again, or save it again with "
                     "checksums: torch.serialization.set_crc32_options(True)",
                     file, entry->offset, entry->name_length < 200 ? (int)entry->name_length : 200,
                     entry->name, crc, entry->crc);
  return 0;
}

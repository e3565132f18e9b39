#include "files/zip_directory.h"

#include "base/memory.h"
#include "base/text.h"
#include "files/zip_format.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 100000
#define MAX_COMMENT 65535

/* What the end records say. */
struct end {
  uint64_t at; /* of the first of them: the directory ends here */
  uint64_t entries, size, start;
};

int zip_refuse(const struct zip_file *file, uint64_t offset, const char *what, struct error *error)
{
  return error_set(error, EXIT_INPUT,
                   "%s: offset %" PRIu64 ": %s; fetch the file again, or save it again with "
                   "torch.save",
                   file->name, offset, what);
}

/* The last end record of the file; its comment must reach exactly to the end. */
static int find_end(const struct zip_file *f, uint64_t *at, struct error *error)
{
  for (uint64_t i = ZIP_END_BYTES; i <= f->size && i <= ZIP_END_BYTES + MAX_COMMENT; i++) {
    const uint8_t *record = f->data + f->size - i;
    if (zip_u32(record) != ZIP_END_SIGNATURE)
      continue;
    *at = f->size - i;
    if (zip_u16(record + 20) != i - ZIP_END_BYTES)
      return zip_refuse(f, *at, "the comment of the zip file does not reach to its end", error);
    return 0;
  }
  return zip_refuse(f, f->size, "the zip file has no end record; it is cut off", error);
}

/* A field of the old end record must agree with the zip64 one or point to it. */
static bool agrees(uint64_t old, size_t width, uint64_t wide)
{
  return old == wide || old == UINT64_MAX >> (64 - 8 * width);
}

static int read_end64(const struct zip_file *f, const uint8_t *old, struct end *end,
                      struct error *error)
{
  uint64_t locator = end->at - ZIP_LOCATOR_BYTES, at = zip_u64(f->data + locator + 8);
  if (zip_u32(f->data + locator + 4) != 0 || zip_u32(f->data + locator + 16) != 1)
    return zip_refuse(f, locator, "the zip file has several disks", error);
  if (locator < ZIP_END64_BYTES || at != locator - ZIP_END64_BYTES)
    return zip_refuse(f, locator, "expected the zip64 end record just before", error);
  const uint8_t *r = f->data + at;
  if (zip_u32(r) != ZIP_END64_SIGNATURE || zip_u64(r + 4) != ZIP_END64_BYTES - 12)
    return zip_refuse(f, at, "expected a zip64 end record of 56 bytes here", error);
  if (zip_u32(r + 16) != 0 || zip_u32(r + 20) != 0 || zip_u64(r + 24) != zip_u64(r + 32))
    return zip_refuse(f, at, "the zip file has several disks", error);
  *end = (struct end){at, zip_u64(r + 32), zip_u64(r + 40), zip_u64(r + 48)};
  if (!agrees(zip_u16(old + 8), 2, end->entries) || !agrees(zip_u16(old + 10), 2, end->entries) ||
      !agrees(zip_u32(old + 12), 4, end->size) || !agrees(zip_u32(old + 16), 4, end->start))
    return zip_refuse(f, at, "the two end records contradict each other", error);
  return 0;
}

static int read_end(const struct zip_file *f, struct end *end, struct error *error)
{
  uint64_t at = 0;
  if (find_end(f, &at, error))
    return error->code;
  const uint8_t *r = f->data + at;
  *end = (struct end){at, zip_u16(r + 10), zip_u32(r + 12), zip_u32(r + 16)};
  if ((zip_u16(r + 4) != 0 && zip_u16(r + 4) != UINT16_MAX) ||
      (zip_u16(r + 6) != 0 && zip_u16(r + 6) != UINT16_MAX) || zip_u16(r + 8) != end->entries)
    return zip_refuse(f, at, "the zip file has several disks", error);
  if (at >= ZIP_LOCATOR_BYTES &&
      zip_u32(f->data + at - ZIP_LOCATOR_BYTES) == ZIP_LOCATOR_SIGNATURE &&
      read_end64(f, r, end, error))
    return error->code;
  if (end->size > end->at || end->start != end->at - end->size)
    return zip_refuse(f, end->at, "the directory does not end where the end record starts", error);
  if (end->entries > end->size / ZIP_CENTRAL_BYTES)
    return zip_refuse(f, end->at, "more entries are promised than the directory can hold", error);
  if (end->entries > MAX_ENTRIES)
    return zip_refuse(f, end->at, "more than 100000 entries", error);
  return 0;
}

/* A relative path of plain names. */
static bool is_good_name(const char *name, size_t length)
{
  char copy[ZIP_MAX_NAME + 1];
  if (length == 0 || length > ZIP_MAX_NAME || memchr(name, 0, length) || memchr(name, '\\', length))
    return false;
  memcpy(copy, name, length);
  copy[length] = 0;
  for (const char *at = copy; *at;) {
    size_t bytes = text_printable(at);
    if (!bytes)
      return false;
    at += bytes;
  }
  for (const char *part = copy;;) {
    size_t bytes = strcspn(part, "/");
    if (bytes == 0 || (part[0] == '.' && (bytes == 1 || (bytes == 2 && part[1] == '.'))))
      return false;
    if (!part[bytes])
      return true;
    part += bytes + 1;
  }
}

/* Puts the zip64 values in the place of the fields that say 0xffffffff, in the order of the format:
 * size, stored size, offset. The field must be there exactly when one of them does. */
static bool read_extra(const uint8_t *extra, size_t length, uint64_t values[3])
{
  size_t wide = 0, found = 0;
  for (int i = 0; i < 3; i++)
    wide += values[i] == UINT32_MAX;
  for (size_t at = 0; at < length;) {
    if (length - at < 4 || zip_u16(extra + at + 2) > length - at - 4)
      return false;
    size_t field = zip_u16(extra + at + 2);
    if (zip_u16(extra + at) == ZIP_EXTRA_ZIP64) {
      const uint8_t *value = extra + at + 4;
      if (found || wide == 0 || field != 8 * wide)
        return false;
      found = wide;
      for (int i = 0; i < 3; i++)
        if (values[i] == UINT32_MAX) {
          values[i] = zip_u64(value);
          value += 8;
        }
    }
    at += 4 + field;
  }
  return found == wide;
}

static const char *what_is_wrong(const uint8_t *record, uint64_t stored, uint64_t size)
{
  uint16_t flags = zip_u16(record + 8);
  if (flags & (ZIP_FLAG_ENCRYPTED | ZIP_FLAG_STRONG | ZIP_FLAG_MASKED))
    return "the entry is encrypted";
  if (flags & ~(ZIP_FLAG_DESCRIPTOR | ZIP_FLAG_UTF8))
    return "the entry has flags that PyTorch does not use";
  if (zip_u16(record + 10) != 0)
    return "the entry is compressed, which torch.save never does";
  if (stored != size)
    return "the entry is stored, but has two different sizes";
  if (zip_u16(record + 34) != 0)
    return "the entry lies on another disk";
  return zip_u16(record + 32) ? "the entry has a comment" : NULL;
}

/* The entry at `*at`, which moves on to the next. */
static int read_entry(const struct zip_file *f, uint64_t *at, uint64_t end, struct zip_entry *entry,
                      struct error *error)
{
  const uint8_t *r = f->data + *at;
  if (end - *at < ZIP_CENTRAL_BYTES || zip_u32(r) != ZIP_CENTRAL_SIGNATURE)
    return zip_refuse(f, *at, "expected an entry of the directory to start here", error);
  size_t name = zip_u16(r + 28), extra = zip_u16(r + 30);
  uint64_t values[3] = {zip_u32(r + 24), zip_u32(r + 20), zip_u32(r + 42)};
  if (ZIP_CENTRAL_BYTES + name + extra > end - *at)
    return zip_refuse(f, *at, "the entry reaches past the end of the directory", error);
  const char *text = (const char *)r + ZIP_CENTRAL_BYTES;
  if (!is_good_name(text, name))
    return zip_refuse(f, *at, "the entry's name is not a plain relative path", error);
  if (!read_extra(r + ZIP_CENTRAL_BYTES + name, extra, values))
    return zip_refuse(f, *at, "the entry's extra fields are damaged", error);
  const char *wrong = what_is_wrong(r, values[1], values[0]);
  if (wrong)
    return zip_refuse(f, *at, wrong, error);
  *entry = (struct zip_entry){.name = text,
                              .name_length = name,
                              .header = values[2],
                              .size = values[0],
                              .crc = zip_u32(r + 16),
                              .flags = zip_u16(r + 8)};
  *at += ZIP_CENTRAL_BYTES + name + extra;
  return 0;
}

int zip_directory_read(const struct zip_file *file, struct zip *zip, uint64_t *start,
                       struct error *error)
{
  struct end end = {0};
  if (read_end(file, &end, error))
    return error->code;
  struct zip made = {.count = (size_t)end.entries};
  made.entries = memory_alloc(made.count, sizeof *made.entries, file->name, error);
  if (!made.entries)
    return error->code;
  uint64_t at = end.start;
  int status = 0;
  for (size_t i = 0; !status && i < made.count; i++)
    status = read_entry(file, &at, end.at, &made.entries[i], error);
  if (!status && at != end.at)
    status = zip_refuse(file, at, "the directory holds more than its entries", error);
  if (status)
    zip_free(&made);
  else
    *zip = made;
  *start = end.start;
  return status;
}

void zip_free(struct zip *zip)
{
  free(zip->entries);
  *zip = (struct zip){0};
}

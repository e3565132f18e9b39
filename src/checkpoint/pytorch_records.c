#include "checkpoint/pytorch_records.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HIGHEST_VERSION 10
#define TAR_MAGIC_AT 257
#define AGAIN "fetch the file again, or save it again with torch.save"

#define SHOWN 100 /* bytes of a key, any of which may be written as \xNN */

int pytorch_shown(size_t length)
{
  return length < SHOWN ? (int)length : SHOWN;
}

/* The pickles of torch before 1.6 start with the magic number of the format, as LONG1, behind PROTO
 * and (from protocol 4 on) FRAME. */
static bool is_legacy(const uint8_t *data, size_t size)
{
  static const uint8_t magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                  0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
  static const size_t places[] = {2, 11};
  for (size_t i = 0; i < 2; i++)
    if (size >= places[i] + sizeof magic && data[0] == 0x80 &&
        memcmp(data + places[i], magic, sizeof magic) == 0)
      return true;
  return false;
}

static int check_kind(const char *file, const uint8_t *data, size_t size, struct error *error)
{
  bool tar = size > TAR_MAGIC_AT + 5 && memcmp(data + TAR_MAGIC_AT, "ustar", 5) == 0;
  if (tar || is_legacy(data, size))
    return error_set(
        error, EXIT_INPUT,
        "%s: saved by PyTorch before 1.6, in a format that is not supported; convert it "
        "with a current torch: torch.save(torch.load(FILE, weights_only=True), FILE)",
        file);
  if (size < 4 || memcmp(data, "PK\3\4", 4) != 0)
    return error_set(error, EXIT_INPUT,
                     "%s: is not the zip file that torch.save writes; fetch it again", file);
  return 0;
}

static bool name_is(const struct zip_entry *entry, size_t skip, const char *name)
{
  return entry->name_length - skip == strlen(name) &&
         memcmp(entry->name + skip, name, strlen(name)) == 0;
}

static bool name_starts(const struct zip_entry *entry, size_t skip, const char *start)
{
  return entry->name_length - skip > strlen(start) &&
         memcmp(entry->name + skip, start, strlen(start)) == 0;
}

static int refuse(const struct pytorch_records *r, const struct zip_entry *entry, const char *what,
                  struct error *error)
{
  return error_set(error, EXIT_INPUT, "%s: offset %" PRIu64 ": record \"%.*s\" %s", r->file,
                   entry->header, pytorch_shown(entry->name_length), entry->name, what);
}

/* What comes before the first slash, the same for all records. */
static int find_prefix(struct pytorch_records *r, struct error *error)
{
  const struct zip_entry *first = r->zip.entries;
  const char *slash = r->zip.count ? memchr(first->name, '/', first->name_length) : NULL;
  if (!slash)
    return error_set(error, EXIT_INPUT,
                     "%s: the zip file has no folder with a data.pkl, so torch.save did not write "
                     "it; fetch the file again",
                     r->file);
  size_t length = (size_t)(slash - first->name) + 1;
  memcpy(r->prefix, first->name, length);
  r->prefix[length] = 0;
  return 0;
}

static int check_record(struct pytorch_records *r, const struct zip_entry *entry,
                        struct error *error)
{
  static const char *const known[] = {"data.pkl",        "version",
                                      "byteorder",       ".data/serialization_id",
                                      ".format_version", ".storage_alignment"};
  size_t skip = strlen(r->prefix);
  if (!name_starts(entry, 0, r->prefix))
    return refuse(r, entry, "is not in the folder of the others; " AGAIN, error);
  if (name_is(entry, skip, "constants.pkl") || name_starts(entry, skip, "code/"))
    return refuse(
        r, entry,
        "belongs to a TorchScript program, which is not supported; save the state dict of the "
        "model with torch.save",
        error);
  if (name_starts(entry, skip, "data/")) {
    r->storage_bytes += entry->size; /* entries do not overlap */
    return 0;
  }
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (name_is(entry, skip, known[i]))
      return zip_check(r->file, r->data, entry, error);
  return refuse(r, entry,
                "is not known: data.pkl, data/KEY, version, byteorder, .data/serialization_id, "
                ".format_version and .storage_alignment are; " AGAIN,
                error);
}

static const struct zip_entry *find_record(const struct pytorch_records *r, const char *name)
{
  char path[2 * ZIP_MAX_NAME];
  snprintf(path, sizeof path, "%s%s", r->prefix, name);
  return zip_find(&r->zip, path);
}

/* The format's version, decimal with or without a newline. */
static int check_version(const struct pytorch_records *r, struct error *error)
{
  const struct zip_entry *entry = find_record(r, "version");
  uint64_t version = 0;
  if (!entry)
    return error_set(error, EXIT_INPUT, "%s: there is no record \"%.200sversion\"; " AGAIN, r->file,
                     r->prefix);
  const char *text = (const char *)r->data + entry->offset;
  size_t length = (size_t)entry->size;
  if (length && text[length - 1] == '\n')
    length--;
  if (!text_to_u64(text, length, &version) || version < 1 || version > HIGHEST_VERSION)
    return refuse(r, entry, "must be a number from 1 to 10; " AGAIN, error);
  return 0;
}

static int read_byte_order(struct pytorch_records *r, struct error *error)
{
  const struct zip_entry *entry = find_record(r, "byteorder");
  const uint8_t *text = entry ? r->data + entry->offset : NULL;
  if (!entry || (entry->size == 6 && memcmp(text, "little", 6) == 0))
    return 0;
  if (entry->size != 3 || memcmp(text, "big", 3) != 0)
    return refuse(r, entry, "must be \"little\" or \"big\"; " AGAIN, error);
  r->big_endian = true;
  return 0;
}

static int check_records(struct pytorch_records *r, struct error *error)
{
  if (find_prefix(r, error))
    return error->code;
  for (size_t i = 0; i < r->zip.count; i++)
    if (check_record(r, &r->zip.entries[i], error))
      return error->code;
  r->pickle = find_record(r, "data.pkl");
  if (!r->pickle)
    return error_set(error, EXIT_INPUT, "%s: there is no record \"%.200sdata.pkl\"; " AGAIN,
                     r->file, r->prefix);
  return check_version(r, error) ? error->code : read_byte_order(r, error);
}

int pytorch_records_read(const char *file, const void *data, size_t size,
                         struct pytorch_records *records, struct error *error)
{
  *records = (struct pytorch_records){.file = file, .data = data};
  if (check_kind(file, data, size, error) || zip_parse(file, data, size, &records->zip, error))
    return error->code;
  if (check_records(records, error)) {
    zip_free(&records->zip);
    return error->code;
  }
  return 0;
}

int pytorch_records_find(const struct pytorch_records *records,
                         const struct pickle_storage *storage, size_t *index, struct error *error)
{
  char name[ZIP_MAX_NAME];
  uint64_t bytes;
  const struct zip_entry *entry = NULL;
  if (storage->key_length < ZIP_MAX_NAME - sizeof "data/" &&
      !memchr(storage->key, 0, storage->key_length)) {
    snprintf(name, sizeof name, "data/%.*s", (int)storage->key_length, storage->key);
    entry = find_record(records, name);
  }
  if (!entry || storage->key_length == 0)
    return error_set(error, EXIT_INPUT,
                     "%s: offset %" PRIu64 ": storage \"%.*s\" has no record; fetch the file again",
                     records->file, storage->at, pytorch_shown(storage->key_length), storage->key);
  if (__builtin_mul_overflow(storage->elements, dtype_size(storage->dtype), &bytes) ||
      bytes != entry->size)
    return error_set(error, EXIT_INPUT,
                     "%s: offset %" PRIu64 ": storage \"%.*s\" of %" PRIu64
                     " %s elements, but its record has %" PRIu64 " bytes; fetch the file again",
                     records->file, storage->at, pytorch_shown(storage->key_length), storage->key,
                     storage->elements, dtype_name(storage->dtype), entry->size);
  *index = (size_t)(entry - records->zip.entries);
  return 0;
}

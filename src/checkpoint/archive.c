/* A directory of a .tar, .tar.zst or .zip file in one pass through libarchive. Sizes are checked as
 * declared, before anything is allocated or skipped, and then held to the bytes that come. */
#include "checkpoint/fileset.h"

#include "base/memory.h"
#include "base/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 100000
#define MAX_BYTES ((uint64_t)64 << 30)
#define MAX_RATIO 1000
#define MAX_PATH 1024

struct reader {
  struct archive *archive;
  struct fileset *set;
  uint64_t archive_bytes, total, kept, memory; /* memory: the most that may be kept */
  size_t entries;
  char directory[MAX_PATH];
};

/* A path with its "." and empty components dropped; false when it is absolute, leads upwards or
 * has a component that is no plain name. */
static bool normalise(const char *in, char out[MAX_PATH])
{
  size_t used = 0;
  if (*in == '/' || strlen(in) >= MAX_PATH)
    return false;
  while (*in) {
    char part[MAX_PATH];
    size_t length = strcspn(in, "/");
    memcpy(part, in, length);
    part[length] = 0;
    in += length + (in[length] == '/');
    if (length == 0 || strcmp(part, ".") == 0)
      continue;
    if (!file_plain_name(part))
      return false;
    if (used)
      out[used++] = '/';
    memcpy(out + used, part, length);
    used += length;
  }
  out[used] = 0;
  return true;
}

/* A warning of libarchive (a name that is not ASCII, an odd header) is refused like damage: what it
 * would drop is not known. */
static int damaged(const struct reader *reader, struct error *error)
{
  const char *reason = archive_error_string(reader->archive);
  if (!reason)
    reason = "damaged";
  return error_set(
      error, EXIT_INPUT,
      "%s: archive entry %zu cannot be read: %.*s; fetch it again, or pack plain files "
      "with ASCII names",
      reader->set->path, reader->entries, (int)strcspn(reason, "\n"), reason);
}

static int check_kind(const struct reader *reader, struct archive_entry *entry, char path[MAX_PATH],
                      struct error *error)
{
  const char *raw = archive_entry_pathname(entry);
  const char *name = reader->set->path;
  if (!raw)
    return error_set(error, EXIT_INPUT, "%s: archive entry %zu has no readable name", name,
                     reader->entries);
  if (!normalise(raw, path))
    return error_set(error, EXIT_INPUT,
                     "%s: archive entry \"%.200s\" has an unsafe path; pack it with relative paths",
                     name, raw);
  bool regular = archive_entry_filetype(entry) == AE_IFREG;
  if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) ||
      (!regular && archive_entry_filetype(entry) != AE_IFDIR) || (regular && !*path))
    return error_set(error, EXIT_INPUT,
                     "%s: archive entry \"%.200s\" is a link or a special file; pack plain files",
                     name, raw);
  return 0;
}

/* Counts the declared size of an entry, kept or not. */
static int check_limits(struct reader *reader, uint64_t size, struct error *error)
{
  const char *name = reader->set->path;
  char text[32];
  if (reader->entries > MAX_ENTRIES)
    return error_set(error, EXIT_INPUT, "%s: the archive has more than %d entries", name,
                     MAX_ENTRIES);
  if (size > MAX_BYTES || reader->total + size > MAX_BYTES)
    return error_set(error, EXIT_INPUT,
                     "%s: the archive unpacks to more than %s; unpack it and give the directory",
                     name, text_bytes(text, sizeof text, MAX_BYTES));
  reader->total += size;
  if (reader->total / MAX_RATIO > reader->archive_bytes)
    return error_set(error, EXIT_INPUT,
                     "%s: the archive unpacks to more than %d times its size (entry %zu)", name,
                     MAX_RATIO, reader->entries);
  return 0;
}

/* Reads exactly `size` bytes: fewer or more than declared is damage. */
static int read_data(struct reader *reader, uint8_t *data, size_t size, struct error *error)
{
  size_t used = 0;
  uint8_t beyond;
  for (;;) {
    bool full = used == size;
    la_ssize_t got =
        archive_read_data(reader->archive, full ? &beyond : data + used, full ? 1 : size - used);
    if (got < 0)
      return damaged(reader, error);
    if (got == 0 && full)
      return 0;
    if (got == 0 || full)
      return error_set(error, EXIT_INPUT,
                       "%s: archive entry %zu is %s than the %zu bytes it declares",
                       reader->set->path, reader->entries, full ? "longer" : "shorter", size);
    used += (size_t)got;
  }
}

static int keep(struct reader *reader, const char *name, uint64_t size, struct error *error)
{
  static const uint8_t nothing[1];
  char need[32], have[32];
  if (reader->kept + size > reader->memory)
    return error_set(error, EXIT_RUN,
                     "%s: needs %s of memory, %s may be used; unpack it and give the directory",
                     reader->set->path, text_bytes(need, sizeof need, reader->kept + size),
                     text_bytes(have, sizeof have, reader->memory));
  reader->kept += size;
  uint8_t *data = memory_alloc(size, 1, name, error);
  if (!data)
    return error->code;
  if (read_data(reader, data, size, error)) {
    free(data);
    return error->code;
  }
  if (size == 0)
    free(data);
  struct blob blob = {size ? data : nothing, size, false};
  return fileset_add(reader->set, name, blob, NULL, error);
}

/* The name of a file directly in the wanted directory, else NULL. */
static const char *name_inside(const struct reader *reader, const char *path)
{
  size_t length = strlen(reader->directory);
  if (length) {
    if (strncmp(path, reader->directory, length) != 0 || path[length] != '/')
      return NULL;
    path += length + 1;
  }
  return strchr(path, '/') ? NULL : path;
}

static int read_entry(struct reader *reader, struct archive_entry *entry, struct error *error)
{
  char path[MAX_PATH];
  if (check_kind(reader, entry, path, error))
    return error->code;
  /* Unset in a zip entry written as a stream when it is empty; read_data holds it to that. */
  int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
  if (size < 0)
    return damaged(reader, error);
  if (check_limits(reader, (uint64_t)size, error))
    return error->code;
  const char *name = name_inside(reader, path);
  if (name && archive_entry_filetype(entry) == AE_IFREG)
    return keep(reader, name, (uint64_t)size, error);
  if (archive_read_data_skip(reader->archive) != ARCHIVE_OK)
    return damaged(reader, error);
  return 0;
}

static int by_name(const void *a, const void *b)
{
  const struct fileset_file *const *left = a, *const *right = b;
  return strcmp((*left)->name, (*right)->name);
}

static int read_all(struct reader *reader, struct error *error)
{
  struct archive_entry *entry;
  struct fileset *set = reader->set;
  int status;
  while ((status = archive_read_next_header(reader->archive, &entry)) != ARCHIVE_EOF) {
    reader->entries++;
    if (status != ARCHIVE_OK)
      return damaged(reader, error);
    if (read_entry(reader, entry, error))
      return error->code;
  }
  if (set->count == 0)
    return error_set(error, EXIT_INPUT, "%s: the archive has no file in directory \"%s\"",
                     set->path, reader->directory);
  qsort(set->files, set->count, sizeof *set->files, by_name);
  for (size_t i = 1; i < set->count; i++)
    if (strcmp(set->files[i - 1]->name, set->files[i]->name) == 0)
      return error_set(error, EXIT_INPUT, "%s: is in the archive twice; pack it again",
                       set->files[i]->label);
  return 0;
}

static int open_reader(struct reader *reader, const void *data, size_t size, struct error *error)
{
  struct archive *archive = reader->archive;
  if (!archive || archive_read_support_filter_zstd(archive) != ARCHIVE_OK ||
      archive_read_support_format_tar(archive) != ARCHIVE_OK ||
      archive_read_support_format_zip_seekable(archive) != ARCHIVE_OK)
    return error_set(error, EXIT_RUN, "%s: libarchive cannot read .tar, .tar.zst and .zip here",
                     reader->set->path);
  if (archive_read_open_memory(archive, data, size) != ARCHIVE_OK)
    return error_set(error, EXIT_INPUT, "%s: is no .tar, .tar.zst or .zip archive: %s",
                     reader->set->path, archive_error_string(archive));
  return read_all(reader, error);
}

int fileset_open_archive(const char *path, const void *data, size_t size, const char *directory,
                         struct fileset **set, struct error *error)
{
  struct reader reader = {.archive_bytes = size};
  uint64_t available = memory_available();
  reader.memory = available ? available / 10 * 9 : MAX_BYTES;
  if (!normalise(directory, reader.directory))
    return error_set(error, EXIT_INPUT,
                     "%s: \"%.200s\" is no directory inside an archive; give it as ARCHIVE:a/b",
                     path, directory);
  if (fileset_new(path, false, &reader.set, error))
    return error->code;
  reader.archive = archive_read_new();
  int status = open_reader(&reader, data, size, error);
  if (reader.archive)
    archive_read_free(reader.archive);
  if (status) {
    fileset_close(reader.set);
    return status;
  }
  *set = reader.set;
  return 0;
}

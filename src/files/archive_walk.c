#define _GNU_SOURCE /* newlocale */
#include "files/archive_walk.h"

#include "base/sniff.h"

#include "files/archive_guard.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <string.h>

#define MAX_BYTES ((uint64_t)ARCHIVE_MAX_GIB << 30)

void archive_walk_help(struct text *text)
{
  text_add(text,
           "ARCHIVE:DIR reads inside a .tar, .tar.zst or .zip file of at most %d entries\n"
           "that unpacks to at most %d GiB and %d times its own size.",
           ARCHIVE_MAX_ENTRIES, ARCHIVE_MAX_GIB, ARCHIVE_MAX_RATIO);
}

/* Whether a component of a path leads nowhere else and holds no control character. It need not be
 * UTF-8: old zip programs wrote names in the encoding of their system. */
static bool is_plain(const char *part, size_t length)
{
  if (length > 255 || (length == 2 && memcmp(part, "..", 2) == 0))
    return false;
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)part[i] < ' ' || part[i] == 0x7F || part[i] == '\\')
      return false;
  return true;
}

bool archive_plain_path(const char *in, char out[ARCHIVE_MAX_PATH])
{
  size_t used = 0;
  if (*in == '/' || strlen(in) >= ARCHIVE_MAX_PATH)
    return false;
  while (*in) {
    const char *part = in;
    size_t length = strcspn(in, "/");
    in += length + (in[length] == '/');
    if (length == 0 || (length == 1 && *part == '.'))
      continue;
    if (!is_plain(part, length))
      return false;
    if (used)
      out[used++] = '/';
    memcpy(out + used, part, length);
    used += length;
  }
  out[used] = 0;
  return true;
}

/* A warning of libarchive (an odd header) is refused like damage: what it would drop is not known.
 * But not one about a name that is not in the encoding that it claims: see is_about_a_name. */
int archive_walk_damaged(const struct archive_walk *walk, struct error *error)
{
  const char *reason = archive_error_string(walk->archive);
  if (archive_guard_short(walk->archive))
    return archive_guard_failed(walk->name, error);
  if (!reason)
    reason = "damaged";
  return error_set(
      error, EXIT_INPUT,
      "%s: archive entry %zu cannot be read: %.*s; fetch it again, or pack plain files", walk->name,
      walk->entries, (int)strcspn(reason, "\n"), reason);
}

/* What people pack with and attest does not read, by its first bytes. */
static int foreign(const struct archive_walk *walk, struct error *error)
{
  static const struct {
    const char *name, *bytes;
    size_t size;
  } formats[] = {{"gzip", "\x1f\x8b", 2},
                 {"xz",
                  "\xfd"
                  "7zXZ\0",
                  6},
                 {"bzip2", "BZh", 3},
                 {"7-Zip", "7z\xbc\xaf\x27\x1c", 6},
                 {"LZ4", "\x04\x22\x4d\x18", 4},
                 {"RAR", "Rar!", 4}};
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    if (walk->size >= formats[i].size && memcmp(walk->data, formats[i].bytes, formats[i].size) == 0)
      return error_set(
          error, EXIT_INPUT,
          "%s: is packed with %s, which is not supported; unpack it, or pack it again as "
          ".tar, .tar.zst or .zip",
          walk->name, formats[i].name);
  const char *reason = archive_error_string(walk->archive);
  if (reason && strstr(reason, "too much memory"))
    return error_set(error, EXIT_INPUT,
                     "%s: is packed with a zstd window of more than 128 MiB; pack it again without "
                     "--long",
                     walk->name);
  enum sniff_kind kind = sniff(walk->data, walk->size);
  if (kind != SNIFF_UNKNOWN && kind != SNIFF_ZIP && kind != SNIFF_TAR && kind != SNIFF_ZSTD)
    return error_set(error, EXIT_INPUT,
                     "%s: is %s, not a .tar, .tar.zst or .zip archive; fetch the file again",
                     walk->name, sniff_name(kind));
  return error_set(error, EXIT_INPUT, "%s: is not a .tar, .tar.zst or .zip archive: %s", walk->name,
                   reason ? reason : "damaged");
}

static int check_kind(const struct archive_walk *walk, struct archive_entry *entry,
                      char path[ARCHIVE_MAX_PATH], struct error *error)
{
  const char *raw = archive_entry_pathname(entry);
  if (!archive_plain_path(raw, path))
    return error_set(error, EXIT_INPUT,
                     "%s: archive entry \"%.200s\" has an unsafe path; pack it with relative paths",
                     walk->name, raw);
  bool regular = archive_entry_filetype(entry) == AE_IFREG;
  if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) ||
      (!regular && archive_entry_filetype(entry) != AE_IFDIR) || (regular && !*path))
    return error_set(error, EXIT_INPUT,
                     "%s: archive entry \"%.200s\" is a link or a special file; pack plain files",
                     walk->name, raw);
  if (archive_entry_is_encrypted(entry))
    return error_set(error, EXIT_INPUT,
                     "%s: archive entry \"%.200s\" is encrypted; pack it again without a password",
                     walk->name, raw);
  return 0;
}

/* Holds a number of unpacked bytes, declared or seen, against the limits. */
static int check_bytes(const struct archive_walk *walk, uint64_t bytes, struct error *error)
{
  char text[32];
  if (bytes > MAX_BYTES)
    return error_set(error, EXIT_INPUT,
                     "%s: the archive unpacks to more than %s; unpack it and give the directory",
                     walk->name, text_bytes(text, sizeof text, MAX_BYTES));
  if (bytes / ARCHIVE_MAX_RATIO > walk->size)
    return error_set(error, EXIT_INPUT,
                     "%s: the archive unpacks to more than %d times its size (entry %zu); unpack "
                     "it and give the directory",
                     walk->name, ARCHIVE_MAX_RATIO, walk->entries);
  return 0;
}

/* Counts an entry and its declared size. */
static int check_limits(struct archive_walk *walk, uint64_t size, struct error *error)
{
  if (walk->entries > ARCHIVE_MAX_ENTRIES)
    return error_set(error, EXIT_INPUT,
                     "%s: the archive has more than %d entries; pack only the model", walk->name,
                     ARCHIVE_MAX_ENTRIES);
  if (__builtin_add_overflow(walk->total, size, &walk->total))
    walk->total = UINT64_MAX;
  return check_bytes(walk, walk->total, error);
}

int archive_walk_skip(struct archive_walk *walk, struct error *error)
{
  if (archive_read_data_skip(walk->archive) != ARCHIVE_OK)
    return archive_walk_damaged(walk, error);
  return 0;
}

static int walk_entry(struct archive_walk *walk, struct archive_entry *entry, archive_visit *visit,
                      void *context, struct error *error)
{
  char path[ARCHIVE_MAX_PATH];
  bool named = archive_entry_pathname(entry) != NULL; /* see is_about_a_name */
  if (named && check_kind(walk, entry, path, error))
    return error->code;
  /* Unset in a zip entry written as a stream when it is empty; readers hold it to that. */
  int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
  if (size < 0)
    return archive_walk_damaged(walk, error);
  if (check_limits(walk, (uint64_t)size, error))
    return error->code;
  if (named && archive_entry_filetype(entry) == AE_IFREG)
    return visit(context, walk, path, (uint64_t)size, error);
  return archive_walk_skip(walk, error);
}

/* A name (of the entry, of its owner or group) that says it is UTF-8 and is not. libarchive then
 * hands it out as it is, or none: such an entry nobody can ask for, and it is passed over. */
static bool is_about_a_name(struct archive *archive)
{
  const char *reason = archive_error_string(archive);
  return reason && strstr(reason, "converted from");
}

static int open_memory(struct archive_walk *walk, struct archive_guard_memory *memory,
                       struct error *error)
{
  struct archive *archive = walk->archive;
  if (archive_read_support_filter_zstd(archive) == ARCHIVE_OK &&
      archive_read_support_format_tar(archive) == ARCHIVE_OK &&
      archive_read_support_format_zip_seekable(archive) == ARCHIVE_OK) {
    if (archive_guard_open(archive, memory) == ARCHIVE_OK)
      return 0;
    if (!archive_guard_short(archive) && archive_error_string(archive)) /* else it says nothing */
      return foreign(walk, error);
  } else if (!archive_guard_short(archive)) {
    return error_set(error, EXIT_RUN, "%s: libarchive cannot read .tar, .tar.zst and .zip here",
                     walk->name);
  }
  return archive_guard_failed(walk->name, error);
}

static int walk_all(struct archive_walk *walk, struct archive_entry *entry, archive_visit *visit,
                    void *context, struct error *error)
{
  int status;
  do {
    status = archive_read_next_header2(walk->archive, entry);
    walk->entries += status != ARCHIVE_EOF;
    /* Long names and extended headers of a .tar are read along, and declared by no entry. */
    int64_t unpacked = archive_filter_bytes(walk->archive, 0);
    if (unpacked > 0 && check_bytes(walk, (uint64_t)unpacked, error))
      return error->code;
    if (status == ARCHIVE_WARN && is_about_a_name(walk->archive))
      status = ARCHIVE_OK;
    if (status != ARCHIVE_OK && status != ARCHIVE_EOF)
      return archive_walk_damaged(walk, error);
    if (status == ARCHIVE_OK && walk_entry(walk, entry, visit, context, error))
      return error->code;
  } while (status != ARCHIVE_EOF);
  return 0;
}

/* libarchive turns names into the encoding of the thread's locale. Here that is UTF-8 for as long
 * as an archive is read, whatever the user's: the same file has the same names everywhere. Where
 * Debian's C.UTF-8 is missing, names beyond ASCII are what is_about_a_name describes. */
int archive_walk(const char *name, const void *data, size_t size, archive_visit *visit,
                 void *context, struct error *error)
{
  struct archive_walk walk = {.name = name, .data = data, .size = size};
  struct archive_guard_memory memory = {data, size, 0};
  locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
  archive_guard_enter(name);
  struct archive_entry *entry = archive_entry_new();
  walk.archive = archive_read_new();
  int status = entry && walk.archive ? open_memory(&walk, &memory, error)
                                     : archive_guard_failed(name, error);
  if (!status)
    status = walk_all(&walk, entry, visit, context, error);
  archive_entry_free(entry);
  if (walk.archive)
    archive_read_free(walk.archive);
  archive_guard_leave();
  if (utf8) {
    uselocale(before);
    freelocale(utf8);
  }
  return status;
}

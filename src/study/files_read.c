#include "study/files_read.h"

#include "base/json.h"
#include "base/text.h"

#include <string.h>

static json_t *digest_json(const char *digest)
{
  return *digest ? json_string(digest) : json_null();
}

json_t *files_read_json(const struct journal *journal, const struct journal_manifest *manifest,
                        size_t first)
{
  json_t *read = json_array();
  for (size_t i = first; i < journal->count; i++) {
    const struct journal_entry *entry = &journal->entries[i];
    const struct digest *digest = &entry->file.digest;
    if (entry->event == JOURNAL_READ && journal->manifests[entry->manifest] == manifest)
      json_add(read, json_pack("{s:s, s:I, s:o, s:o}", "file", entry->text, "bytes",
                               (json_int_t)entry->file.bytes, "sha256", digest_json(digest->sha256),
                               "xxh3_128", digest_json(digest->xxh3_128)));
  }
  return read;
}

/* Of `digits` hexadecimal digits, or null. */
static int get_digest(const json_t *entry, const char *where, const char *key, size_t digits,
                      char *digest, struct error *error)
{
  const char *value;
  if (json_is_absent(entry, key))
    return 0;
  if (json_get_string(entry, where, key, &value, error))
    return error->code;
  if (strlen(value) != digits || strspn(value, "0123456789abcdef") != digits)
    return error_set(error, EXIT_INPUT, "%s: \"%s\" must be %zu lower-case hex digits", where, key,
                     digits);
  memcpy(digest, value, digits + 1);
  return 0;
}

int files_read_parse(const json_t *entry, const char *where, const char **file, uint64_t *bytes,
                     struct digest *digest, struct error *error)
{
  static const char *const keys[] = {"file", "bytes", "sha256", "xxh3_128", NULL};
  int64_t size = 0;
  *digest = (struct digest){.sha256 = ""};
  if (!json_is_object(entry))
    return error_set(error, EXIT_INPUT, "%s: an entry of \"read\" is not an object", where);
  if (json_check_keys(entry, where, keys, error) ||
      json_get_string(entry, where, "file", file, error) ||
      json_get_integer(entry, where, "bytes", 0, INT64_MAX, &size, error) ||
      get_digest(entry, where, "sha256", 64, digest->sha256, error) ||
      get_digest(entry, where, "xxh3_128", 32, digest->xxh3_128, error))
    return error->code;
  *bytes = (uint64_t)size;
  return 0;
}

int files_read_add(const json_t *list, const char *where, struct journal *journal,
                   struct error *error)
{
  for (size_t i = 0; i < json_array_size(list); i++) {
    struct journal_entry entry = {.event = JOURNAL_READ};
    const char *file;
    if (files_read_parse(json_array_get(list, i), where, &file, &entry.file.bytes,
                         &entry.file.digest, error))
      return error->code;
    const struct shown shown = text_shown(file);
    entry.text = shown.text;
    journal_add(journal, entry);
  }
  return 0;
}

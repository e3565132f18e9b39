#include "study/parts.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/version.h"
#include "study/files_read.h"
#include "study/sharding.h"

#include <stdlib.h>
#include <string.h>

#define INDEX_MOST ((size_t)64 << 20) /* bytes of a shard's index */
#define READ_MOST 20000               /* files that the shards may have read of a manifest */

/* The index of one shard on its way in. */
struct index {
  const char *folder;
  char *path; /* owned */
  json_t *root, *manifests;
  int64_t shard, of;
};

static void index_free(struct index *index)
{
  free(index->path);
  json_decref(index->root);
}

static int open_index(const char *folder, struct index *index, struct error *error)
{
  static const char *const keys[] = {"format", "attest", "shard", "of", "manifests", NULL};
  const char *program;
  int64_t format;
  *index = (struct index){.folder = folder, .path = file_join(folder, SHARD_INDEX, error)};
  if (!index->path)
    return error->code;
  if (!file_exists(index->path))
    return error_set(error, EXIT_INPUT,
                     "%s: holds no finished shard (" SHARD_INDEX
                     "); run reproduce --shard until it ends, or name its folder shard-I-of-N",
                     folder);
  const char *path = index->path;
  if (json_read_object(path, INDEX_MOST, &index->root, error) ||
      json_get_integer(index->root, path, "format", 0, INT64_MAX, &format, error) ||
      json_get_string(index->root, path, "attest", &program, error))
    return error->code;
  if (format != SHARD_FORMAT)
    return error_set(error, EXIT_INPUT,
                     "%s: is in version %lld of its format; this attest reads version %d", path,
                     (long long)format, SHARD_FORMAT);
  if (strcmp(program, ATTEST_VERSION) != 0)
    return error_set(error, EXIT_INPUT,
                     "%s: was made by attest %s, this is attest " ATTEST_VERSION
                     "; run all shards and the merge with one version",
                     path, text_shown(program).text);
  if (json_check_keys(index->root, path, keys, error) ||
      json_get_integer(index->root, path, "of", 1, SHARD_MOST, &index->of, error) ||
      json_get_integer(index->root, path, "shard", 1, index->of, &index->shard, error))
    return error->code;
  return json_get_array(index->root, path, "manifests", &index->manifests, error);
}

static int out_of_memory(const char *path, struct error *error)
{
  return error_set(error, EXIT_RUN, "%s: out of memory", path);
}

/* Which manifests a run is about; `parts` gets them from its first index. */
static int take_manifest(const struct index *index, const json_t *entry,
                         struct parts_manifest *manifest, bool first, struct error *error)
{
  static const char *const keys[] = {"path", "xxh3_128", "model", "parts", "read", NULL};
  const char *path, *digest;
  if (!json_is_object(entry))
    return error_set(error, EXIT_INPUT, "%s: an entry of \"manifests\" is not an object",
                     index->path);
  if (json_check_keys(entry, index->path, keys, error) ||
      json_get_string(entry, index->path, "path", &path, error) ||
      json_get_string(entry, index->path, "xxh3_128", &digest, error))
    return error->code;
  if (!first && strcmp(manifest->digest, digest) != 0)
    return error_set(error, EXIT_INPUT,
                     "%s: was run with another manifest (%s, XXH3-128 %s) where the other shards "
                     "have %s (%s)",
                     index->path, text_shown(path).text, text_shown(digest).text, manifest->path,
                     manifest->digest);
  if (!first)
    return 0;
  if (strlen(digest) != 32 || !text_is_label(digest))
    return error_set(error, EXIT_INPUT, "%s: \"xxh3_128\" of a manifest must have 32 digits",
                     index->path);
  manifest->path = strdup(path);
  strcpy(manifest->digest, digest);
  return manifest->path ? 0 : out_of_memory(index->path, error);
}

/* DIR/<model>/current/<file>, all of them plain names. */
static char *part_path(const struct index *index, const char *model, const char *file,
                       struct error *error)
{
  struct text text = {0};
  if (!text_is_label(model) || !file_plain_name(file)) {
    error_set(error, EXIT_INPUT, "%s: \"%s\" of model \"%s\" cannot be the name of a part",
              index->path, text_shown(file).text, text_shown(model).text);
    return NULL;
  }
  text_add(&text, "%s/%s/current/%s", index->folder, model, file);
  if (!text.failed)
    return text.data;
  text_free(&text);
  out_of_memory(index->path, error);
  return NULL;
}

static int add_files(const struct index *index, const json_t *entry, struct parts_manifest *to,
                     struct error *error)
{
  const char *model;
  json_t *list;
  if (json_get_string(entry, index->path, "model", &model, error) ||
      json_get_array(entry, index->path, "parts", &list, error))
    return error->code;
  size_t more = json_array_size(list);
  char **files = realloc(to->files, (to->count + more + 1) * sizeof *files);
  if (!files)
    return out_of_memory(index->path, error);
  to->files = files;
  for (size_t i = 0; i < more; i++) {
    const char *file = json_string_value(json_array_get(list, i));
    to->files[to->count] = part_path(index, model, file ? file : "", error);
    if (!to->files[to->count])
      return error->code;
    to->count++;
  }
  return 0;
}

/* A file that two shards have read must have had the same bytes. */
static int add_read(const struct parts *parts, const struct index *index, const json_t *entry,
                    struct parts_manifest *to, struct error *error)
{
  struct parts_read read = {.shard = (size_t)index->shard - 1};
  const char *file;
  if (files_read_parse(entry, index->path, &file, &read.bytes, &read.digest, error))
    return error->code;
  for (size_t i = 0; i < to->read_count; i++) {
    const struct parts_read *old = &to->read[i];
    if (strcmp(old->file, file) != 0)
      continue;
    if (old->bytes == read.bytes && memcmp(&old->digest, &read.digest, sizeof read.digest) == 0)
      return 0;
    return error_set(error, EXIT_INPUT, "%s and %s: have read different bytes of %s",
                     parts->folders[old->shard], index->folder, text_shown(file).text);
  }
  if (to->read_count == READ_MOST)
    return error_set(error, EXIT_INPUT, "%s: names more than %d files that were read", index->path,
                     READ_MOST);
  struct parts_read *list = realloc(to->read, (to->read_count + 1) * sizeof *list);
  if (!list)
    return out_of_memory(index->path, error);
  to->read = list;
  read.file = strdup(file);
  if (!read.file)
    return out_of_memory(index->path, error);
  to->read[to->read_count++] = read;
  return 0;
}

static int add_manifest(struct parts *parts, const struct index *index, size_t which, bool first,
                        struct error *error)
{
  const json_t *entry = json_array_get(index->manifests, which);
  struct parts_manifest *to = &parts->manifests[which];
  json_t *read;
  if (take_manifest(index, entry, to, first, error) || add_files(index, entry, to, error) ||
      json_get_array(entry, index->path, "read", &read, error))
    return error->code;
  for (size_t i = 0; i < json_array_size(read); i++)
    if (add_read(parts, index, json_array_get(read, i), to, error))
      return error->code;
  return 0;
}

/* The first index says how many there are of what. */
static int make_room(struct parts *parts, const struct index *index, struct error *error)
{
  parts->shard_count = (size_t)index->of;
  parts->manifest_count = json_array_size(index->manifests);
  parts->folders = memory_zeroed(parts->shard_count, sizeof *parts->folders, index->path, error);
  if (parts->folders)
    parts->manifests =
        memory_zeroed(parts->manifest_count + 1, sizeof *parts->manifests, index->path, error);
  return parts->manifests ? 0 : error->code;
}

static int add_shard(struct parts *parts, const struct index *index, struct error *error)
{
  bool first = !parts->folders;
  if (first && make_room(parts, index, error))
    return error->code;
  if ((size_t)index->of != parts->shard_count)
    return error_set(error, EXIT_INPUT, "%s: is shard %lld of %lld, but others are of %zu",
                     index->folder, (long long)index->shard, (long long)index->of,
                     parts->shard_count);
  char **folder = &parts->folders[index->shard - 1];
  if (*folder)
    return error_set(error, EXIT_INPUT, "%s and %s: both are shard %lld of %lld; leave one out",
                     *folder, index->folder, (long long)index->shard, (long long)index->of);
  if (json_array_size(index->manifests) != parts->manifest_count)
    return error_set(error, EXIT_INPUT, "%s: was run with %zu manifests, others with %zu",
                     index->folder, json_array_size(index->manifests), parts->manifest_count);
  *folder = strdup(index->folder);
  if (!*folder)
    return out_of_memory(index->path, error);
  for (size_t i = 0; i < parts->manifest_count; i++)
    if (add_manifest(parts, index, i, first, error))
      return error->code;
  return 0;
}

/* The first that is not there, by its number. */
static int check_complete(const struct parts *parts, struct error *error)
{
  size_t missing = 0, first = 0;
  for (size_t i = parts->shard_count; i-- > 0;)
    if (!parts->folders[i]) {
      missing++;
      first = i + 1;
    }
  if (!missing)
    return 0;
  return error_set(error, EXIT_INPUT, "merge: shard %zu of %zu is missing%s; name all folders",
                   first, parts->shard_count, missing > 1 ? ", and others are" : "");
}

int parts_load(const char *const *folders, size_t count, struct parts *parts, struct error *error)
{
  *parts = (struct parts){0};
  for (size_t i = 0; i < count && !error->code; i++) {
    struct index index;
    if (!open_index(folders[i], &index, error))
      (void)add_shard(parts, &index, error);
    index_free(&index);
  }
  if (!error->code)
    (void)check_complete(parts, error);
  if (error->code)
    parts_free(parts);
  return error->code;
}

static void manifest_parts_free(struct parts_manifest *manifest)
{
  for (size_t i = 0; i < manifest->count; i++)
    free(manifest->files[i]);
  for (size_t i = 0; i < manifest->read_count; i++)
    free(manifest->read[i].file);
  free(manifest->files);
  free(manifest->read);
  free(manifest->path);
}

void parts_free(struct parts *parts)
{
  for (size_t i = 0; parts->manifests && i < parts->manifest_count; i++)
    manifest_parts_free(&parts->manifests[i]);
  for (size_t i = 0; parts->folders && i < parts->shard_count; i++)
    free(parts->folders[i]);
  free(parts->manifests);
  free(parts->folders);
  *parts = (struct parts){0};
}

int parts_find(const struct parts *parts, const struct manifest *m,
               const struct parts_manifest **found, struct error *error)
{
  for (size_t i = 0; i < parts->manifest_count; i++)
    if (strcmp(parts->manifests[i].digest, m->digest) == 0) {
      *found = &parts->manifests[i];
      return 0;
    }
  return error_set(error, EXIT_INPUT,
                   "%s: has XXH3-128 %s, which is no manifest that the shards were run with",
                   m->path, m->digest);
}

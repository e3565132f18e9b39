#include "checkpoint/shards.h"

#include "base/json.h"
#include "base/memory.h"
#include "files/hub_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INDEX ((size_t)25 << 20)
#define MAX_SHARDS 4096

/* In the order of transformers. */
static const struct {
  const char *single, *index, *ending;
} choices[] = {
    [SHARD_SAFETENSORS] = {"model.safetensors", "model.safetensors.index.json", ".safetensors"},
    [SHARD_PYTORCH] = {"pytorch_model.bin", "pytorch_model.bin.index.json", ".bin"},
};

static int by_text(const void *a, const void *b)
{
  const char *const *left = a, *const *right = b;
  return strcmp(*left, *right);
}

static bool shard_name(const char *name, const char *ending)
{
  size_t length = strlen(name), tail = strlen(ending);
  return file_plain_name(name) && length > tail && strcmp(name + length - tail, ending) == 0;
}

/* The values of the map, each once. */
static int collect_names(struct shard_list *shards, struct error *error)
{
  const char *ending = choices[shards->format].ending;
  const char *tensor;
  json_t *value;
  size_t all = 0, unique = 0, entries = json_object_size(shards->map);
  if (entries == 0)
    return error_set(error, EXIT_INPUT, "%s: \"weight_map\" is empty; fetch the index again",
                     shards->index);
  shards->names = memory_alloc(entries, sizeof *shards->names, shards->index, error);
  if (!shards->names)
    return error->code;
  json_object_foreach(shards->map, tensor, value)
  {
    const char *name = json_string_value(value);
    if (!name || !shard_name(name, ending))
      return error_set(error, EXIT_INPUT,
                       "%s: tensor \"%.200s\": \"%.100s\" is not the plain name of a %s file "
                       "beside the index; fetch the index again",
                       shards->index, tensor, name ? name : "(not a string)", ending);
    shards->names[all++] = name;
  }
  qsort(shards->names, all, sizeof *shards->names, by_text);
  for (size_t i = 0; i < all; i++)
    if (i == 0 || strcmp(shards->names[i], shards->names[unique - 1]) != 0)
      shards->names[unique++] = shards->names[i];
  if (unique > MAX_SHARDS)
    return error_set(error, EXIT_INPUT, "%s: names %zu shards, at most %d are allowed",
                     shards->index, unique, MAX_SHARDS);
  shards->count = unique;
  return 0;
}

static int read_index(struct fileset *files, struct shard_list *shards, struct error *error)
{
  static const char *const known[] = {"metadata", "weight_map", NULL};
  const struct fileset_file *file;
  json_t *metadata;
  if (fileset_get(files, shards->index_name, &file, error))
    return error->code;
  shards->index = file->label;
  if (file->blob.size > MAX_INDEX)
    return error_set(error, EXIT_INPUT, "%s: %zu bytes, more than the %zu an index may have",
                     file->label, file->blob.size, MAX_INDEX);
  if (json_parse_object(file->label, file->blob.data, file->blob.size, &shards->root, error) ||
      json_check_keys(shards->root, file->label, known, error))
    return error->code;
  /* Only sizes for downloaders are in the metadata. */
  if (!json_is_absent(shards->root, "metadata") &&
      json_get_object(shards->root, file->label, "metadata", &metadata, error))
    return error->code;
  if (json_get_object(shards->root, file->label, "weight_map", &shards->map, error))
    return error->code;
  return collect_names(shards, error);
}

static int single(const char *name, struct shard_list *shards, struct error *error)
{
  shards->names = memory_alloc(1, sizeof *shards->names, name, error);
  if (!shards->names)
    return error->code;
  shards->names[0] = name;
  shards->count = 1;
  return 0;
}

/* The files of which one leads to the tensors, in the order of preference. */
static const char *choice(size_t i)
{
  return i % 2 ? choices[i / 2].index : choices[i / 2].single;
}

#define CHOICES (2 * sizeof choices / sizeof *choices)

static void note_others(const struct fileset *files, size_t chosen, struct shard_list *shards)
{
  for (size_t i = chosen + 1; i < CHOICES; i++)
    if (fileset_has(files, choice(i))) {
      snprintf(shards->passed_over, sizeof shards->passed_over,
               "%s was read, though %s is there, too", choice(chosen), choice(i));
      return;
    }
}

static int refuse_none(const struct fileset *files, struct error *error)
{
  char name[500];
  bool unfinished = files->folder && hub_cache_unfinished(files->path, name, sizeof name);
  return error_set(error, EXIT_INPUT, "%s: neither %s nor %s nor %s nor %s is there%s%s%s",
                   files->path, choice(0), choice(1), choice(2), choice(3),
                   unfinished ? ": a download was not finished (" : "", unfinished ? name : "",
                   unfinished ? " is there); download the model again" : "");
}

static int choose(struct fileset *files, struct shard_list *shards, struct error *error)
{
  for (size_t i = 0; i < CHOICES; i++) {
    if (!fileset_has(files, choice(i)))
      continue;
    shards->format = (enum shard_format)(i / 2);
    note_others(files, i, shards);
    if (i % 2 == 0)
      return single(choice(i), shards, error);
    shards->index_name = choice(i);
    return read_index(files, shards, error);
  }
  return refuse_none(files, error);
}

int shards_list(struct fileset *files, struct shard_list *shards, struct error *error)
{
  *shards = (struct shard_list){0};
  if (choose(files, shards, error)) {
    shards_free(shards);
    return error->code;
  }
  return 0;
}

void shards_free(struct shard_list *shards)
{
  json_decref(shards->root);
  free(shards->names);
  *shards = (struct shard_list){0};
}

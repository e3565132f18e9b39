#include "checkpoint/checkpoint.h"

#include "base/memory.h"
#include "base/text.h"
#include "checkpoint/opened.h"
#include "files/hub_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CONFIG ((size_t)1 << 20)

static int by_name(const void *a, const void *b)
{
  const struct tensor *left = a, *right = b;
  return strcmp(left->name, right->name);
}

static int read_config(struct checkpoint *checkpoint, struct error *error)
{
  if (fileset_get(checkpoint->files, "config.json", &checkpoint->config, error))
    return error->code;
  if (checkpoint->config->blob.size > MAX_CONFIG)
    return error_set(error, EXIT_INPUT, "%s: %zu bytes, more than the %zu a config may have",
                     checkpoint->config->label, checkpoint->config->blob.size, MAX_CONFIG);
  return 0;
}

/* Inside a shard every tensor must be given to this shard by the index: a stale or exchanged shard
 * shows, and no tensor can be in two. */
static int check_against_index(const struct shard_list *shards, size_t shard,
                               const struct shard_file *parsed, struct error *error)
{
  for (size_t i = 0; shards->index && i < parsed->count; i++) {
    const struct tensor *tensor = &parsed->tensors[i];
    const char *owner = json_string_value(json_object_get(shards->map, tensor->name));
    if (!owner || strcmp(owner, shards->names[shard]) != 0)
      return error_set(error, EXIT_INPUT,
                       "%s: holds tensor \"%.200s\", which the index %s%.100s; fetch shards and "
                       "index of one revision",
                       tensor->file, tensor->name, owner ? "assigns to " : "does not name",
                       owner ? owner : "");
  }
  return 0;
}

static int parse_shards(struct checkpoint *checkpoint, struct error *error)
{
  const struct shard_list *shards = &checkpoint->shards;
  checkpoint->parsed =
      memory_zeroed(shards->count, sizeof *checkpoint->parsed, checkpoint->files->path, error);
  if (!checkpoint->parsed)
    return error->code;
  for (size_t i = 0; i < shards->count; i++) {
    const struct fileset_file *file;
    struct shard_file *parsed = &checkpoint->parsed[i];
    if (fileset_get(checkpoint->files, shards->names[i], &file, error) ||
        shard_file_parse(file, shards->format, parsed, error) ||
        check_against_index(shards, i, parsed, error))
      return error->code;
    checkpoint->count += parsed->count;
  }
  return 0;
}

void checkpoint_sort(struct checkpoint *checkpoint)
{
  qsort(checkpoint->tensors, checkpoint->count, sizeof *checkpoint->tensors, by_name);
}

static int merge_shards(struct checkpoint *checkpoint, struct error *error)
{
  size_t used = 0;
  checkpoint->tensors =
      memory_alloc(checkpoint->count, sizeof *checkpoint->tensors, checkpoint->files->path, error);
  if (!checkpoint->tensors)
    return error->code;
  for (size_t i = 0; i < checkpoint->shards.count; i++) {
    const struct shard_file *parsed = &checkpoint->parsed[i];
    memcpy(checkpoint->tensors + used, parsed->tensors, parsed->count * sizeof *parsed->tensors);
    used += parsed->count;
  }
  checkpoint_sort(checkpoint);
  return 0;
}

static int check_complete(const struct checkpoint *checkpoint, struct error *error)
{
  const struct shard_list *shards = &checkpoint->shards;
  const char *name;
  json_t *shard;
  json_object_foreach(shards->map, name, shard)
  {
    if (!checkpoint_find(checkpoint, name))
      return error_set(error, EXIT_INPUT,
                       "%s: tensor \"%.200s\" is not in %.100s; fetch shards and index of one "
                       "revision",
                       shards->index, name, json_string_value(shard));
  }
  return 0;
}

static int load(struct checkpoint *checkpoint, struct error *error)
{
  if (read_config(checkpoint, error) ||
      shards_list(checkpoint->files, &checkpoint->shards, error) ||
      parse_shards(checkpoint, error) || merge_shards(checkpoint, error))
    return error->code;
  if (check_complete(checkpoint, error) ||
      names_apply(checkpoint->files->path, &checkpoint->tensors, &checkpoint->count,
                  &checkpoint->naming, error))
    return error->code;
  checkpoint_sort(checkpoint);
  return 0;
}

static void describe_choice(struct checkpoint *checkpoint, const char *snapshot)
{
  const char *passed_over = checkpoint->shards.passed_over;
  char raw[sizeof checkpoint->choice];
  snprintf(raw, sizeof raw, "%s%.700s%s%s", snapshot ? "the only snapshot is read: " : "",
           snapshot ? snapshot : "", snapshot && *passed_over ? "; " : "", passed_over);
  text_escape(checkpoint->choice, sizeof checkpoint->choice, raw);
}

int checkpoint_of_files(struct fileset *files, struct checkpoint **checkpoint, struct error *error)
{
  struct checkpoint *made = memory_zeroed(1, sizeof *made, files->path, error);
  if (!made) {
    fileset_close(files);
    return error->code;
  }
  made->files = files;
  if (load(made, error)) {
    checkpoint_close(made);
    return error->code;
  }
  describe_choice(made, NULL);
  *checkpoint = made;
  return 0;
}

int checkpoint_open(const char *path, struct checkpoint **checkpoint, struct error *error)
{
  struct fileset *files;
  char *snapshot = NULL;
  int status = hub_cache_resolve(path, &snapshot, error);
  if (!status)
    status = fileset_open(snapshot ? snapshot : path, &files, error);
  if (!status)
    status = checkpoint_of_files(files, checkpoint, error);
  if (!status)
    describe_choice(*checkpoint, snapshot);
  free(snapshot);
  return status;
}

void checkpoint_close(struct checkpoint *checkpoint)
{
  if (!checkpoint)
    return;
  for (size_t i = 0; checkpoint->parsed && i < checkpoint->shards.count; i++)
    shard_file_free(&checkpoint->parsed[i]);
  free(checkpoint->parsed);
  free(checkpoint->tensors);
  names_free(&checkpoint->naming);
  shards_free(&checkpoint->shards);
  fileset_close(checkpoint->files);
  free(checkpoint);
}

const char *checkpoint_path(const struct checkpoint *checkpoint)
{
  return checkpoint->files->path;
}

const char *checkpoint_choice(const struct checkpoint *checkpoint)
{
  return checkpoint->choice;
}

int checkpoint_explain(const struct checkpoint *checkpoint, struct error *error)
{
  char text[sizeof error->text];
  if (error->code == EXIT_INPUT && *checkpoint->shards.passed_over) {
    snprintf(text, sizeof text, "%s", error->text);
    error_set(error, EXIT_INPUT, "%s (%s: move one of them away)", text,
              checkpoint->shards.passed_over);
  }
  return error->code;
}

const char *checkpoint_config(const struct checkpoint *checkpoint, size_t *size)
{
  *size = checkpoint->config->blob.size;
  return (const char *)checkpoint->config->blob.data;
}

const char *checkpoint_naming(const struct checkpoint *checkpoint)
{
  return checkpoint->naming.note;
}

bool checkpoint_headless(const struct checkpoint *checkpoint)
{
  return checkpoint->naming.headless;
}

int checkpoint_check_names(const struct checkpoint *checkpoint, struct error *error)
{
  if (checkpoint->naming.doubt.code)
    *error = checkpoint->naming.doubt;
  return checkpoint->naming.doubt.code;
}

const struct tensor *checkpoint_fused(const struct checkpoint *checkpoint, size_t index)
{
  const struct naming *naming = &checkpoint->naming;
  return index < naming->fused_count ? &naming->fused[index] : NULL;
}

const struct tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *name)
{
  struct tensor key = {.name = name};
  return bsearch(&key, checkpoint->tensors, checkpoint->count, sizeof key, by_name);
}

size_t checkpoint_count(const struct checkpoint *checkpoint)
{
  return checkpoint->count;
}

const struct tensor *checkpoint_at(const struct checkpoint *checkpoint, size_t index)
{
  return &checkpoint->tensors[index];
}

#include "files/archive_list.h"

#include "base/memory.h"
#include "files/archive_walk.h"

#include <stdlib.h>
#include <string.h>

struct found {
  char *directory;
  uint64_t bytes;
  bool config;
};

struct lister {
  size_t count, capacity;
  struct found *files;
};

static int visit(void *context, struct archive_walk *walk, const char *path, uint64_t size,
                 struct error *error)
{
  struct lister *lister = context;
  const char *slash = strrchr(path, '/');
  void *files =
      memory_room(lister->files, lister->count + 1, &lister->capacity, sizeof *lister->files);
  if (!files)
    return error_set(error, EXIT_RUN, "%s: out of memory", walk->name);
  lister->files = files;
  struct found *file = &lister->files[lister->count];
  file->directory = strndup(path, slash ? (size_t)(slash - path) : 0);
  if (!file->directory)
    return error_set(error, EXIT_RUN, "%s: out of memory", walk->name);
  file->bytes = size;
  file->config = strcmp(slash ? slash + 1 : path, "config.json") == 0;
  lister->count++;
  return archive_walk_skip(walk, error);
}

static int by_directory(const void *a, const void *b)
{
  const struct found *left = a, *right = b;
  return strcmp(left->directory, right->directory);
}

/* Files of one directory become one model, if a config is among them. The directory's name moves
 * over. */
static void gather(struct lister *lister, struct archive_list *list)
{
  if (lister->count) /* or there is no array */
    qsort(lister->files, lister->count, sizeof *lister->files, by_directory);
  for (size_t i = 0, next; i < lister->count; i = next) {
    struct archive_model model = {.directory = lister->files[i].directory};
    bool config = false;
    for (next = i;
         next < lister->count && by_directory(&lister->files[i], &lister->files[next]) == 0;
         next++) {
      config |= lister->files[next].config;
      model.bytes += lister->files[next].bytes;
      model.files++;
    }
    if (!config)
      continue;
    list->models[list->count++] = model;
    lister->files[i].directory = NULL;
  }
}

int archive_list_models(const char *name, const void *data, size_t size, struct archive_list *list,
                        struct error *error)
{
  struct lister lister = {0};
  *list = (struct archive_list){0};
  int status = archive_walk(name, data, size, visit, &lister, error);
  if (!status && !(list->models = calloc(lister.count + 1, sizeof *list->models)))
    status = error_set(error, EXIT_RUN, "%s: out of memory", name);
  if (!status) {
    gather(&lister, list);
    if (!list->count)
      status = error_set(error, EXIT_INPUT,
                         "%s: the archive has no model directory: none holds a config.json", name);
  }
  for (size_t i = 0; i < lister.count; i++)
    free(lister.files[i].directory);
  free(lister.files);
  if (status)
    archive_list_free(list);
  return status;
}

void archive_list_free(struct archive_list *list)
{
  for (size_t i = 0; i < list->count; i++)
    free(list->models[i].directory);
  free(list->models);
  *list = (struct archive_list){0};
}

#define _GNU_SOURCE
#include "files/hub_cache.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 1000  /* folders looked at */
#define NAMED 4    /* folders named in a message */
#define MAX_REF 80 /* bytes of refs/main */

/* Folders that may be meant. */
struct candidates {
  size_t count, models; /* models: those with a config.json come first */
  char *paths[MOST];
  bool cache; /* laid out as the hub's */
};

static bool has_entry(const char *folder, const char *name)
{
  char path[PATH_MAX];
  struct stat info;
  return snprintf(path, sizeof path, "%s/%s", folder, name) < PATH_MAX && lstat(path, &info) == 0;
}

static int add(struct candidates *c, const char *folder, const char *name, struct error *error)
{
  char *path = c->count < MOST ? file_join(folder, name, error) : NULL;
  if (c->count == MOST)
    return 0;
  if (!path)
    return error->code;
  bool model = has_entry(path, "config.json");
  if (!file_is_directory(path) || (!model && !c->cache)) {
    free(path);
    return 0;
  }
  c->paths[c->count] = path;
  if (model) {
    c->paths[c->count] = c->paths[c->models];
    c->paths[c->models++] = path;
  }
  c->count++;
  return 0;
}

/* What happens to a folder's entries that begin with a prefix, hidden ones skipped. */
typedef int visit(struct candidates *c, const char *folder, const char *name, struct error *error);

static int each(struct candidates *c, const char *folder, const char *prefix, visit *what,
                struct error *error)
{
  DIR *directory = opendir(folder);
  struct dirent *entry;
  int status = 0;
  while (directory && !status && (entry = readdir(directory)))
    if (entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
      status = what(c, folder, entry->d_name, error);
  if (directory)
    closedir(directory);
  return status;
}

/* All snapshots of FOLDER/NAME, a models--ORG--NAME, or of FOLDER itself. */
static int add_snapshots(struct candidates *c, const char *folder, const char *name,
                         struct error *error)
{
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s%s%s/snapshots", folder, *name ? "/" : "", name) >= PATH_MAX ||
      !file_is_directory(path))
    return 0;
  c->cache = true;
  return each(c, path, "", add, error);
}

static int collect(const char *given, struct candidates *c, struct error *error)
{
  char path[PATH_MAX], hub[PATH_MAX];
  size_t length = strlen(given);
  while (length > 1 && given[length - 1] == '/')
    length--;
  if (snprintf(path, sizeof path, "%.*s", (int)length, given) >= PATH_MAX)
    return 0;
  if (add_snapshots(c, path, "", error) || each(c, path, "models--", add_snapshots, error))
    return error->code;
  if (snprintf(hub, sizeof hub, "%s/hub", path) < PATH_MAX &&
      each(c, hub, "models--", add_snapshots, error))
    return error->code;
  if (c->cache)
    return 0;
  c->cache = length >= 10 && strncmp(path + length - 10, "/snapshots", 10) == 0;
  return each(c, path, "", add, error);
}

static int by_text(const void *a, const void *b)
{
  const char *const *left = a, *const *right = b;
  return strcmp(*left, *right);
}

/* Whether refs/main of its model names this snapshot. */
static bool is_main(const char *snapshot)
{
  char path[PATH_MAX];
  struct blob blob;
  struct error ignored;
  const char *name = strrchr(snapshot, '/') + 1;
  int folder = (int)(name - 1 - snapshot);
  if (snprintf(path, sizeof path, "%.*s/../refs/main", folder, snapshot) >= PATH_MAX ||
      file_read(path, MAX_REF, &blob, &ignored))
    return false;
  size_t length = blob.size;
  while (length && (blob.data[length - 1] == '\n' || blob.data[length - 1] == ' '))
    length--;
  bool same = length == strlen(name) && memcmp(blob.data, name, length) == 0;
  blob_free(&blob);
  return same;
}

/* Names the folders, the one that refs/main means first. */
static int refuse(const char *path, struct candidates *c, struct error *error)
{
  struct text list = {0};
  size_t count = c->models ? c->models : c->count;
  qsort(c->paths, count, sizeof *c->paths, by_text);
  for (size_t i = 0; i < count && c->cache; i++)
    if (is_main(c->paths[i])) {
      char *main = c->paths[i];
      memmove(c->paths + 1, c->paths, i * sizeof *c->paths);
      c->paths[0] = main;
      break;
    }
  for (size_t i = 0; i < count && i < NAMED; i++)
    text_add(&list, "%s%s%s", i ? ", " : "", c->paths[i],
             c->cache && is_main(c->paths[i]) ? " (main)" : "");
  if (count > NAMED)
    text_add(&list, " and %zu more", count - NAMED);
  int status = list.failed ? error_set(error, EXIT_RUN, "%s: out of memory", path)
               : c->cache
                   ? error_set(error, EXIT_INPUT,
                               "%s: is a hub cache with %zu snapshots; give one of them: %s", path,
                               count, list.data)
                   : error_set(error, EXIT_INPUT,
                               "%s: holds no config.json, but directories below it do; give one of "
                               "them: %s",
                               path, list.data);
  text_free(&list);
  return status;
}

int hub_cache_resolve(const char *path, char **snapshot, struct error *error)
{
  struct candidates *c;
  *snapshot = NULL;
  if (!file_is_directory(path) || has_entry(path, "config.json"))
    return 0;
  if (!(c = calloc(1, sizeof *c)))
    return error_set(error, EXIT_RUN, "%s: out of memory", path);
  int status = collect(path, c, error);
  size_t count = c->models ? c->models : c->count;
  if (!status && c->cache && count == 1)
    *snapshot = c->paths[0];
  else if (!status && c->cache && count == 0)
    status = error_set(error, EXIT_INPUT,
                       "%s: is a hub cache without a snapshot; download the model again", path);
  else if (!status && count)
    status = refuse(path, c, error);
  for (size_t i = 0; i < c->count; i++)
    if (c->paths[i] != *snapshot)
      free(c->paths[i]);
  free(c);
  return status;
}

/* A file of this folder whose name has this beginning and an ending of unfinished downloads. */
static bool find_unfinished(const char *folder, const char *start, char *name, size_t size)
{
  DIR *directory = opendir(folder);
  struct dirent *entry;
  bool found = false;
  while (directory && !found && (entry = readdir(directory))) {
    const char *file = entry->d_name;
    found = strncmp(file, start, strlen(start)) == 0 &&
            (text_ends_with(file, ".incomplete") || text_ends_with(file, ".part"));
    if (found)
      snprintf(name, size, "%s/%s", folder, file);
  }
  if (directory)
    closedir(directory);
  return found;
}

bool hub_cache_unfinished(const char *folder, char *name, size_t size)
{
  static const char *const places[] = {".", ".cache/huggingface/download", "../../blobs"};
  char path[PATH_MAX];
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (snprintf(path, sizeof path, "%s/%s", folder, places[i]) < PATH_MAX &&
        find_unfinished(path, "", name, size))
      return true;
  return false;
}

int hub_cache_refuse_dangling(const char *path, struct error *error)
{
  char target[PATH_MAX], folder[PATH_MAX], name[PATH_MAX];
  struct stat info;
  ssize_t length = readlink(path, target, sizeof target - 1);
  if (length < 0 || stat(path, &info) == 0)
    return 0;
  target[length] = 0;
  const char *last = strrchr(target, '/'), *own = strrchr(path, '/');
  int outer = *target == '/' || !own ? 0 : (int)(own + 1 - path);
  if (snprintf(folder, sizeof folder, "%.*s%.*s", outer, path, last ? (int)(last - target) : 1,
               last ? target : ".") < PATH_MAX &&
      find_unfinished(folder, last ? last + 1 : target, name, sizeof name))
    return error_set(
        error, EXIT_INPUT,
        "%s: link to %s, which is missing: its download was not finished (%s is there); "
        "download the model again",
        path, target, name);
  return error_set(error, EXIT_INPUT, "%s: link to %s, which is missing; fetch the file again",
                   path, target);
}

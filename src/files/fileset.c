#include "files/fileset.h"

#include "base/embedded.h"
#include "base/file_use.h"
#include "base/memory.h"
#include "files/hub_cache.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int fileset_new(const char *path, bool folder, struct fileset **set, struct error *error)
{
  struct fileset *made = memory_zeroed(1, sizeof *made, path, error);
  if (!made)
    return error->code;
  made->folder = folder;
  made->path = strdup(path);
  if (!made->path) {
    free(made);
    return error_set(error, EXIT_RUN, "%s: out of memory", path);
  }
  *set = made;
  return 0;
}

static void file_release(struct fileset_file *file)
{
  free(file->name);
  free(file->label);
  if (!file->inside)
    blob_free(&file->blob);
  free(file);
}

void fileset_close(struct fileset *set)
{
  if (!set)
    return;
  for (size_t i = 0; i < set->count; i++)
    file_release(set->files[i]);
  free(set->files);
  if (set->archive.data)
    blob_free(&set->archive);
  free(set->path);
  free(set);
}

/* "FOLDER/name", "ARCHIVE:DIR/name", "ARCHIVE:name". */
static char *label_of(const struct fileset *set, const char *name, struct error *error)
{
  size_t length = strlen(set->path);
  if (set->folder || set->path[length - 1] != ':')
    return file_join(set->path, name, error);
  char *label = memory_alloc(length + strlen(name) + 1, 1, name, error);
  if (label) {
    memcpy(label, set->path, length);
    strcpy(label + length, name);
  }
  return label;
}

static int make_room(struct fileset *set, struct error *error)
{
  void *files = memory_room(set->files, set->count + 1, &set->capacity, sizeof *set->files);
  if (!files)
    return error_set(error, EXIT_RUN, "%s: out of memory", set->path);
  set->files = files;
  return 0;
}

static int add(struct fileset *set, const char *name, struct blob blob, bool inside,
               const struct fileset_file **file, struct error *error)
{
  struct fileset_file *added = memory_zeroed(1, sizeof *added, name, error);
  if (!added) {
    if (!inside)
      blob_free(&blob);
    return error->code;
  }
  added->blob = blob;
  added->inside = inside;
  added->label = label_of(set, name, error);
  added->name = added->label ? strdup(name) : NULL;
  if (added->label && !added->name)
    error_set(error, EXIT_RUN, "%s: out of memory", added->label);
  if (!added->name || make_room(set, error)) {
    file_release(added);
    return error->code;
  }
  set->files[set->count++] = added;
  if (file)
    *file = added;
  return 0;
}

int fileset_add(struct fileset *set, const char *name, struct blob blob,
                const struct fileset_file **file, struct error *error)
{
  return add(set, name, blob, false, file, error);
}

int fileset_add_inside(struct fileset *set, const char *name, const uint8_t *data, size_t size,
                       struct error *error)
{
  return add(set, name, (struct blob){data, size, true}, true, NULL, error);
}

/* Linear in a folder (a handful of files), binary in an archive, which may hold many. */
static struct fileset_file *find(const struct fileset *set, const char *name)
{
  size_t low = 0, high = set->count;
  for (size_t i = 0; set->folder && i < set->count; i++)
    if (strcmp(set->files[i]->name, name) == 0)
      return set->files[i];
  while (!set->folder && low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(name, set->files[middle]->name);
    if (order == 0)
      return set->files[middle];
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

/* Without memory, whose lack must not look like a lack of the file. */
bool fileset_has(const struct fileset *set, const char *name)
{
  char path[PATH_MAX]; /* what is longer does not exist */
  if (find(set, name) || !set->folder)
    return find(set, name) != NULL;
  struct stat info;
  int length = snprintf(path, sizeof path, "%s/%s", set->path, name);
  return length > 0 && (size_t)length < sizeof path &&
         (lstat(path, &info) == 0 || embedded_find(path));
}

int fileset_get(struct fileset *set, const char *name, const struct fileset_file **file,
                struct error *error)
{
  *file = find(set, name);
  if (*file)
    return 0;
  char *path = label_of(set, name, error);
  if (!path)
    return error->code;
  struct blob blob;
  int status;
  if (!fileset_has(set, name))
    status = file_use_gone(path, error) ? error->code
                                        : error_set(error, EXIT_INPUT, "%s: missing; %s", path,
                                                    set->folder ? "fetch the file again"
                                                                : "pack it into the archive, too");
  else if (!(status = hub_cache_refuse_dangling(path, error)))
    status = file_map(path, &blob, error);
  free(path);
  return status ? status : fileset_add(set, name, blob, file, error);
}

#define _GNU_SOURCE
#include "study/outputs.h"

#include "base/file.h"
#include "base/file_use.h"
#include "claims/verdicts.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDERS 8 /* how deep folders in folders are looked through */

static const struct output standard = {"standard output", "-", false};

/* What a path leads to: a file, or a name in a directory. */
struct place {
  bool known, there;
  struct stat info; /* of the file if it is there, else of the directory */
  char name[256];
};

static struct place place_of(const char *path)
{
  struct place place = {0};
  if (strcmp(path, "-") == 0) {
    place.known = place.there = fstat(STDOUT_FILENO, &place.info) == 0;
    return place;
  }
  if (stat(path, &place.info) == 0) {
    place.known = place.there = true;
    return place;
  }
  char *target = file_follow_links(path), *slash = target ? strrchr(target, '/') : NULL;
  const char *name = slash ? slash + 1 : target;
  if (name && strlen(name) < sizeof place.name) {
    strcpy(place.name, name);
    if (slash)
      slash[1] = 0;
    place.known = stat(slash ? target : ".", &place.info) == 0;
  }
  free(target);
  return place;
}

static bool same_place(const struct place *a, const struct place *b)
{
  return a->known && b->known && a->there == b->there && a->info.st_dev == b->info.st_dev &&
         a->info.st_ino == b->info.st_ino && strcmp(a->name, b->name) == 0 &&
         !(a->there && S_ISCHR(a->info.st_mode));
}

static int check_pair(const struct output *a, const struct output *b, struct error *error)
{
  if (strcmp(a->path, "-") == 0 && strcmp(b->path, "-") == 0)
    return error_set(error, EXIT_INPUT, "%s and %s cannot both be standard output", a->option,
                     b->option);
  struct place one = place_of(a->path), two = place_of(b->path);
  if (!same_place(&one, &two))
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s %s and %s %s are the same file, and one would be lost; give each its own",
                   a->option, a->path, b->option, b->path);
}

int outputs_check(const struct output *outputs, size_t count, struct error *error)
{
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; outputs[i].path && k < i; k++)
      if (outputs[k].path && check_pair(&outputs[k], &outputs[i], error))
        return error->code;
  for (size_t i = 0; i < count; i++)
    if (outputs[i].path && file_check_writable(outputs[i].path, error))
      return error->code;
  return 0;
}

/* Inputs are what is read, and what else is in a folder that is. */
static const char used[] = "which this command uses",
                  beside[] = "in a folder which this command uses";

static int refuse(const struct output *output, const char *input, const char *what,
                  struct error *error)
{
  bool named = output != &standard;
  return error_set(error, EXIT_INPUT, "%s%s%s: is %s, %s; name another file", output->option,
                   named ? " " : "", named ? output->path : "", input, what);
}

static int spare_read(const struct output *output, struct error *error)
{
  if (!output->path)
    return 0;
  struct place place = place_of(output->path);
  const char *input =
      place.known && place.there && S_ISREG(place.info.st_mode) ? file_use_find(&place.info) : NULL;
  return input ? refuse(output, input, used, error) : 0;
}

int outputs_spare_read(const struct output *outputs, size_t count, struct error *error)
{
  for (size_t i = 0; i < count; i++)
    if (spare_read(&outputs[i], error))
      return error->code;
  return spare_read(&standard, error);
}

/* Of "ARCHIVE:DIR/NAME" that of the archive. */
static struct place input_place(const char *path)
{
  struct place place = place_of(path);
  for (const char *colon = strchr(path, ':'); colon && !place.there;
       colon = strchr(colon + 1, ':')) {
    char *archive = strndup(path, (size_t)(colon - path));
    if (archive && file_exists(archive) && !file_is_directory(archive))
      place = place_of(archive);
    free(archive);
  }
  return place;
}

static int spare(const struct output *output, const struct place *input, const char *path,
                 const char *what, struct error *error)
{
  if (!output->path)
    return 0;
  struct place place = place_of(output->path);
  return same_place(&place, input) ? refuse(output, path, what, error) : 0;
}

static int spare_input(const struct output *outputs, size_t count, const char *path,
                       const char *what, struct error *error)
{
  struct place input = input_place(path);
  for (size_t i = 0; i < count; i++)
    if (spare(&outputs[i], &input, path, what, error))
      return error->code;
  return spare(&standard, &input, path, what, error);
}

int outputs_spare(const struct output *outputs, size_t count, const char *path, struct error *error)
{
  return spare_input(outputs, count, path, used, error);
}

int outputs_spare_inside(const struct output *outputs, size_t count, const char *directory,
                         const char *name, struct error *error)
{
  char *path = file_join(directory, name, error);
  int status = path ? outputs_spare(outputs, count, path, error) : error->code;
  free(path);
  return status;
}

/* Whether there is a file already that one of them, or standard output, would be. */
static bool any_there(const struct output *outputs, size_t count)
{
  struct place place = place_of(standard.path);
  bool found = place.there && S_ISREG(place.info.st_mode);
  for (size_t i = 0; i < count && !found; i++)
    if (outputs[i].path) {
      place = place_of(outputs[i].path);
      found = place.there && S_ISREG(place.info.st_mode);
    }
  return found;
}

/* A folder, or a symbolic link to one where inputs are read through it: right in what was given. */
static bool is_folder(const char *path, int depth)
{
  struct stat info;
  return (depth ? lstat(path, &info) : stat(path, &info)) == 0 && S_ISDIR(info.st_mode);
}

/* Folders within, FOLDERS deep. */
static int spare_folder(const struct output *outputs, size_t count, const char *folder, int depth,
                        struct error *error)
{
  struct dirent *entry;
  DIR *listing = opendir(folder);
  if (!listing) /* what is not there, or not for this user to read, cannot be listed */
    return errno == ENOENT || errno == ENOTDIR || errno == EACCES
               ? 0
               : error_set(error, EXIT_RUN, "%s: cannot be read: %s", folder, error_reason(errno));
  while (!error->code && (entry = readdir(listing))) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    char *path = file_join(folder, entry->d_name, error);
    if (path && is_folder(path, depth)) {
      if (depth < FOLDERS)
        spare_folder(outputs, count, path, depth + 1, error);
    } else if (path) {
      spare_input(outputs, count, path, beside, error);
    }
    free(path);
  }
  closedir(listing);
  return error->code;
}

int outputs_spare_folder(const struct output *outputs, size_t count, const char *folder,
                         struct error *error)
{
  return any_there(outputs, count) ? spare_folder(outputs, count, folder, 0, error) : 0;
}

static int spare_revision(const struct output *outputs, size_t count,
                          const struct manifest *manifest, const struct manifest_revision *revision,
                          const char *checkpoints, struct error *error)
{
  char *directory = manifest_revision_path(manifest, revision, checkpoints, error);
  int status = directory ? 0 : error->code;
  for (size_t i = 0; i < revision->file_count && !status; i++)
    status = outputs_spare_inside(outputs, count, directory, revision->files[i].path, error);
  free(directory);
  return status;
}

/* A directory of tables, with a CSV a revision, there or not, and all else that is in it. */
static int spare_tables(const struct output *outputs, size_t count, const struct manifest *manifest,
                        const char *directory, struct error *error)
{
  int status = outputs_spare_inside(outputs, count, directory, "trajectory.json", error);
  if (!status)
    status = outputs_spare_inside(outputs, count, directory, VERDICTS_FILE, error);
  for (size_t i = 0; i < manifest->revision_count && !status; i++) {
    char name[300];
    snprintf(name, sizeof name, "%s.csv", manifest->revisions[i].name);
    status = outputs_spare_inside(outputs, count, directory, name, error);
  }
  return status ? status : outputs_spare_folder(outputs, count, directory, error);
}

static int spare_itself(const struct output *outputs, size_t count, const char *manifest,
                        struct error *error)
{
  struct place input = place_of(manifest);
  for (size_t i = 0; i < count; i++)
    if (!outputs[i].in_place && spare(&outputs[i], &input, manifest, used, error))
      return error->code;
  return 0;
}

int outputs_spare_manifest(const struct output *outputs, size_t count,
                           const struct manifest *manifest, const char *checkpoints,
                           struct error *error)
{
  const struct manifest *m = manifest;
  if (spare_itself(outputs, count, m->path, error) ||
      outputs_spare(outputs, count, checkpoints ? checkpoints : m->checkpoints, error) ||
      (m->tensors && outputs_spare(outputs, count, m->tensors, error)) ||
      (m->golden && spare_tables(outputs, count, m, m->golden, error)) ||
      (m->published.directory && spare_tables(outputs, count, m, m->published.directory, error)))
    return error->code;
  for (size_t i = 0; i < m->circuits.task_count; i++)
    if (outputs_spare(outputs, count, m->circuits.tasks[i].path, error))
      return error->code;
  for (size_t i = 0; i < m->revision_count; i++)
    if (spare_revision(outputs, count, m, &m->revisions[i], checkpoints, error))
      return error->code;
  return 0;
}

#include "study/workdir.h"

#include "base/file.h"
#include "base/text.h"
#include "base/version.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define IDENTITY_FILE "run.txt"
#define LOCK_FILE "attest.lock"

static char *identity_of(const struct manifest *manifest, const char *checkpoints)
{
  struct text text = {0};
  text_add(&text, "attest %s\nmanifest %s\ncheckpoints %s\n", ATTEST_VERSION, manifest->digest,
           checkpoints ? checkpoints : manifest->checkpoints);
  if (text.failed)
    text_free(&text);
  return text.data;
}

/* Whether the directory was made by a run of this identity, or of another one. */
static int same_identity(const char *directory, const char *identity, bool *same, bool *other,
                         struct error *error)
{
  char *path = file_join(directory, IDENTITY_FILE, error);
  struct blob blob;
  if (!path)
    return error->code;
  *same = *other = false;
  int status = file_exists(path) ? file_read(path, 1 << 16, &blob, error) : EXIT_INPUT;
  if (!status) {
    *same = blob.size == strlen(identity) && memcmp(blob.data, identity, blob.size) == 0;
    *other = !*same;
    blob_free(&blob);
  }
  free(path);
  if (status == EXIT_RUN) /* what cannot be read now must not be taken for another and removed */
    return status;
  *error = (struct error){0};
  return 0;
}

static int write_identity(const char *directory, const char *identity, struct error *error)
{
  char *path = file_join(directory, IDENTITY_FILE, error);
  int status = path ? file_write(path, identity, strlen(identity), error) : error->code;
  free(path);
  return status;
}

/* `current` with the directories in it, of work that was under way. */
static int remove_current(const struct workdir *dir, struct error *error)
{
  struct dirent *entry;
  DIR *listing = opendir(dir->current);
  int status = 0;
  while (listing && !status && (entry = readdir(listing))) {
    if (entry->d_name[0] == '.')
      continue;
    char *path = file_join(dir->current, entry->d_name, error);
    status = !path ? error->code : file_is_directory(path) ? file_remove_directory(path, error) : 0;
    free(path);
  }
  if (listing)
    closedir(listing);
  return status ? status : file_remove_directory(dir->current, error);
}

static int start(struct workdir *dir, struct error *error)
{
  bool same;
  if (same_identity(dir->current, dir->identity, &same, &dir->replaced, error))
    return error->code;
  if (same)
    return 0;
  if (remove_current(dir, error) || file_make_directory(dir->current, error))
    return error->code;
  return write_identity(dir->current, dir->identity, error);
}

static int lock_folder(const char *work, struct lock *lock, struct error *error)
{
  if (lock->path)
    return 0;
  if (file_make_directory(work, error))
    return error->code;
  char *path = file_join(work, LOCK_FILE, error);
  int status = path ? lock_take(path, work, lock, error) : error->code;
  free(path);
  return status;
}

/* Circuits of a model do not take the place of its screens. */
static char *root_of(const char *work, const struct manifest *manifest, struct error *error)
{
  struct text name = {0};
  text_add(&name, "%s%s", manifest->model,
           manifest->content == MANIFEST_CIRCUITS ? ".circuits" : "");
  char *root = name.failed ? NULL : file_join(work, name.data, error);
  text_free(&name);
  return root;
}

int workdir_open(const char *work, const struct manifest *manifest, const char *checkpoints,
                 struct lock *lock, struct workdir *dir, struct error *error)
{
  *dir = (struct workdir){0};
  if (lock_folder(work, lock, error))
    return error->code;
  dir->identity = identity_of(manifest, checkpoints);
  dir->root = root_of(work, manifest, error);
  if (dir->root) {
    dir->current = file_join(dir->root, "current", error);
    dir->first = file_join(dir->root, "first", error);
  }
  int status = !dir->identity || !dir->current || !dir->first
                   ? error_set(error, EXIT_RUN, "%s: out of memory", work)
                   : start(dir, error);
  if (status)
    workdir_close(dir);
  return status;
}

void workdir_close(struct workdir *dir)
{
  free(dir->root);
  free(dir->current);
  free(dir->first);
  free(dir->identity);
  *dir = (struct workdir){0};
}

char *workdir_path(const struct workdir *dir, const char *name, const char *suffix,
                   struct error *error)
{
  struct text file = {0};
  text_add(&file, "%s%s", name, suffix);
  char *path = file.failed ? NULL : file_join(dir->current, file.data, error);
  text_free(&file);
  if (!path)
    error_set(error, EXIT_RUN, "%s: out of memory", name);
  return path;
}

int workdir_finish(const struct workdir *dir, struct error *error)
{
  return remove_current(dir, error);
}

int workdir_first(const struct workdir *dir, const struct trajectory *trajectory, bool *is_first,
                  struct trajectory_files *first, struct error *error)
{
  bool same, other;
  if (same_identity(dir->first, dir->identity, &same, &other, error))
    return error->code;
  *is_first = !same;
  if (!same) {
    if (file_remove_directory(dir->first, error) || trajectory_save(dir->first, trajectory, error))
      return error->code;
    return write_identity(dir->first, dir->identity, error); /* last: it makes the copy count */
  }
  return trajectory_files_load(dir->first, first, error);
}

#include "manifest/manifest.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

bool pinned_file_complete(const struct pinned_file *file)
{
  return file->has_bytes && *file->digest.sha256 && *file->digest.xxh3_128;
}

bool pinned_file_pinned(const struct pinned_file *file)
{
  return *file->digest.sha256;
}

static void revision_free(struct manifest_revision *revision)
{
  for (size_t i = 0; revision->files && i < revision->file_count; i++)
    free(revision->files[i].path);
  free(revision->files);
  free(revision->name);
  free(revision->directory);
}

void manifest_free(struct manifest *manifest)
{
  for (size_t i = 0; manifest->revisions && i < manifest->revision_count; i++)
    revision_free(&manifest->revisions[i]);
  free(manifest->revisions);
  free(manifest->path);
  free(manifest->model);
  free(manifest->family);
  free(manifest->kind);
  free(manifest->source);
  free(manifest->caveat);
  free(manifest->checkpoints);
  free(manifest->container.path);
  free(manifest->repository);
  free(manifest->tensors);
  free(manifest->golden);
  free(manifest->published.directory);
  free(manifest->ablation.circuits);
  free(manifest->ablation.seeds);
  free(manifest->ablation.caveat);
  for (size_t i = 0; i < manifest->circuits.task_count; i++)
    free(manifest->circuits.tasks[i].path);
  free(manifest->circuits.tasks);
  free(manifest->circuits.shape);
  free(manifest->formation.file);
  free(manifest->formation.seeds);
  *manifest = (struct manifest){0};
}

int manifest_find(const struct manifest *manifest, const char *name,
                  const struct manifest_revision **found, struct error *error)
{
  struct text names = {0};
  int status = 0;
  *found = NULL;
  for (size_t i = 0; name && i < manifest->revision_count; i++) {
    if (strcmp(manifest->revisions[i].name, name) == 0)
      *found = &manifest->revisions[i];
    text_add(&names, "%s%s", i ? ", " : "", manifest->revisions[i].name);
  }
  if (name && !*found)
    status = error_set(error, EXIT_INPUT, "%s: no revision %.200s; the manifest has: %s",
                       manifest->path, name, names.data ? names.data : "none");
  text_free(&names);
  return status;
}

size_t manifest_unpinned(const struct manifest_revision *revision)
{
  size_t unpinned = 0;
  for (size_t i = 0; i < revision->file_count; i++)
    unpinned += !pinned_file_pinned(&revision->files[i]);
  return unpinned;
}

size_t manifest_by_sha256(const struct manifest_revision *revision)
{
  size_t count = 0;
  for (size_t i = 0; i < revision->file_count; i++)
    count += pinned_file_pinned(&revision->files[i]) && !pinned_file_complete(&revision->files[i]);
  return count;
}

char *manifest_revision_path(const struct manifest *manifest,
                             const struct manifest_revision *revision, const char *override,
                             struct error *error)
{
  const char *base = override ? override : manifest->checkpoints;
  const char *directory = revision->directory;
  bool archive = file_exists(base) && !file_is_directory(base);
  if (!archive && *directory)
    return file_join(base, directory, error);
  size_t length = strlen(base);
  char *path = memory_alloc(length + strlen(directory) + 2, 1, base, error);
  if (!path)
    return NULL;
  memcpy(path, base, length);
  if (archive)
    path[length++] = ':';
  strcpy(path + length, directory);
  return path;
}

/* libFuzzer target: an archive with a model in directory "m", its shard index, and the list of its
 * model directories. */
#include "checkpoint/shards.h"
#include "files/archive_list.h"
#include "files/archive_walk.h"
#include "files/fileset.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(const uint8_t *data, size_t size)
{
  struct error error;
  struct archive_list list;
  char plain[ARCHIVE_MAX_PATH];
  uint64_t bytes = 0;
  if (archive_list_models("fuzz", data, size, &list, &error))
    return;
  for (size_t i = 0; i < list.count; i++) {
    const struct archive_model *model = &list.models[i];
    bytes += model->bytes;
    if (!model->files || !archive_plain_path(model->directory, plain) ||
        strcmp(plain, model->directory) != 0 ||
        (i && strcmp(list.models[i - 1].directory, model->directory) >= 0))
      abort();
  }
  if (list.count == 0 || bytes / ARCHIVE_MAX_RATIO > size || bytes >> 30 > ARCHIVE_MAX_GIB)
    abort();
  archive_list_free(&list);
}

/* A file is whole inside the archive's bytes or not at all. */
static void check_file(const struct fileset_file *file, const uint8_t *data, size_t size)
{
  uintptr_t at = (uintptr_t)file->blob.data, archive = (uintptr_t)data;
  bool inside = at >= archive && at <= archive + size;
  if (inside != file->inside || (inside && file->blob.size > archive + size - at))
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct error error;
  struct fileset *set;
  struct shard_list shards;
  char plain[ARCHIVE_MAX_PATH];
  check_list(data, size);
  if (fileset_open_archive("fuzz:m", data, size, true, "m", &set, &error))
    return 0;
  for (size_t i = 0; i < set->count; i++) {
    const struct fileset_file *file;
    const char *name = set->files[i]->name; /* one plain component, of any encoding */
    if (!archive_plain_path(name, plain) || strcmp(plain, name) != 0 || strchr(name, '/') ||
        fileset_get(set, name, &file, &error) || file != set->files[i])
      abort();
    check_file(file, data, size);
  }
  if (shards_list(set, &shards, &error) == 0)
    shards_free(&shards);
  fileset_close(set);
  return 0;
}

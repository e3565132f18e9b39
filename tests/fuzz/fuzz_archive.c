/* libFuzzer target: an archive with a model in directory "m", and its shard index. */
#include "checkpoint/fileset.h"
#include "checkpoint/shards.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct error error;
  struct fileset *set;
  struct shard_list shards;
  if (fileset_open_archive("fuzz:m", data, size, "m", &set, &error))
    return 0;
  for (size_t i = 0; i < set->count; i++) {
    const struct fileset_file *file;
    if (!file_plain_name(set->files[i]->name) ||
        fileset_get(set, set->files[i]->name, &file, &error) || file != set->files[i])
      abort();
  }
  if (shards_list(set, &shards, &error) == 0)
    shards_free(&shards);
  fileset_close(set);
  return 0;
}

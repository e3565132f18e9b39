/* libFuzzer target: the index of shards, of either format. The names that are accepted are plain,
 * end as their format does, and are in order, each once. */
#include "base/file.h"
#include "checkpoint/shards.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *index, const char *ending, const uint8_t *data, size_t size)
{
  struct error error = {0};
  struct fileset *files;
  struct shard_list shards;
  uint8_t *copy = malloc(size);
  if (!copy || fileset_new("fuzz", false, &files, &error))
    abort();
  memcpy(copy, data, size);
  if (fileset_add(files, index, (struct blob){copy, size, false}, NULL, &error))
    abort();
  if (!shards_list(files, &shards, &error)) {
    if (shards.count == 0 || !shards.index || strcmp(shards.index_name, index) != 0)
      abort();
    for (size_t i = 0; i < shards.count; i++) {
      const char *name = shards.names[i];
      size_t length = strlen(name), tail = strlen(ending);
      if (!file_plain_name(name) || length <= tail || strcmp(name + length - tail, ending) != 0 ||
          (i > 0 && strcmp(shards.names[i - 1], name) >= 0))
        abort();
    }
    shards_free(&shards);
  }
  fileset_close(files);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0)
    return 0; /* an empty blob owns nothing */
  check("model.safetensors.index.json", ".safetensors", data, size);
  check("pytorch_model.bin.index.json", ".bin", data, size);
  return 0;
}

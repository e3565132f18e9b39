#include "checkpoint/contents.h"

#include "base/memory.h"
#include "checkpoint/opened.h"

#include <stdlib.h>
#include <string.h>

static const struct fileset_file *index_of(const struct checkpoint *checkpoint)
{
  const struct fileset *files = checkpoint->files;
  for (size_t i = 0; checkpoint->shards.index && i < files->count; i++)
    if (strcmp(files->files[i]->label, checkpoint->shards.index) == 0)
      return files->files[i];
  return NULL;
}

int contents_list(const struct checkpoint *checkpoint, struct contents *contents,
                  struct error *error)
{
  const struct shard_list *shards = &checkpoint->shards;
  const struct fileset_file *index = index_of(checkpoint);
  struct contents made = {.format = shards->format, .indexed = index != NULL};
  made.files =
      memory_alloc(shards->count + 2, sizeof *made.files, checkpoint_path(checkpoint), error);
  if (!made.files)
    return error->code;
  made.files[made.count++] = checkpoint->config;
  if (index)
    made.files[made.count++] = index;
  for (size_t i = 0; i < shards->count; i++)
    if (fileset_get(checkpoint->files, shards->names[i], &made.files[made.count++], error)) {
      contents_free(&made);
      return error->code;
    }
  *contents = made;
  return 0;
}

void contents_free(struct contents *contents)
{
  free(contents->files);
  *contents = (struct contents){0};
}

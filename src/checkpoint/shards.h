/* Which files of a model directory hold its tensors. */
#ifndef ATTEST_CHECKPOINT_SHARDS_H
#define ATTEST_CHECKPOINT_SHARDS_H

#include "base/error.h"
#include "checkpoint/fileset.h"

#include <jansson.h>
#include <stddef.h>

#define SHARDS_INDEX "model.safetensors.index.json"

struct shard_list {
  const char *index; /* label of the index, belongs to the file set; NULL = model.safetensors */
  json_t *root;      /* of the index: owns the names */
  json_t *map;       /* tensor name -> shard name; inside root */
  size_t count;
  const char **names; /* plain names, ascending, unique */
};

/* model.safetensors when there is one (as transformers does, an index beside it is not read), else
 * the shards named by model.safetensors.index.json. Owner: the caller, shards_free. Errors:
 * EXIT_INPUT (neither, or a damaged index), EXIT_RUN. */
int shards_list(struct fileset *files, struct shard_list *shards, struct error *error);
void shards_free(struct shard_list *shards);

#endif

/* Which files of a model directory hold its tensors. */
#ifndef ATTEST_CHECKPOINT_SHARDS_H
#define ATTEST_CHECKPOINT_SHARDS_H

#include "base/error.h"
#include "files/fileset.h"

#include <jansson.h>
#include <stddef.h>

enum shard_format { SHARD_SAFETENSORS, SHARD_PYTORCH };

#define SHARDS_PASSED_OVER 200

struct shard_list {
  enum shard_format format; /* of all */
  const char *index_name;   /* plain name of the index; NULL = one file without */
  const char *index;        /* its label, belongs to the file set; NULL likewise */
  json_t *root;             /* of the index: owns the names */
  json_t *map;              /* tensor name -> shard name; inside root */
  size_t count;
  const char **names;                   /* plain names, ascending, unique */
  char passed_over[SHARDS_PASSED_OVER]; /* "X was read, though Y is there, too"; "" = no Y is */
};

/* The first that is there, as transformers does; the others are not read: model.safetensors, the
 * shards named by model.safetensors.index.json, pytorch_model.bin, the shards named by
 * pytorch_model.bin.index.json. Owner: the caller, shards_free. Errors: EXIT_INPUT (none of them,
 * or a damaged index), EXIT_RUN. */
int shards_list(struct fileset *files, struct shard_list *shards, struct error *error);
void shards_free(struct shard_list *shards);

#endif

/* Checkpoints of random weights, in the files that transformers would write: one model.safetensors,
 * or shards and their index, and config.json. */
#ifndef ATTEST_COMMAND_SYNTHESIS_H
#define ATTEST_COMMAND_SYNTHESIS_H

#include "base/text.h"
#include "base/threads.h"
#include "model/inventory.h"

struct synthesis_part {
  const struct tensor *tensor;
  enum inventory_kind kind;
  size_t shard;
};

struct synthesis_shard {
  char name[64];
  size_t first, count;   /* its parts */
  uint64_t tensor_bytes; /* the file is 8 + header.length longer */
  struct text header;    /* padded with blanks to a multiple of 8 */
};

struct synthesis {
  uint64_t seed;
  char *config_json;
  struct model_config config;
  enum dtype dtype;
  struct inventory inventory;
  struct synthesis_part *parts; /* [inventory.count]: by shard, and as they lie in the file */
  size_t shard_count;
  struct synthesis_shard *shards;
  struct text index; /* empty for one file */
  uint64_t bytes;    /* of all files */
};

/* Plans the checkpoint of recipe `like` (model/recipe.h). Owner: the caller, synthesis_free.
 * Errors: EXIT_INPUT (a recipe that is wrong or too large), EXIT_RUN. */
int synthesis_plan(const char *like, uint64_t seed, struct synthesis *synthesis,
                   struct error *error);
void synthesis_free(struct synthesis *synthesis);

/* Writes it into `directory`, which is made if missing and must be empty. Files get their names
 * when all of them are on the disk, config.json last. Errors: EXIT_INPUT (not empty), EXIT_RUN
 * (too little free space, I/O); then nothing is left. Shows progress unless quiet. */
int synthesis_write(const struct synthesis *synthesis, const char *directory,
                    struct threads *threads, bool quiet, struct error *error);

#endif

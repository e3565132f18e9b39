/* Shapes to make checkpoints of: those of the published models, and others by their family and a
 * few numbers, such as "olmo:layers=2,hidden=256,heads=4,dtype=bf16". */
#ifndef ATTEST_MODEL_RECIPE_H
#define ATTEST_MODEL_RECIPE_H

#include "checkpoint/checkpoint.h"
#include "model/family.h"

struct recipe {
  const struct family *family;
  enum dtype dtype; /* of the weights: F32, BF16 or F16 */
  uint64_t layers, hidden, heads, kv_heads, ffn, vocab, context;
  uint64_t head_dim;       /* 0 = hidden / heads */
  uint64_t experts, top_k; /* 0 for dense families */
  double clip;             /* of queries, keys and values; 0 = none */
  uint64_t parallel, tied; /* 0 or 1 */
  uint64_t buffers;        /* 0 or 1: the masks of older gpt_neox checkpoints */
  uint64_t shards;         /* files; 0 = none is larger than shard_bytes */
  uint64_t shard_bytes;
};

/* The keys, their defaults and the published names, for --help. */
extern const char recipe_help[];

/* Reads pythia-1b and the other published names, or FAMILY[:KEY=VALUE[,KEY=VALUE]...]. Errors:
 * EXIT_INPUT (a name, key or value that is not known, out of range or given twice). */
int recipe_parse(const char *text, struct recipe *recipe, struct error *error);

/* The config.json of a recipe (config_write.h), with `origin`. free(). NULL and EXIT_RUN without
 * memory. model_config_parse refuses what does not fit together. */
char *recipe_config(const struct recipe *recipe, const char *origin, struct error *error);

#endif

/* A training recipe: one JSON file that says all on which the bits of a run depend.
 * docs/TRAINING.md lists its keys. */
#ifndef ATTEST_TRAIN_RECIPE_H
#define ATTEST_TRAIN_RECIPE_H

#include "base/json.h"
#include "train/data.h"
#include "train/initial.h"
#include "train/optimizer.h"
#include "train/schedule.h"

#define RECIPE_MOST_REVISIONS 10000

struct train_recipe {
  const char *name;         /* of the run; a label (text_is_label) */
  struct text config_json;  /* of the model, as it stands in the recipe; empty with a start */
  const char *start;        /* a checkpoint to start from (checkpoint_open); NULL = none */
  const char *start_sha256; /* what its values must have; NULL = not said */
  struct initial initial;   /* without a start */
  uint32_t seed;
  struct data_settings data;
  struct optimizer_settings optimizer;
  struct schedule schedule;
  double load_balancing, router_z; /* coefficients of the experts' losses, a layer */
  uint64_t steps;
  size_t micro_batch;  /* sequences whose gradient is one product; 0 = all of a batch */
  uint64_t *revisions; /* [revision_count], ascending: steps whose checkpoints are kept; owned */
  size_t revision_count;
  json_t *root; /* owns the strings */
};

/* Parses `size` bytes of JSON; nothing else is read. Every key is checked and none ignored. `name`
 * appears in messages. Owner: the caller, train_recipe_free, also after an error. Errors:
 * EXIT_INPUT, EXIT_RUN. */
int train_recipe_parse(const char *name, const void *data, size_t size, struct train_recipe *recipe,
                       struct error *error);
void train_recipe_free(struct train_recipe *recipe);

/* The file of a recipe, and the folder from which its paths count, free(). Errors: those of
 * train_recipe_parse, EXIT_INPUT (the file). */
int train_recipe_read(const char *path, struct train_recipe *recipe, char **folder,
                      struct error *error);

/* What a recipe stands for, as JSON that is the same however it was written: all keys in one order
 * with all their values, config.json as model_config_write has it, and files by their digests
 * alone. Its SHA-256 is the run's identity. `values_sha256` is of the start's values; NULL without
 * one. Errors: EXIT_RUN. */
int train_recipe_canonical(const struct train_recipe *recipe, const char *config_json,
                           const struct data *data, const char *values_sha256, struct text *text,
                           struct error *error);

#endif

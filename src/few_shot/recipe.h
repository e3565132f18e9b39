/* A recipe of a few-shot run, all on which its bits depend; docs/TRAINING.md lists the keys. As
 * JSON it says "kind": "few_shot". A study fills the structure itself. */
#ifndef ATTEST_FEW_SHOT_RECIPE_H
#define ATTEST_FEW_SHOT_RECIPE_H

#include "base/json.h"
#include "few_shot/clamp.h"
#include "few_shot/data.h"

struct few_recipe {
  const char *name; /* a label (text_is_label) */
  struct few_data_settings data;
  size_t hidden, heads; /* [64], [8] */

  enum few_items_kind items; /* [features] */
  uint32_t item_seed;        /* [1] of the surrogates */
  const char *item_file;     /* of a file */
  const char *item_sha256;   /* what it must have; NULL = not said */

  uint32_t initial_seed;    /* [5] RandomState of the parameters */
  uint32_t train_seed;      /* [0] of the training stream */
  uint32_t evaluation_seed; /* [1] of the evaluation sets */

  double rate, beta1, beta2, eps; /* [1e-5, 0.9, 0.999, 1e-8] of Adam */
  size_t batch;                   /* [32] sequences of an update */
  uint64_t sequences;             /* of training */
  uint64_t evaluate_every;        /* [1000] sequences; 0 = never */
  size_t evaluation_sequences;    /* [1000] of each set */
  uint64_t checkpoint_every;      /* [0] sequences; 0 = at the end alone */

  struct few_clamp clamp;
  const char *graft_file;   /* a checkpoint of a run, that the clamp takes from */
  const char *graft_sha256; /* what it must have; NULL = not said */
  json_t *root;             /* owns the strings; NULL when there are none to own */
};

/* The published settings, without a name, sequences or a clamp. */
struct few_recipe few_recipe_default(void);

/* Whether the JSON is a recipe of this kind: has "kind"; not if it is no JSON. Errors: EXIT_RUN. */
int few_recipe_is(const char *name, const void *data, size_t size, bool *is, struct error *error);

/* Parses JSON; nothing else is read. Every key is checked and none ignored. `name` appears in
 * messages. Owner: the caller, few_recipe_free, also after an error. Errors: EXIT_INPUT, EXIT_RUN.
 */
int few_recipe_parse(const char *name, const void *data, size_t size, struct few_recipe *recipe,
                     struct error *error);
void few_recipe_free(struct few_recipe *recipe);

/* Sizes of its model, for items of this width. */
struct few_sizes few_recipe_sizes(const struct few_recipe *recipe, size_t width);

/* What it stands for: all values, keys in one order, files by their digests. Errors: EXIT_RUN. */
int few_recipe_canonical(const struct few_recipe *recipe, const char *items_sha256,
                         const char *graft_sha256, struct text *text, struct error *error);

/* "clamp" alone, for few_recipe_parse. Errors: EXIT_INPUT. */
int few_recipe_read_clamp(const json_t *root, const char *where, struct few_recipe *recipe,
                          struct error *error);

#endif

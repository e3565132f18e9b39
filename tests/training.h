/* What tests of training share: the reference's runs (tests/fixtures/training.README.md), unpacked
 * once, and recipes of their own. */
#ifndef ATTEST_TESTS_TRAINING_H
#define ATTEST_TESTS_TRAINING_H

#include "npy_read.h"
#include "workshop.h"

#define TRAINING "tests/fixtures/training.tar.zst"

/* A path in the unpacked fixture, whose parts whose names start with `part` are there afterwards.
 * The string lives until the next call. */
static inline const char *training_path(const char *part, const char *name)
{
  static char path[600], unpacked[16][64];
  const char *directory = workshop_path("training");
  size_t i = 0;
  while (i < 16 && *unpacked[i] && strcmp(unpacked[i], part) != 0)
    i++;
  assert_true(i < 16);
  if (!*unpacked[i])
    workshop_unpack(TRAINING, part, directory);
  strcpy(unpacked[i], part);
  snprintf(path, sizeof path, "%s/%s/%s", directory, part, name);
  return path;
}

/* The path of a recipe that is written; it stays valid. */
static inline const char *write_recipe(const char *name, const char *text)
{
  const char *path = workshop_path(name);
  support_write(path, text, strlen(text));
  return path;
}

static inline struct npy training_array(const char *part, const char *name)
{
  return npy_read(training_path(part, name));
}

/* A recipe that trains in a moment: 2 layers of 2 heads, d 16, 4 x 12 tokens of phrases. */
#define SMALL_DATA                                                                                 \
  "\"data\": {\"kind\": \"phrases\", \"sequences\": 4, \"length\": 12, \"begin\": 0, "             \
  "\"separator\": 23, \"plain\": [1, 22], \"phrase_documents\": 0.85, \"phrases\": [1, 4], "       \
  "\"phrase\": [3, 7], \"stray\": 0.05, \"copy\": 0.08, \"copy_least\": 2, \"copy_mean\": 8}"
#define SMALL_REST                                                                                 \
  "\"seed\": 3, \"optimizer\": {\"kind\": \"adamw\", \"beta1\": 0.9, \"beta2\": 0.98, "            \
  "\"eps\": 1e-8, \"weight_decay\": 0.1, \"clip\": 1}, \"schedule\": {\"kind\": \"cosine\", "      \
  "\"rate\": 0.01, \"warmup\": 5, \"steps\": 40, \"least\": 0.1}, "                                \
  "\"initial\": {\"matrix\": 1, \"embedding\": 0.7, \"head\": 0.05, \"router\": 0.02}, "           \
  "\"steps\": 20, \"micro_batch\": 2, \"revisions\": [0, 7, 20]"
#define SMALL_CONFIG                                                                               \
  "\"hidden_size\": 16, \"num_hidden_layers\": 2, \"num_attention_heads\": 2, "                    \
  "\"vocab_size\": 24, \"max_position_embeddings\": 16, \"tie_word_embeddings\": false, "

static const char *const small_recipes[][2] = {
    {"gpt_neox",
     "{\"format\": 1, \"name\": \"small\", \"config\": {\"model_type\": \"gpt_neox\", " SMALL_CONFIG
     "\"intermediate_size\": 40, \"hidden_act\": \"gelu\", "
     "\"layer_norm_eps\": 1e-5, \"rotary_pct\": 0.25, \"rotary_emb_base\": 100, "
     "\"use_parallel_residual\": true}, " SMALL_DATA ", " SMALL_REST "}"},
    {"olmo",
     "{\"format\": 1, \"name\": \"small\", \"config\": {\"model_type\": \"olmo\", " SMALL_CONFIG
     "\"intermediate_size\": 24, \"hidden_act\": \"silu\", "
     "\"num_key_value_heads\": 1}, " SMALL_DATA ", " SMALL_REST "}"},
    {"olmoe",
     "{\"format\": 1, \"name\": \"small\", \"config\": {\"model_type\": \"olmoe\", " SMALL_CONFIG
     "\"intermediate_size\": 12, \"hidden_act\": \"silu\", "
     "\"num_experts\": 4, \"num_experts_per_tok\": 2}, "
     "\"losses\": {\"load_balancing\": 0.01, \"router_z\": 0.001}, " SMALL_DATA ", " SMALL_REST
     "}"},
};
#define SMALL_RECIPES (sizeof small_recipes / sizeof *small_recipes)

#endif

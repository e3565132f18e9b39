/* The table of families: one row says what its models have in common: the name in config.json, the
 * keys there and what they mean, defaults of missing keys, and every tensor with name and shape. */
#ifndef ATTEST_MODEL_FAMILY_H
#define ATTEST_MODEL_FAMILY_H

#include "model/config.h"

/* What config.json can say about a forward pass. */
enum setting {
  SETTING_HIDDEN,
  SETTING_LAYERS,
  SETTING_HEADS,
  SETTING_FFN,
  SETTING_VOCAB,
  SETTING_CONTEXT,
  SETTING_KV_HEADS,
  SETTING_HEAD_DIM,
  SETTING_ACTIVATION,
  SETTING_NORM_EPS,
  SETTING_TIED,
  SETTING_ATTENTION_BIAS,
  SETTING_PARALLEL_RESIDUAL,
  SETTING_CLIP,
  SETTING_EXPERTS,
  SETTING_TOP_K,
  SETTING_NORM_TOP_K,
  SETTING_ROPE_TYPE,
  SETTING_ROPE_BASE,
  SETTING_ROTARY_SHARE,
  SETTINGS
};

/* A key of config.json. Several keys may mean one setting; they must agree (settings.h). */
struct spelling {
  const char *key; /* NULL ends a list */
  enum setting setting;
};

struct family {
  const char *name;  /* model_type */
  const char *class; /* "architectures" of a model with an LM head */
  const struct spelling *spellings;
  uint32_t fixed; /* bits of settings that must have their default: 1u << enum setting */

  /* What all its models are like, and the value of each setting that config.json does not state. 0
   * for a size: it must be stated, or follows from others (config.c). */
  struct model_config defaults;
};

const struct family *family_of(const struct model_config *config);

/* The row of this name, of `length` bytes; NULL when there is none. */
const struct family *family_find(const char *name, size_t length);

/* Row `index`; NULL behind the last. In the order of enum model_family. */
const struct family *family_at(size_t index);

/* "gpt_neox, olmo, olmoe" */
#define FAMILY_NAMES "gpt_neox, olmo, olmoe"

#endif

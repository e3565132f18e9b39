/* The table of families: one row says what its models have in common: the name in config.json, the
 * keys there and what they mean, defaults of missing keys, and every tensor with name and shape. */
#ifndef ATTEST_MODEL_FAMILY_H
#define ATTEST_MODEL_FAMILY_H

#include "checkpoint/checkpoint.h"
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
  SETTING_ROPE_FACTOR,
  SETTING_ROPE_LOW,
  SETTING_ROPE_HIGH,
  SETTING_ROPE_ORIGINAL,
  SETTING_ROPE_BETA_FAST,
  SETTING_ROPE_BETA_SLOW,
  SETTING_ROPE_ATTENTION,
  SETTING_ROPE_MSCALE,
  SETTING_ROPE_MSCALE_ALL,
  SETTING_ROPE_TRUNCATE,
  SETTING_MLP_BIAS,
  SETTING_QK_NORM,
  SETTING_WINDOW,
  SETTING_WINDOW_USED,
  SETTING_WINDOW_FIRST,
  SETTING_LAYER_TYPES,
  SETTING_SCALE_BY_LAYER,
  SETTINGS
};

/* A key of config.json. Several keys may mean one setting; they must agree (settings.h). */
struct spelling {
  const char *key; /* NULL ends a list */
  enum setting setting;
};

enum inventory_kind {
  /* Parameters. */
  INVENTORY_MATRIX,
  INVENTORY_RESIDUAL, /* a matrix that writes into the residual stream */
  INVENTORY_NORM,     /* the factors of a norm */
  INVENTORY_BIAS,
  /* Buffers, which older gpt_neox checkpoints carry and the forward pass does not read. */
  INVENTORY_MASK,        /* U8 [1, 1, context, context]: 1 where a query sees a key */
  INVENTORY_MASKED_BIAS, /* scalar */
  INVENTORY_FREQUENCIES  /* of the rotation, [rotary_dims / 2] */
};

/* The extent of one dimension of a tensor. */
enum dimension {
  DIM_NONE, /* ends a shape; none at all: a scalar */
  DIM_ONE,
  DIM_HIDDEN,
  DIM_HEADS,    /* heads * head_dim */
  DIM_KV_HEADS, /* kv_heads * head_dim */
  DIM_QKV,      /* queries, keys and values together */
  DIM_FFN,      /* width of the MLP or of one expert */
  DIM_VOCAB,
  DIM_EXPERTS,
  DIM_CONTEXT,
  DIM_FREQUENCIES, /* rotary_dims / 2 */
  DIM_HEAD         /* head_dim */
};

enum presence {
  ALWAYS,
  WITH_ATTENTION_BIAS,
  WITH_MLP_BIAS,
  WITH_QK_NORM,
  UNLESS_PARALLEL, /* the second norm, where a parallel MLP shares the first */
  UNLESS_TIED,     /* the LM head */
  AS_BUFFER        /* in older checkpoints, and not read */
};

#define FAMILY_RANK 4

struct family_tensor {
  const char *name; /* '#' stands for the number of a layer, '@' for that of an expert, '%' for that
                       of a head (of a key-value head after "k_"); NULL ends a list */
  enum inventory_kind kind;
  enum presence presence;
  enum dimension shape[FAMILY_RANK];
  size_t slot; /* offset of a `const struct tensor *` in struct model, struct layer with '#', struct
                  expert with '@'; with '%' of an array of them; of buffers SIZE_MAX */
};

struct family {
  const char *name;  /* model_type */
  const char *class; /* "architectures" of a model with an LM head */
  const struct spelling *spellings;
  uint64_t fixed;        /* bits of settings that must have their default: 1 << enum setting */
  size_t ffn_per_hidden; /* width of the MLP / hidden where none is stated; 0 = it must be */
  bool scaled_rope;      /* whether rope types other than "default" are supported */
  const struct family_tensor *tensors; /* in the order of transformers' state_dict */
  const char *const *passed_over;      /* endings of names that are not read; NULL at the end */
  enum dtype dtype;                    /* of its published weights */

  /* What all its models are like, and the value of each setting that config.json does not state. 0
   * for a size: it must be stated, or follows from others (config.c). */
  struct model_config defaults;
};

const struct family *family_of(const struct model_config *config);

/* The row of this name, of `length` bytes; NULL when there is none. */
const struct family *family_find(const char *name, size_t length);

/* Row `index`; NULL behind the last. In the order of enum model_family. */
const struct family *family_at(size_t index);

/* Whether config.json of this family can say so, and say another value than its default. */
bool family_has(const struct family *family, enum setting setting);

/* One tensor of a model. */
struct family_place {
  const struct family_tensor *tensor;
  size_t layer, expert, head; /* where the name has them */
  const char *name;           /* whole; for the time of the call */
  int rank;
  size_t shape[FAMILY_RANK];
};

/* Calls visit(context, place) for every tensor of a model in the table's order, all experts of all
 * layers; `buffers`: also AS_BUFFER. Stops at the first call that does not return 0 and returns
 * what it did. */
typedef int family_visit(void *context, const struct family_place *place);
int family_tensors(const struct model_config *config, bool buffers, family_visit *visit,
                   void *context);

#define FAMILY_NAMES                                                                               \
  "gpt_neox, olmo, olmoe, llama, mistral, qwen2, qwen3, olmo2, gpt2, phi, stablelm"

/* Why a model_type that looks like one of them is not; NULL = nothing is known of it. */
const char *family_refusal(const char *name);

#endif

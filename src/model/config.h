/* config.json of a Hugging Face style model directory -> the shape and options of a forward pass.
 */
#ifndef ATTEST_MODEL_CONFIG_H
#define ATTEST_MODEL_CONFIG_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum model_family {
  FAMILY_GPT_NEOX,
  FAMILY_OLMO,
  FAMILY_OLMOE,
  FAMILY_LLAMA,
  FAMILY_MISTRAL,
  FAMILY_QWEN2,
  FAMILY_QWEN3,
  FAMILY_OLMO2,
  FAMILY_GPT2,
  FAMILY_PHI,
  FAMILY_STABLELM
};
enum activation { ACTIVATION_GELU, ACTIVATION_GELU_TANH, ACTIVATION_SILU };
enum norm_kind { NORM_LAYER, NORM_RMS }; /* NORM_LAYER without weights: factors 1, no bias */

/* Norms of queries and keys: over all heads of a row together; rms norm of each head, one weight
 * for all; layer norm of each head with a weight of its own. */
enum query_key_norm { QK_NORM_NONE, QK_NORM_FULL, QK_NORM_SHARED, QK_NORM_HEADS };

/* How queries, keys and values lie in tensors: three matrices; one, rows grouped per head as q, k,
 * v; one, all queries, then all keys, then all values. */
enum qkv_layout { QKV_APART, QKV_PER_HEAD, QKV_BLOCKS };

/* How frequencies of the rotation are changed for contexts longer than those of training (rope.h).
 */
enum rope_type { ROPE_DEFAULT, ROPE_DYNAMIC, ROPE_LINEAR, ROPE_LLAMA3, ROPE_YARN };

struct rope_scaling {
  enum rope_type type;
  double factor;
  double low_freq, high_freq;  /* llama3: low_freq_factor, high_freq_factor */
  double beta_fast, beta_slow; /* yarn */
  double attention_factor;     /* yarn: of cosines and sines; 0 = follows from the others */
  double mscale, mscale_all;   /* yarn: 0 = not stated */
  size_t original_context;     /* llama3, yarn: that of training */
  bool truncate;               /* yarn: bounds of the ramp are whole numbers */
};

/* Layers that see the last `keys` positions alone, the query's own among them. */
#define WINDOW_LAYERS 1024
struct window {
  size_t keys;                         /* 0 = none */
  bool used;                           /* whether any layer has it */
  size_t first;                        /* layers from this one on, unless they are listed */
  bool listed;                         /* layer_types */
  uint32_t layers[WINDOW_LAYERS / 32]; /* a bit each */
};

/* All that layers differ in, a field for every setting that config.json can state; what a family
 * always has comes from its row in family.c. */
struct model_config {
  enum model_family family;
  enum activation activation;
  enum norm_kind norm_kind;
  enum query_key_norm qk_norm;
  enum qkv_layout qkv_layout;
  bool gated_mlp;                 /* activation(gate) * up, else activation(up) */
  size_t layers, heads, kv_heads; /* kv_heads divides heads (grouped-query attention) */
  size_t head_dim;                /* hidden / heads unless config.json states another */
  size_t hidden, ffn, vocab;      /* ffn: width of the MLP or of one expert */
  size_t context;                 /* max_position_embeddings */
  size_t rotary_dims;             /* leading dimensions of a head that are rotated; even; 0 with
                                     learned positions */
  double rotary_share;            /* of a head's dimensions, as config.json states it */
  double rope_base;
  struct rope_scaling rope;
  struct window window;
  float norm_eps;
  float clip_qkv;         /* 0 = none */
  size_t experts, top_k;  /* 0 for dense families */
  bool norm_topk_prob;    /* routing weights divided by their sum */
  bool parallel_residual; /* attention and MLP read the same residual stream */
  bool attention_bias, mlp_bias;
  bool tied;              /* the LM head is the embedding */
  bool learned_positions; /* added to the embedding, instead of a rotation */
  bool input_major;       /* matrices of layers are stored [in][out] */
  bool branch_norms;      /* norms of what attention and MLP add, instead of what they read */
  bool scale_by_layer;    /* attention scores of layer l also divided by l + 1 */
};

/* "linear" and so on; ROPE_DEFAULT for NULL and "default", -1 for one that is not supported. */
int rope_type_parse(const char *name);
const char *rope_type_name(enum rope_type type);

/* Positions that a query of this layer sees, its own among them; 0 = all up to its own. */
size_t model_config_window(const struct model_config *config, size_t layer);

/* Layers that have a window. */
size_t model_config_windows(const struct model_config *config);

const char *model_family_name(enum model_family family); /* "gpt_neox", "olmo", ... */

/* Parses `size` bytes of JSON, in the spelling of older writers and of newer ones (settings.h). A
 * key that does not touch the forward pass is accepted; one that changes the result in a way that
 * is not supported, and one that is unknown, are refused by name, each with a message of its own
 * (config_keys.h). `name` appears in messages. Errors: EXIT_INPUT. */
int model_config_parse(const char *name, const void *data, size_t size, struct model_config *config,
                       struct error *error);

#endif

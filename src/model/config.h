/* config.json of a Hugging Face style model directory -> the shape and options of a forward pass.
 */
#ifndef ATTEST_MODEL_CONFIG_H
#define ATTEST_MODEL_CONFIG_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum model_family { FAMILY_GPT_NEOX, FAMILY_OLMO, FAMILY_OLMOE };
enum activation { ACTIVATION_GELU, ACTIVATION_GELU_TANH, ACTIVATION_SILU };
enum norm_kind { NORM_LAYER, NORM_RMS }; /* NORM_LAYER without weights: factors 1, no bias */
enum query_key_norm { QK_NORM_NONE, QK_NORM_FULL }; /* FULL: over all heads of a row together */

/* All that layers differ in, a field for every setting that config.json can state; what a family
 * always has comes from its row in family.c. */
struct model_config {
  enum model_family family;
  enum activation activation;
  enum norm_kind norm_kind;
  enum query_key_norm qk_norm;
  bool fused_qkv; /* queries, keys and values in one matrix, rows grouped per head as q, k, v */
  bool gated_mlp; /* activation(gate) * up, else activation(up) */
  size_t layers, heads, kv_heads; /* kv_heads divides heads (grouped-query attention) */
  size_t head_dim;                /* hidden = heads * head_dim */
  size_t hidden, ffn, vocab;      /* ffn: width of the MLP or of one expert */
  size_t context;                 /* max_position_embeddings */
  size_t rotary_dims;             /* leading dimensions of a head that are rotated; even */
  double rotary_share;            /* of a head's dimensions, as config.json states it */
  double rope_base;
  float norm_eps;
  float clip_qkv;         /* 0 = none */
  size_t experts, top_k;  /* 0 for dense families */
  bool norm_topk_prob;    /* routing weights divided by their sum */
  bool parallel_residual; /* attention and MLP read the same residual stream */
  bool attention_bias;
  bool tied; /* the LM head is the embedding */
};

const char *model_family_name(enum model_family family); /* "gpt_neox", "olmo", "olmoe" */

/* Parses `size` bytes of JSON, in the spelling of older writers and of newer ones (settings.h). A
 * key that does not touch the forward pass is accepted; one that changes the result in a way that
 * is not supported, and one that is unknown, are refused by name, each with a message of its own
 * (config_keys.h). `name` appears in messages. Errors: EXIT_INPUT. */
int model_config_parse(const char *name, const void *data, size_t size, struct model_config *config,
                       struct error *error);

#endif

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

struct model_config {
  enum model_family family;
  enum activation activation;
  size_t layers, heads, kv_heads; /* kv_heads divides heads (grouped-query attention) */
  size_t head_dim;                /* hidden = heads * head_dim */
  size_t hidden, ffn, vocab;      /* ffn: width of the MLP or of one expert */
  size_t context;                 /* max_position_embeddings */
  size_t rotary_dims;             /* leading dimensions of a head that are rotated; even */
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

/* Parses `size` bytes of JSON. Options that change the result and are not supported, and keys that
 * are not known, are refused by name. `name` stands in messages. Errors: EXIT_INPUT. */
int model_config_parse(const char *name, const void *data, size_t size, struct model_config *config,
                       struct error *error);

#endif

/* Internal to the table of families: how its rows are written. */
#ifndef ATTEST_MODEL_FAMILY_ROWS_H
#define ATTEST_MODEL_FAMILY_ROWS_H

#include "model/family.h"
#include "model/model.h"

/* The rows of families_llama.c and families_layer_norm.c. */
extern const struct family family_llama, family_mistral, family_qwen2, family_qwen3, family_olmo2,
    family_gpt2, family_phi, family_stablelm;

/* rope_parameters and rope_scaling, which hold several settings, are read by settings.c. */
#define COMMON                                                                                     \
  {"hidden_size", SETTING_HIDDEN}, {"num_hidden_layers", SETTING_LAYERS},                          \
      {"num_attention_heads", SETTING_HEADS}, {"intermediate_size", SETTING_FFN},                  \
      {"vocab_size", SETTING_VOCAB}, {"max_position_embeddings", SETTING_CONTEXT},                 \
      {"num_key_value_heads", SETTING_KV_HEADS}, {"head_dim", SETTING_HEAD_DIM},                   \
      {"hidden_act", SETTING_ACTIVATION}, {"tie_word_embeddings", SETTING_TIED},                   \
      {"attention_bias", SETTING_ATTENTION_BIAS}, {"clip_qkv", SETTING_CLIP},                      \
      {"use_parallel_residual", SETTING_PARALLEL_RESIDUAL}, {"rope_theta", SETTING_ROPE_BASE},     \
  {                                                                                                \
    "partial_rotary_factor", SETTING_ROTARY_SHARE                                                  \
  }

/* Where a tensor goes. */
#define IN_MODEL(member) offsetof(struct model, member)
#define IN_LAYER(member) offsetof(struct layer, member)
#define IN_EXPERT(member) offsetof(struct expert, member)

#define NORM(name, slot)                                                                           \
  {                                                                                                \
    name, INVENTORY_NORM, ALWAYS, {DIM_HIDDEN}, slot                                               \
  }
#define MATRIX(name, rows, columns, slot)                                                          \
  {                                                                                                \
    name, INVENTORY_MATRIX, ALWAYS, {rows, columns}, slot                                          \
  }
#define RESIDUAL(name, columns, slot)                                                              \
  {                                                                                                \
    name, INVENTORY_RESIDUAL, ALWAYS, {DIM_HIDDEN, columns}, slot                                  \
  }
#define BIAS(name, presence, size, slot)                                                           \
  {                                                                                                \
    name, INVENTORY_BIAS, presence, {size}, slot                                                   \
  }
#define LM_HEAD(name)                                                                              \
  {                                                                                                \
    name, INVENTORY_MATRIX, UNLESS_TIED, {DIM_VOCAB, DIM_HIDDEN}, IN_MODEL(lm_head.weight)         \
  }
#define END                                                                                        \
  {                                                                                                \
    NULL, INVENTORY_MATRIX, ALWAYS, {DIM_NONE}, SIZE_MAX                                           \
  }

#define LAYER "model.layers.#."

/* Queries, keys and values, each a matrix of its own. */
#define QUERY_KEY_VALUE                                                                            \
  MATRIX(LAYER "self_attn.q_proj.weight", DIM_HEADS, DIM_HIDDEN, IN_LAYER(query.weight)),          \
      BIAS(LAYER "self_attn.q_proj.bias", WITH_ATTENTION_BIAS, DIM_HEADS, IN_LAYER(query.bias)),   \
      MATRIX(LAYER "self_attn.k_proj.weight", DIM_KV_HEADS, DIM_HIDDEN, IN_LAYER(key.weight)),     \
      BIAS(LAYER "self_attn.k_proj.bias", WITH_ATTENTION_BIAS, DIM_KV_HEADS, IN_LAYER(key.bias)),  \
      MATRIX(LAYER "self_attn.v_proj.weight", DIM_KV_HEADS, DIM_HIDDEN, IN_LAYER(value.weight)),   \
      BIAS(LAYER "self_attn.v_proj.bias", WITH_ATTENTION_BIAS, DIM_KV_HEADS, IN_LAYER(value.bias))

#define OUTPUT RESIDUAL(LAYER "self_attn.o_proj.weight", DIM_HEADS, IN_LAYER(output.weight))

#define ATTENTION                                                                                  \
  QUERY_KEY_VALUE, OUTPUT,                                                                         \
      BIAS(LAYER "self_attn.o_proj.bias", WITH_ATTENTION_BIAS, DIM_HIDDEN, IN_LAYER(output.bias))

#define QUERY_NORM(size)                                                                           \
  {                                                                                                \
    LAYER "self_attn.q_norm.weight", INVENTORY_NORM, ALWAYS, {size}, IN_LAYER(query_norm)          \
  }
#define KEY_NORM(size)                                                                             \
  {                                                                                                \
    LAYER "self_attn.k_norm.weight", INVENTORY_NORM, ALWAYS, {size}, IN_LAYER(key_norm)            \
  }

/* A gated MLP without experts. */
#define GATED_MLP                                                                                  \
  MATRIX(LAYER "mlp.gate_proj.weight", DIM_FFN, DIM_HIDDEN, IN_LAYER(gate.weight)),                \
      MATRIX(LAYER "mlp.up_proj.weight", DIM_FFN, DIM_HIDDEN, IN_LAYER(up.weight)),                \
      RESIDUAL(LAYER "mlp.down_proj.weight", DIM_FFN, IN_LAYER(down.weight))

#define EMBEDDING MATRIX("model.embed_tokens.weight", DIM_VOCAB, DIM_HIDDEN, IN_MODEL(embedding))

#define BIT(setting) ((uint64_t)1 << (setting))

/* Both norms of a layer, factors alone. */
#define LAYER_NORMS                                                                                \
  NORM(LAYER "input_layernorm.weight", IN_LAYER(norm1)),                                           \
      NORM(LAYER "post_attention_layernorm.weight", IN_LAYER(norm2))

#define FINAL_NORM NORM("model.norm.weight", IN_MODEL(final_norm))

extern const char *const rope_passed_over[]; /* ".rotary_emb.inv_freq" */

#endif

#include "model/family.h"

#include <string.h>

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

static const struct spelling gpt_neox_spellings[] = {
    COMMON,
    {"layer_norm_eps", SETTING_NORM_EPS},
    {"rotary_emb_base", SETTING_ROPE_BASE},
    {"rotary_pct", SETTING_ROTARY_SHARE},
    {NULL, SETTINGS},
};

static const struct spelling olmo_spellings[] = {
    COMMON,
    {"layer_norm_eps", SETTING_NORM_EPS},
    {NULL, SETTINGS},
};

static const struct spelling olmoe_spellings[] = {
    COMMON,
    {"rms_norm_eps", SETTING_NORM_EPS},
    {"num_experts", SETTING_EXPERTS},
    {"num_local_experts", SETTING_EXPERTS},
    {"num_experts_per_tok", SETTING_TOP_K},
    {"norm_topk_prob", SETTING_NORM_TOP_K},
    {NULL, SETTINGS},
};

#define BIT(setting) (1u << (setting))

static const struct family families[] = {
    [FAMILY_GPT_NEOX] = {.name = "gpt_neox",
                         .class = "GPTNeoXForCausalLM",
                         .spellings = gpt_neox_spellings,
                         .fixed = BIT(SETTING_CLIP),
                         .defaults = {.family = FAMILY_GPT_NEOX,
                                      .activation = ACTIVATION_GELU,
                                      .norm_kind = NORM_LAYER,
                                      .fused_qkv = true,
                                      .context = 2048,
                                      .rotary_share = 0.25,
                                      .rope_base = 10000.0,
                                      .norm_eps = 1e-5f,
                                      .parallel_residual = true,
                                      .attention_bias = true}},
    [FAMILY_OLMO] = {.name = "olmo",
                     .class = "OlmoForCausalLM",
                     .spellings = olmo_spellings,
                     .fixed = BIT(SETTING_NORM_EPS) | BIT(SETTING_PARALLEL_RESIDUAL) |
                              BIT(SETTING_ROTARY_SHARE),
                     .defaults = {.family = FAMILY_OLMO,
                                  .activation = ACTIVATION_SILU,
                                  .norm_kind = NORM_LAYER,
                                  .gated_mlp = true,
                                  .context = 2048,
                                  .rotary_share = 1.0,
                                  .rope_base = 10000.0,
                                  .norm_eps = 1e-5f}},
    [FAMILY_OLMOE] = {.name = "olmoe",
                      .class = "OlmoeForCausalLM",
                      .spellings = olmoe_spellings,
                      .fixed = BIT(SETTING_PARALLEL_RESIDUAL) | BIT(SETTING_ROTARY_SHARE),
                      .defaults = {.family = FAMILY_OLMOE,
                                   .activation = ACTIVATION_SILU,
                                   .norm_kind = NORM_RMS,
                                   .qk_norm = QK_NORM_FULL,
                                   .gated_mlp = true,
                                   .context = 4096,
                                   .rotary_share = 1.0,
                                   .rope_base = 10000.0,
                                   .norm_eps = 1e-5f,
                                   .experts = 64,
                                   .top_k = 8}},
};

#define FAMILIES (sizeof families / sizeof *families)

const struct family *family_at(size_t index)
{
  return index < FAMILIES ? &families[index] : NULL;
}

const struct family *family_of(const struct model_config *config)
{
  return &families[config->family];
}

const struct family *family_find(const char *name, size_t length)
{
  for (size_t i = 0; i < FAMILIES; i++)
    if (strlen(families[i].name) == length && memcmp(families[i].name, name, length) == 0)
      return &families[i];
  return NULL;
}

const char *model_family_name(enum model_family family)
{
  return families[family].name;
}

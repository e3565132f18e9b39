#include "model/family_rows.h"

#include <string.h>

static const struct spelling gpt_neox_spellings[] = {
    {"layer_norm_eps", SETTING_NORM_EPS},
    {"rotary_emb_base", SETTING_ROPE_BASE},
    {"rotary_pct", SETTING_ROTARY_SHARE},
    COMMON,
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

#define NEOX_LAYER "gpt_neox.layers.#."

static const struct family_tensor gpt_neox_tensors[] = {
    MATRIX("gpt_neox.embed_in.weight", DIM_VOCAB, DIM_HIDDEN, IN_MODEL(embedding)),
    NORM(NEOX_LAYER "input_layernorm.weight", IN_LAYER(norm1)),
    BIAS(NEOX_LAYER "input_layernorm.bias", ALWAYS, DIM_HIDDEN, IN_LAYER(norm1_bias)),
    NORM(NEOX_LAYER "post_attention_layernorm.weight", IN_LAYER(norm2)),
    BIAS(NEOX_LAYER "post_attention_layernorm.bias", ALWAYS, DIM_HIDDEN, IN_LAYER(norm2_bias)),
    {NEOX_LAYER "attention.bias",
     INVENTORY_MASK,
     AS_BUFFER,
     {DIM_ONE, DIM_ONE, DIM_CONTEXT, DIM_CONTEXT},
     SIZE_MAX},
    {NEOX_LAYER "attention.masked_bias", INVENTORY_MASKED_BIAS, AS_BUFFER, {DIM_NONE}, SIZE_MAX},
    {NEOX_LAYER "attention.rotary_emb.inv_freq",
     INVENTORY_FREQUENCIES,
     AS_BUFFER,
     {DIM_FREQUENCIES},
     SIZE_MAX},
    MATRIX(NEOX_LAYER "attention.query_key_value.weight", DIM_QKV, DIM_HIDDEN,
           IN_LAYER(query.weight)),
    BIAS(NEOX_LAYER "attention.query_key_value.bias", WITH_ATTENTION_BIAS, DIM_QKV,
         IN_LAYER(query.bias)),
    RESIDUAL(NEOX_LAYER "attention.dense.weight", DIM_HEADS, IN_LAYER(output.weight)),
    BIAS(NEOX_LAYER "attention.dense.bias", WITH_ATTENTION_BIAS, DIM_HIDDEN, IN_LAYER(output.bias)),
    MATRIX(NEOX_LAYER "mlp.dense_h_to_4h.weight", DIM_FFN, DIM_HIDDEN, IN_LAYER(up.weight)),
    BIAS(NEOX_LAYER "mlp.dense_h_to_4h.bias", ALWAYS, DIM_FFN, IN_LAYER(up.bias)),
    RESIDUAL(NEOX_LAYER "mlp.dense_4h_to_h.weight", DIM_FFN, IN_LAYER(down.weight)),
    BIAS(NEOX_LAYER "mlp.dense_4h_to_h.bias", ALWAYS, DIM_HIDDEN, IN_LAYER(down.bias)),
    NORM("gpt_neox.final_layer_norm.weight", IN_MODEL(final_norm)),
    BIAS("gpt_neox.final_layer_norm.bias", ALWAYS, DIM_HIDDEN, IN_MODEL(final_norm_bias)),
    LM_HEAD("embed_out.weight"),
    END,
};

static const char *const gpt_neox_passed_over[] = {".attention.bias", ".attention.masked_bias",
                                                   ".rotary_emb.inv_freq", NULL};

#define EXPERT LAYER "mlp.experts.@."

static const struct family_tensor olmo_tensors[] = {
    EMBEDDING, ATTENTION, GATED_MLP, LM_HEAD("lm_head.weight"), END,
};

static const struct family_tensor olmoe_tensors[] = {
    EMBEDDING,
    ATTENTION,
    QUERY_NORM(DIM_HEADS),
    KEY_NORM(DIM_KV_HEADS),
    MATRIX(LAYER "mlp.gate.weight", DIM_EXPERTS, DIM_HIDDEN, IN_LAYER(router.weight)),
    MATRIX(EXPERT "gate_proj.weight", DIM_FFN, DIM_HIDDEN, IN_EXPERT(gate.weight)),
    MATRIX(EXPERT "up_proj.weight", DIM_FFN, DIM_HIDDEN, IN_EXPERT(up.weight)),
    RESIDUAL(EXPERT "down_proj.weight", DIM_FFN, IN_EXPERT(down.weight)),
    LAYER_NORMS,
    FINAL_NORM,
    LM_HEAD("lm_head.weight"),
    END,
};

static const struct family family_gpt_neox = {.name = "gpt_neox",
                                              .class = "GPTNeoXForCausalLM",
                                              .spellings = gpt_neox_spellings,
                                              .fixed = BIT(SETTING_CLIP) | BIT(SETTING_KV_HEADS) |
                                                       BIT(SETTING_HEAD_DIM),
                                              .tensors = gpt_neox_tensors,
                                              .passed_over = gpt_neox_passed_over,
                                              .dtype = DTYPE_F16,
                                              .defaults = {.family = FAMILY_GPT_NEOX,
                                                           .activation = ACTIVATION_GELU,
                                                           .norm_kind = NORM_LAYER,
                                                           .qkv_layout = QKV_PER_HEAD,
                                                           .context = 2048,
                                                           .rotary_share = 0.25,
                                                           .rope_base = 10000.0,
                                                           .norm_eps = 1e-5f,
                                                           .parallel_residual = true,
                                                           .attention_bias = true}};

static const struct family family_olmo = {
    .name = "olmo",
    .class = "OlmoForCausalLM",
    .spellings = olmo_spellings,
    .fixed = BIT(SETTING_NORM_EPS) | BIT(SETTING_PARALLEL_RESIDUAL) | BIT(SETTING_ROTARY_SHARE) |
             BIT(SETTING_HEAD_DIM),
    .tensors = olmo_tensors,
    .passed_over = rope_passed_over,
    .dtype = DTYPE_F32,
    .defaults = {.family = FAMILY_OLMO,
                 .activation = ACTIVATION_SILU,
                 .norm_kind = NORM_LAYER,
                 .gated_mlp = true,
                 .context = 2048,
                 .rotary_share = 1.0,
                 .rope_base = 10000.0,
                 .norm_eps = 1e-5f}};

static const struct family family_olmoe = {
    .name = "olmoe",
    .class = "OlmoeForCausalLM",
    .spellings = olmoe_spellings,
    .fixed = BIT(SETTING_PARALLEL_RESIDUAL) | BIT(SETTING_ROTARY_SHARE) | BIT(SETTING_HEAD_DIM),
    .tensors = olmoe_tensors,
    .passed_over = rope_passed_over,
    .dtype = DTYPE_BF16,
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
                 .top_k = 8}};

static const struct family *const families[] = {
    [FAMILY_GPT_NEOX] = &family_gpt_neox, [FAMILY_OLMO] = &family_olmo,
    [FAMILY_OLMOE] = &family_olmoe,       [FAMILY_LLAMA] = &family_llama,
    [FAMILY_MISTRAL] = &family_mistral,   [FAMILY_QWEN2] = &family_qwen2,
    [FAMILY_QWEN3] = &family_qwen3,       [FAMILY_OLMO2] = &family_olmo2,
    [FAMILY_GPT2] = &family_gpt2,         [FAMILY_PHI] = &family_phi,
    [FAMILY_STABLELM] = &family_stablelm,
};

#define FAMILIES (sizeof families / sizeof *families)

const struct family *family_at(size_t index)
{
  return index < FAMILIES ? families[index] : NULL;
}

const struct family *family_of(const struct model_config *config)
{
  return families[config->family];
}

const struct family *family_find(const char *name, size_t length)
{
  for (size_t i = 0; i < FAMILIES; i++)
    if (strlen(families[i]->name) == length && memcmp(families[i]->name, name, length) == 0)
      return families[i];
  return NULL;
}

const char *model_family_name(enum model_family family)
{
  return families[family]->name;
}

bool family_has(const struct family *family, enum setting setting)
{
  for (const struct spelling *s = family->spellings; s->key; s++)
    if (s->setting == setting)
      return !(family->fixed >> setting & 1);
  return false;
}

/* Families that look alike; what differs is said so that nobody removes a key to get past it. */
static const struct {
  const char *name, *reason;
} refused[] = {
    {"olmo3", "layers with sliding windows and other rotations"},
    {"smollm3", "layers without rotary positions"},
    {"qwen2_moe", "experts, one of them shared"},
    {"qwen3_moe", "experts beside norms of each head"},
    {"qwen3_next", "layers of linear attention"},
    {"mixtral", "experts under other names"},
    {"ministral", "windows that differ between layers"},
    {"phi3", "queries, keys and values in one matrix, and longrope"},
    {"phimoe", "experts, and longrope"},
    {"phi-msft", "other names of tensors: convert it with transformers' phi"},
    {"mixformer-sequential", "other names of tensors: convert it with transformers' phi"},
    {"gpt_bigcode", "keys and values shared by all heads"},
    {"gpt_neo", "local attention, and scores that are not scaled"},
    {"gptj", "rotary positions in interleaved pairs"},
    {"codegen", "rotary positions in interleaved pairs"},
    {"stablelm_epoch", "other names of tensors: convert it with transformers' stablelm"},
    {"stablelm_alpha", "two norms before a parallel residual"},
    {"gemma", "a scaled embedding, and norms of 1 + weight"},
    {"gemma2", "a scaled embedding, capped scores and norms of 1 + weight"},
    {"gemma3_text", "a scaled embedding and norms of 1 + weight"},
    {"cohere", "scaled logits, and rotary positions in interleaved pairs"},
    {"falcon", "fused matrices grouped in its own way"},
    {"mpt", "positions as a slope on attention"},
    {"bloom", "positions as a slope on attention"},
    {"opt", "learned positions that start at 2, and ReLU"},
    {"llama4_text", "experts, and layers without rotary positions"},
    {"deepseek_v2", "keys and values compressed"},
    {"deepseek_v3", "keys and values compressed"},
    {"granite", "scaled embedding, branches, scores and logits"},
};

const char *family_refusal(const char *name)
{
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    if (strcmp(refused[i].name, name) == 0)
      return refused[i].reason;
  return NULL;
}

/* Llama and what grew out of it: rms norms, rotary positions, a gated MLP. Defaults of missing keys
 * are those of transformers' configuration classes. */
#include "model/family_rows.h"

const char *const rope_passed_over[] = {".rotary_emb.inv_freq", NULL};

#define LLAMA_SPELLINGS                                                                            \
  COMMON, {"rms_norm_eps", SETTING_NORM_EPS},                                                      \
  {                                                                                                \
    "mlp_bias", SETTING_MLP_BIAS                                                                   \
  }

static const struct spelling llama_spellings[] = {LLAMA_SPELLINGS, {NULL, SETTINGS}};

static const struct spelling mistral_spellings[] = {
    LLAMA_SPELLINGS,
    {"sliding_window", SETTING_WINDOW},
    {NULL, SETTINGS},
};

static const struct spelling qwen_spellings[] = {
    LLAMA_SPELLINGS,
    {"sliding_window", SETTING_WINDOW},
    {"use_sliding_window", SETTING_WINDOW_USED},
    {"max_window_layers", SETTING_WINDOW_FIRST},
    {"layer_types", SETTING_LAYER_TYPES},
    {NULL, SETTINGS},
};

static const struct family_tensor llama_tensors[] = {
    EMBEDDING,
    ATTENTION,
    MATRIX(LAYER "mlp.gate_proj.weight", DIM_FFN, DIM_HIDDEN, IN_LAYER(gate.weight)),
    BIAS(LAYER "mlp.gate_proj.bias", WITH_MLP_BIAS, DIM_FFN, IN_LAYER(gate.bias)),
    MATRIX(LAYER "mlp.up_proj.weight", DIM_FFN, DIM_HIDDEN, IN_LAYER(up.weight)),
    BIAS(LAYER "mlp.up_proj.bias", WITH_MLP_BIAS, DIM_FFN, IN_LAYER(up.bias)),
    RESIDUAL(LAYER "mlp.down_proj.weight", DIM_FFN, IN_LAYER(down.weight)),
    BIAS(LAYER "mlp.down_proj.bias", WITH_MLP_BIAS, DIM_HIDDEN, IN_LAYER(down.bias)),
    LAYER_NORMS,
    FINAL_NORM,
    LM_HEAD("lm_head.weight"),
    END,
};

/* Biases of queries, keys and values without one of the output. */
static const struct family_tensor qwen2_tensors[] = {
    EMBEDDING,  QUERY_KEY_VALUE,           OUTPUT, GATED_MLP, LAYER_NORMS,
    FINAL_NORM, LM_HEAD("lm_head.weight"), END,
};

static const struct family_tensor qwen3_tensors[] = {
    EMBEDDING, ATTENTION,   QUERY_NORM(DIM_HEAD), KEY_NORM(DIM_HEAD),
    GATED_MLP, LAYER_NORMS, FINAL_NORM,           LM_HEAD("lm_head.weight"),
    END,
};

static const struct family_tensor olmo2_tensors[] = {
    EMBEDDING,
    ATTENTION,
    QUERY_NORM(DIM_HEADS),
    KEY_NORM(DIM_KV_HEADS),
    GATED_MLP,
    NORM(LAYER "post_attention_layernorm.weight", IN_LAYER(norm1)),
    NORM(LAYER "post_feedforward_layernorm.weight", IN_LAYER(norm2)),
    FINAL_NORM,
    LM_HEAD("lm_head.weight"),
    END,
};

#define LLAMA_FIXED (BIT(SETTING_CLIP) | BIT(SETTING_PARALLEL_RESIDUAL) | BIT(SETTING_ROTARY_SHARE))

/* What all of them are like. */
#define LLAMA_DEFAULTS                                                                             \
  .activation = ACTIVATION_SILU, .norm_kind = NORM_RMS, .gated_mlp = true, .rotary_share = 1.0,    \
  .rope_base = 10000.0

const struct family family_llama = {
    .name = "llama",
    .class = "LlamaForCausalLM",
    .spellings = llama_spellings,
    .fixed = LLAMA_FIXED,
    .scaled_rope = true,
    .tensors = llama_tensors,
    .passed_over = rope_passed_over,
    .dtype = DTYPE_BF16,
    .defaults = {.family = FAMILY_LLAMA, LLAMA_DEFAULTS, .context = 2048, .norm_eps = 1e-6f}};

const struct family family_mistral = {.name = "mistral",
                                      .class = "MistralForCausalLM",
                                      .spellings = mistral_spellings,
                                      .fixed = LLAMA_FIXED | BIT(SETTING_ATTENTION_BIAS) |
                                               BIT(SETTING_MLP_BIAS),
                                      .scaled_rope = true,
                                      .tensors = llama_tensors,
                                      .passed_over = rope_passed_over,
                                      .dtype = DTYPE_BF16,
                                      .defaults = {.family = FAMILY_MISTRAL,
                                                   LLAMA_DEFAULTS,
                                                   .context = 131072,
                                                   .kv_heads = 8,
                                                   .window = {.keys = 4096, .used = true},
                                                   .norm_eps = 1e-6f}};

const struct family family_qwen2 = {.name = "qwen2",
                                    .class = "Qwen2ForCausalLM",
                                    .spellings = qwen_spellings,
                                    .fixed = LLAMA_FIXED | BIT(SETTING_ATTENTION_BIAS) |
                                             BIT(SETTING_MLP_BIAS),
                                    .scaled_rope = true,
                                    .tensors = qwen2_tensors,
                                    .passed_over = rope_passed_over,
                                    .dtype = DTYPE_BF16,
                                    .defaults = {.family = FAMILY_QWEN2,
                                                 LLAMA_DEFAULTS,
                                                 .context = 32768,
                                                 .kv_heads = 32,
                                                 .window = {.keys = 4096, .first = 28},
                                                 .norm_eps = 1e-6f,
                                                 .attention_bias = true}};

const struct family family_qwen3 = {.name = "qwen3",
                                    .class = "Qwen3ForCausalLM",
                                    .spellings = qwen_spellings,
                                    .fixed = LLAMA_FIXED | BIT(SETTING_MLP_BIAS),
                                    .scaled_rope = true,
                                    .tensors = qwen3_tensors,
                                    .passed_over = rope_passed_over,
                                    .dtype = DTYPE_BF16,
                                    .defaults = {.family = FAMILY_QWEN3,
                                                 LLAMA_DEFAULTS,
                                                 .qk_norm = QK_NORM_SHARED,
                                                 .context = 32768,
                                                 .kv_heads = 32,
                                                 .head_dim = 128,
                                                 .window = {.keys = 4096, .first = 28},
                                                 .norm_eps = 1e-6f}};

const struct family family_olmo2 = {.name = "olmo2",
                                    .class = "Olmo2ForCausalLM",
                                    .spellings = llama_spellings,
                                    .fixed =
                                        LLAMA_FIXED | BIT(SETTING_MLP_BIAS) | BIT(SETTING_HEAD_DIM),
                                    .scaled_rope = true,
                                    .tensors = olmo2_tensors,
                                    .passed_over = rope_passed_over,
                                    .dtype = DTYPE_F32,
                                    .defaults = {.family = FAMILY_OLMO2,
                                                 LLAMA_DEFAULTS,
                                                 .qk_norm = QK_NORM_FULL,
                                                 .branch_norms = true,
                                                 .context = 2048,
                                                 .norm_eps = 1e-5f}};

/* Later families with layer norms. Defaults of missing keys are those of transformers'
 * configuration classes. */
#include "model/family_rows.h"

static const struct spelling gpt2_spellings[] = {
    {"n_embd", SETTING_HIDDEN},
    {"n_layer", SETTING_LAYERS},
    {"n_head", SETTING_HEADS},
    {"n_inner", SETTING_FFN},
    {"vocab_size", SETTING_VOCAB},
    {"n_positions", SETTING_CONTEXT},
    {"activation_function", SETTING_ACTIVATION},
    {"layer_norm_epsilon", SETTING_NORM_EPS},
    {"tie_word_embeddings", SETTING_TIED},
    {"scale_attn_by_inverse_layer_idx", SETTING_SCALE_BY_LAYER},
    {NULL, SETTINGS},
};

#define BLOCK "transformer.h.#."

static const struct family_tensor gpt2_tensors[] = {
    MATRIX("transformer.wte.weight", DIM_VOCAB, DIM_HIDDEN, IN_MODEL(embedding)),
    MATRIX("transformer.wpe.weight", DIM_CONTEXT, DIM_HIDDEN, IN_MODEL(positions)),
    NORM(BLOCK "ln_1.weight", IN_LAYER(norm1)),
    BIAS(BLOCK "ln_1.bias", ALWAYS, DIM_HIDDEN, IN_LAYER(norm1_bias)),
    MATRIX(BLOCK "attn.c_attn.weight", DIM_HIDDEN, DIM_QKV, IN_LAYER(query.weight)),
    BIAS(BLOCK "attn.c_attn.bias", ALWAYS, DIM_QKV, IN_LAYER(query.bias)),
    RESIDUAL(BLOCK "attn.c_proj.weight", DIM_HIDDEN, IN_LAYER(output.weight)),
    BIAS(BLOCK "attn.c_proj.bias", ALWAYS, DIM_HIDDEN, IN_LAYER(output.bias)),
    NORM(BLOCK "ln_2.weight", IN_LAYER(norm2)),
    BIAS(BLOCK "ln_2.bias", ALWAYS, DIM_HIDDEN, IN_LAYER(norm2_bias)),
    MATRIX(BLOCK "mlp.c_fc.weight", DIM_HIDDEN, DIM_FFN, IN_LAYER(up.weight)),
    BIAS(BLOCK "mlp.c_fc.bias", ALWAYS, DIM_FFN, IN_LAYER(up.bias)),
    {BLOCK "mlp.c_proj.weight",
     INVENTORY_RESIDUAL,
     ALWAYS,
     {DIM_FFN, DIM_HIDDEN},
     IN_LAYER(down.weight)},
    BIAS(BLOCK "mlp.c_proj.bias", ALWAYS, DIM_HIDDEN, IN_LAYER(down.bias)),
    NORM("transformer.ln_f.weight", IN_MODEL(final_norm)),
    BIAS("transformer.ln_f.bias", ALWAYS, DIM_HIDDEN, IN_MODEL(final_norm_bias)),
    LM_HEAD("lm_head.weight"),
    END,
};

static const char *const gpt2_passed_over[] = {".attn.bias", ".attn.masked_bias", NULL};

const struct family family_gpt2 = {.name = "gpt2",
                                   .class = "GPT2LMHeadModel",
                                   .spellings = gpt2_spellings,
                                   .tensors = gpt2_tensors,
                                   .passed_over = gpt2_passed_over,
                                   .dtype = DTYPE_F32,
                                   .ffn_per_hidden = 4,
                                   .defaults = {.family = FAMILY_GPT2,
                                                .activation = ACTIVATION_GELU_TANH,
                                                .norm_kind = NORM_LAYER,
                                                .qkv_layout = QKV_BLOCKS,
                                                .context = 1024,
                                                .norm_eps = 1e-5f,
                                                .attention_bias = true,
                                                .mlp_bias = true,
                                                .tied = true,
                                                .learned_positions = true,
                                                .input_major = true}};

static const struct spelling phi_spellings[] = {
    COMMON,
    {"layer_norm_eps", SETTING_NORM_EPS},
    {NULL, SETTINGS},
};

/* One norm for attention and MLP. */
static const struct family_tensor phi_tensors[] = {
    EMBEDDING,
    QUERY_KEY_VALUE,
    RESIDUAL(LAYER "self_attn.dense.weight", DIM_HEADS, IN_LAYER(output.weight)),
    BIAS(LAYER "self_attn.dense.bias", ALWAYS, DIM_HIDDEN, IN_LAYER(output.bias)),
    MATRIX(LAYER "mlp.fc1.weight", DIM_FFN, DIM_HIDDEN, IN_LAYER(up.weight)),
    BIAS(LAYER "mlp.fc1.bias", ALWAYS, DIM_FFN, IN_LAYER(up.bias)),
    RESIDUAL(LAYER "mlp.fc2.weight", DIM_FFN, IN_LAYER(down.weight)),
    BIAS(LAYER "mlp.fc2.bias", ALWAYS, DIM_HIDDEN, IN_LAYER(down.bias)),
    NORM(LAYER "input_layernorm.weight", IN_LAYER(norm1)),
    BIAS(LAYER "input_layernorm.bias", ALWAYS, DIM_HIDDEN, IN_LAYER(norm1_bias)),
    NORM("model.final_layernorm.weight", IN_MODEL(final_norm)),
    BIAS("model.final_layernorm.bias", ALWAYS, DIM_HIDDEN, IN_MODEL(final_norm_bias)),
    LM_HEAD("lm_head.weight"),
    BIAS("lm_head.bias", ALWAYS, DIM_VOCAB, IN_MODEL(lm_head.bias)),
    END,
};

const struct family family_phi = {.name = "phi",
                                  .class = "PhiForCausalLM",
                                  .spellings = phi_spellings,
                                  .fixed = BIT(SETTING_CLIP) | BIT(SETTING_HEAD_DIM) |
                                           BIT(SETTING_PARALLEL_RESIDUAL) |
                                           BIT(SETTING_ATTENTION_BIAS),
                                  .scaled_rope = true,
                                  .tensors = phi_tensors,
                                  .passed_over = rope_passed_over,
                                  .dtype = DTYPE_F16,
                                  .defaults = {.family = FAMILY_PHI,
                                               .activation = ACTIVATION_GELU_TANH,
                                               .norm_kind = NORM_LAYER,
                                               .context = 2048,
                                               .rotary_share = 0.5,
                                               .rope_base = 10000.0,
                                               .norm_eps = 1e-5f,
                                               .parallel_residual = true,
                                               .attention_bias = true,
                                               .mlp_bias = true}};

static const struct spelling stablelm_spellings[] = {
    COMMON,
    {"layer_norm_eps", SETTING_NORM_EPS},
    {"use_qkv_bias", SETTING_ATTENTION_BIAS},
    {"qk_layernorm", SETTING_QK_NORM},
    {NULL, SETTINGS},
};

static const struct family_tensor stablelm_tensors[] = {
    EMBEDDING,
    QUERY_KEY_VALUE,
    OUTPUT,
    {LAYER "self_attn.q_layernorm.norms.%.weight",
     INVENTORY_NORM,
     WITH_QK_NORM,
     {DIM_HEAD},
     IN_LAYER(query_norms)},
    {LAYER "self_attn.k_layernorm.norms.%.weight",
     INVENTORY_NORM,
     WITH_QK_NORM,
     {DIM_HEAD},
     IN_LAYER(key_norms)},
    GATED_MLP,
    NORM(LAYER "input_layernorm.weight", IN_LAYER(norm1)),
    BIAS(LAYER "input_layernorm.bias", ALWAYS, DIM_HIDDEN, IN_LAYER(norm1_bias)),
    {LAYER "post_attention_layernorm.weight",
     INVENTORY_NORM,
     UNLESS_PARALLEL,
     {DIM_HIDDEN},
     IN_LAYER(norm2)},
    BIAS(LAYER "post_attention_layernorm.bias", UNLESS_PARALLEL, DIM_HIDDEN, IN_LAYER(norm2_bias)),
    FINAL_NORM,
    BIAS("model.norm.bias", ALWAYS, DIM_HIDDEN, IN_MODEL(final_norm_bias)),
    LM_HEAD("lm_head.weight"),
    END,
};

const struct family family_stablelm = {.name = "stablelm",
                                       .class = "StableLmForCausalLM",
                                       .spellings = stablelm_spellings,
                                       .fixed = BIT(SETTING_CLIP) | BIT(SETTING_HEAD_DIM),
                                       .scaled_rope = true,
                                       .tensors = stablelm_tensors,
                                       .passed_over = rope_passed_over,
                                       .dtype = DTYPE_BF16,
                                       .defaults = {.family = FAMILY_STABLELM,
                                                    .activation = ACTIVATION_SILU,
                                                    .norm_kind = NORM_LAYER,
                                                    .gated_mlp = true,
                                                    .context = 4096,
                                                    .kv_heads = 32,
                                                    .rotary_share = 0.25,
                                                    .rope_base = 10000.0,
                                                    .norm_eps = 1e-5f}};

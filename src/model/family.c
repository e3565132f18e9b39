#include "model/family.h"

#include "model/model.h"

#include <stdio.h>
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

#define LAYER "model.layers.#."
#define EXPERT LAYER "mlp.experts.@."

/* Queries, keys, values and output, each a matrix of its own. */
#define ATTENTION                                                                                  \
  MATRIX(LAYER "self_attn.q_proj.weight", DIM_HEADS, DIM_HIDDEN, IN_LAYER(query.weight)),          \
      BIAS(LAYER "self_attn.q_proj.bias", WITH_ATTENTION_BIAS, DIM_HEADS, IN_LAYER(query.bias)),   \
      MATRIX(LAYER "self_attn.k_proj.weight", DIM_KV_HEADS, DIM_HIDDEN, IN_LAYER(key.weight)),     \
      BIAS(LAYER "self_attn.k_proj.bias", WITH_ATTENTION_BIAS, DIM_KV_HEADS, IN_LAYER(key.bias)),  \
      MATRIX(LAYER "self_attn.v_proj.weight", DIM_KV_HEADS, DIM_HIDDEN, IN_LAYER(value.weight)),   \
      BIAS(LAYER "self_attn.v_proj.bias", WITH_ATTENTION_BIAS, DIM_KV_HEADS,                       \
           IN_LAYER(value.bias)),                                                                  \
      RESIDUAL(LAYER "self_attn.o_proj.weight", DIM_HEADS, IN_LAYER(output.weight)),               \
      BIAS(LAYER "self_attn.o_proj.bias", WITH_ATTENTION_BIAS, DIM_HIDDEN, IN_LAYER(output.bias))

static const struct family_tensor olmo_tensors[] = {
    MATRIX("model.embed_tokens.weight", DIM_VOCAB, DIM_HIDDEN, IN_MODEL(embedding)),
    ATTENTION,
    MATRIX(LAYER "mlp.gate_proj.weight", DIM_FFN, DIM_HIDDEN, IN_LAYER(gate.weight)),
    MATRIX(LAYER "mlp.up_proj.weight", DIM_FFN, DIM_HIDDEN, IN_LAYER(up.weight)),
    RESIDUAL(LAYER "mlp.down_proj.weight", DIM_FFN, IN_LAYER(down.weight)),
    LM_HEAD("lm_head.weight"),
    END,
};

static const struct family_tensor olmoe_tensors[] = {
    MATRIX("model.embed_tokens.weight", DIM_VOCAB, DIM_HIDDEN, IN_MODEL(embedding)),
    ATTENTION,
    {LAYER "self_attn.q_norm.weight", INVENTORY_NORM, ALWAYS, {DIM_HEADS}, IN_LAYER(query_norm)},
    {LAYER "self_attn.k_norm.weight", INVENTORY_NORM, ALWAYS, {DIM_KV_HEADS}, IN_LAYER(key_norm)},
    MATRIX(LAYER "mlp.gate.weight", DIM_EXPERTS, DIM_HIDDEN, IN_LAYER(router.weight)),
    MATRIX(EXPERT "gate_proj.weight", DIM_FFN, DIM_HIDDEN, IN_EXPERT(gate.weight)),
    MATRIX(EXPERT "up_proj.weight", DIM_FFN, DIM_HIDDEN, IN_EXPERT(up.weight)),
    RESIDUAL(EXPERT "down_proj.weight", DIM_FFN, IN_EXPERT(down.weight)),
    NORM(LAYER "input_layernorm.weight", IN_LAYER(norm1)),
    NORM(LAYER "post_attention_layernorm.weight", IN_LAYER(norm2)),
    NORM("model.norm.weight", IN_MODEL(final_norm)),
    LM_HEAD("lm_head.weight"),
    END,
};

static const char *const olmo_passed_over[] = {".rotary_emb.inv_freq", NULL};

#define BIT(setting) (1u << (setting))

static const struct family families[] = {
    [FAMILY_GPT_NEOX] = {.name = "gpt_neox",
                         .class = "GPTNeoXForCausalLM",
                         .spellings = gpt_neox_spellings,
                         .fixed = BIT(SETTING_CLIP) | BIT(SETTING_KV_HEADS),
                         .tensors = gpt_neox_tensors,
                         .passed_over = gpt_neox_passed_over,
                         .dtype = DTYPE_F16,
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
                     .tensors = olmo_tensors,
                     .passed_over = olmo_passed_over,
                     .dtype = DTYPE_F32,
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
                      .tensors = olmoe_tensors,
                      .passed_over = olmo_passed_over,
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

bool family_has(const struct family *family, enum setting setting)
{
  for (const struct spelling *s = family->spellings; s->key; s++)
    if (s->setting == setting)
      return !(family->fixed >> setting & 1u);
  return false;
}

static size_t extent(const struct model_config *c, enum dimension dimension)
{
  size_t heads = c->heads * c->head_dim, kv_heads = c->kv_heads * c->head_dim;
  switch (dimension) {
  case DIM_NONE:
  case DIM_ONE:
    return 1;
  case DIM_HIDDEN:
    return c->hidden;
  case DIM_HEADS:
    return heads;
  case DIM_KV_HEADS:
    return kv_heads;
  case DIM_QKV:
    return heads + 2 * kv_heads;
  case DIM_FFN:
    return c->ffn;
  case DIM_VOCAB:
    return c->vocab;
  case DIM_EXPERTS:
    return c->experts;
  case DIM_CONTEXT:
    return c->context;
  case DIM_FREQUENCIES:
    return c->rotary_dims / 2;
  }
  return 0;
}

struct walk {
  const struct model_config *config;
  bool buffers;
  family_visit *visit;
  void *context;
};

#define NAME_BYTES 128

/* The name with its numbers. */
static void fill_name(const struct family_place *place, char name[NAME_BYTES])
{
  size_t used = 0;
  for (const char *from = place->tensor->name; *from && used < NAME_BYTES - 24; from++) {
    if (*from == '#' || *from == '@')
      used += (size_t)snprintf(name + used, NAME_BYTES - used, "%zu",
                               *from == '#' ? place->layer : place->expert);
    else
      name[used++] = *from;
  }
  name[used] = 0;
}

static int visit_one(const struct walk *walk, const struct family_tensor *tensor, size_t layer,
                     size_t expert)
{
  const struct model_config *c = walk->config;
  char name[NAME_BYTES];
  struct family_place place = {tensor, layer, expert, name, 0, {0}};
  if ((tensor->presence == AS_BUFFER && !walk->buffers) ||
      (tensor->presence == UNLESS_TIED && c->tied) ||
      (tensor->presence == WITH_ATTENTION_BIAS && !c->attention_bias))
    return 0;
  for (; place.rank < FAMILY_RANK && tensor->shape[place.rank]; place.rank++)
    place.shape[place.rank] = extent(c, tensor->shape[place.rank]);
  fill_name(&place, name);
  return walk->visit(walk->context, &place);
}

/* The first tensor at or after `tensor` whose name does not hold `mark`. */
static const struct family_tensor *end_of(const struct family_tensor *tensor, char mark)
{
  while (tensor->name && strchr(tensor->name, mark))
    tensor++;
  return tensor;
}

static int visit_experts(const struct walk *walk, const struct family_tensor *first,
                         const struct family_tensor *end, size_t layer)
{
  for (size_t expert = 0; expert < walk->config->experts; expert++)
    for (const struct family_tensor *t = first; t < end; t++) {
      int status = visit_one(walk, t, layer, expert);
      if (status)
        return status;
    }
  return 0;
}

static int visit_layer(const struct walk *walk, const struct family_tensor *first,
                       const struct family_tensor *end, size_t layer)
{
  for (const struct family_tensor *t = first; t < end;) {
    const struct family_tensor *experts = end_of(t, '@');
    int status =
        experts > t ? visit_experts(walk, t, experts, layer) : visit_one(walk, t, layer, 0);
    if (status)
      return status;
    t = experts > t ? experts : t + 1;
  }
  return 0;
}

int family_tensors(const struct model_config *config, bool buffers, family_visit *visit,
                   void *context)
{
  const struct walk walk = {config, buffers, visit, context};
  for (const struct family_tensor *t = family_of(config)->tensors; t->name;) {
    const struct family_tensor *layers = end_of(t, '#');
    int status = layers > t ? 0 : visit_one(&walk, t, 0, 0);
    for (size_t layer = 0; layers > t && layer < config->layers && !status; layer++)
      status = visit_layer(&walk, t, layers, layer);
    if (status)
      return status;
    t = layers > t ? layers : t + 1;
  }
  return 0;
}

#include "model/model.h"

#include "base/text.h"
#include "pack_c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Finds tensors by name and remembers how many were found, to detect those left over. */
struct finder {
  const struct checkpoint *checkpoint;
  unsigned char *used; /* by index in the checkpoint */
  struct error *error;
};

static const struct tensor *find(struct finder *finder, const char *name, int rank, size_t rows,
                                 size_t columns)
{
  const struct tensor *tensor = checkpoint_find(finder->checkpoint, name);
  if (!tensor) {
    error_set(finder->error, EXIT_INPUT, "%s: tensor %s is missing",
              checkpoint_path(finder->checkpoint), name);
    return NULL;
  }
  if (tensor->dtype != DTYPE_F32 && tensor->dtype != DTYPE_BF16 && tensor->dtype != DTYPE_F16) {
    error_set(finder->error, EXIT_INPUT, "%s: tensor %s has dtype %s, must be F32, BF16 or F16",
              tensor->file, name, dtype_name(tensor->dtype));
    return NULL;
  }
  if (tensor->rank != rank || tensor->shape[0] != (int64_t)rows ||
      (rank == 2 && tensor->shape[1] != (int64_t)columns)) {
    char wanted[64];
    snprintf(wanted, sizeof wanted, rank == 2 ? "[%zu, %zu]" : "[%zu]", rows, columns);
    error_set(finder->error, EXIT_INPUT,
              "%s: tensor %s has rank %d and shape [%lld, %lld], config.json says %s", tensor->file,
              name, tensor->rank, (long long)(tensor->rank > 0 ? tensor->shape[0] : 1),
              (long long)(tensor->rank > 1 ? tensor->shape[1] : 1), wanted);
    return NULL;
  }
  finder->used[tensor - checkpoint_at(finder->checkpoint, 0)] = 1;
  return tensor;
}

static int find_vector(struct finder *finder, const struct tensor **out, size_t size,
                       const char *format, size_t layer, const char *leaf)
{
  char name[256];
  snprintf(name, sizeof name, format, layer, leaf);
  *out = find(finder, name, 1, size, 0);
  return *out ? 0 : finder->error->code;
}

static int find_linear(struct finder *finder, struct linear *out, size_t rows, size_t columns,
                       bool bias, const char *prefix)
{
  char name[256];
  snprintf(name, sizeof name, "%s.weight", prefix);
  out->weight = find(finder, name, 2, rows, columns);
  if (!out->weight)
    return finder->error->code;
  if (bias) {
    snprintf(name, sizeof name, "%s.bias", prefix);
    out->bias = find(finder, name, 1, rows, 0);
  }
  return bias && !out->bias ? finder->error->code : 0;
}

static int find_layer_linear(struct finder *finder, struct linear *out, size_t rows, size_t columns,
                             bool bias, const char *format, size_t layer, const char *leaf)
{
  char prefix[224];
  snprintf(prefix, sizeof prefix, format, layer, leaf);
  return find_linear(finder, out, rows, columns, bias, prefix);
}

static int load_gpt_neox_layer(struct finder *f, const struct model_config *c, struct layer *layer,
                               size_t i)
{
  static const char path[] = "gpt_neox.layers.%zu.%s";
  if (find_vector(f, &layer->norm1, c->hidden, path, i, "input_layernorm.weight") ||
      find_vector(f, &layer->norm1_bias, c->hidden, path, i, "input_layernorm.bias") ||
      find_vector(f, &layer->norm2, c->hidden, path, i, "post_attention_layernorm.weight") ||
      find_vector(f, &layer->norm2_bias, c->hidden, path, i, "post_attention_layernorm.bias") ||
      find_layer_linear(f, &layer->query, 3 * c->hidden, c->hidden, c->attention_bias, path, i,
                        "attention.query_key_value") ||
      find_layer_linear(f, &layer->output, c->hidden, c->hidden, c->attention_bias, path, i,
                        "attention.dense") ||
      find_layer_linear(f, &layer->up, c->ffn, c->hidden, true, path, i, "mlp.dense_h_to_4h") ||
      find_layer_linear(f, &layer->down, c->hidden, c->ffn, true, path, i, "mlp.dense_4h_to_h"))
    return f->error->code;
  return 0;
}

static int load_attention(struct finder *f, const struct model_config *c, struct layer *layer,
                          size_t i)
{
  static const char path[] = "model.layers.%zu.self_attn.%s";
  size_t kv = c->kv_heads * c->head_dim;
  bool bias = c->attention_bias;
  if (find_layer_linear(f, &layer->query, c->hidden, c->hidden, bias, path, i, "q_proj") ||
      find_layer_linear(f, &layer->key, kv, c->hidden, bias, path, i, "k_proj") ||
      find_layer_linear(f, &layer->value, kv, c->hidden, bias, path, i, "v_proj") ||
      find_layer_linear(f, &layer->output, c->hidden, c->hidden, bias, path, i, "o_proj"))
    return f->error->code;
  return 0;
}

static int load_olmo_layer(struct finder *f, const struct model_config *c, struct layer *layer,
                           size_t i)
{
  static const char path[] = "model.layers.%zu.mlp.%s";
  if (load_attention(f, c, layer, i) ||
      find_layer_linear(f, &layer->gate, c->ffn, c->hidden, false, path, i, "gate_proj") ||
      find_layer_linear(f, &layer->up, c->ffn, c->hidden, false, path, i, "up_proj") ||
      find_layer_linear(f, &layer->down, c->hidden, c->ffn, false, path, i, "down_proj"))
    return f->error->code;
  return 0;
}

static int find_expert_linear(struct finder *finder, struct linear *out, size_t rows,
                              size_t columns, size_t layer, size_t expert, const char *leaf)
{
  char prefix[128];
  snprintf(prefix, sizeof prefix, "model.layers.%zu.mlp.experts.%zu.%s", layer, expert, leaf);
  return find_linear(finder, out, rows, columns, false, prefix);
}

static int load_experts(struct finder *f, const struct model_config *c, struct layer *layer,
                        size_t i)
{
  layer->experts = calloc(c->experts, sizeof *layer->experts);
  if (!layer->experts)
    return error_set(f->error, EXIT_RUN, "experts: out of memory");
  for (size_t e = 0; e < c->experts; e++) {
    struct expert *expert = &layer->experts[e];
    if (find_expert_linear(f, &expert->gate, c->ffn, c->hidden, i, e, "gate_proj") ||
        find_expert_linear(f, &expert->up, c->ffn, c->hidden, i, e, "up_proj") ||
        find_expert_linear(f, &expert->down, c->hidden, c->ffn, i, e, "down_proj"))
      return f->error->code;
  }
  return 0;
}

static int load_olmoe_layer(struct finder *f, const struct model_config *c, struct layer *layer,
                            size_t i)
{
  static const char path[] = "model.layers.%zu.%s";
  size_t kv = c->kv_heads * c->head_dim;
  if (load_attention(f, c, layer, i) ||
      find_vector(f, &layer->norm1, c->hidden, path, i, "input_layernorm.weight") ||
      find_vector(f, &layer->norm2, c->hidden, path, i, "post_attention_layernorm.weight") ||
      find_vector(f, &layer->query_norm, c->hidden, path, i, "self_attn.q_norm.weight") ||
      find_vector(f, &layer->key_norm, kv, path, i, "self_attn.k_norm.weight") ||
      find_layer_linear(f, &layer->router, c->experts, c->hidden, false, path, i, "mlp.gate"))
    return f->error->code;
  return load_experts(f, c, layer, i);
}

static int load_ends(struct finder *f, struct model *model)
{
  const struct model_config *c = &model->config;
  bool neox = c->family == FAMILY_GPT_NEOX;
  model->embedding = find(f, neox ? "gpt_neox.embed_in.weight" : "model.embed_tokens.weight", 2,
                          c->vocab, c->hidden);
  if (!model->embedding)
    return f->error->code;
  if (neox) {
    model->final_norm = find(f, "gpt_neox.final_layer_norm.weight", 1, c->hidden, 0);
    model->final_norm_bias =
        model->final_norm ? find(f, "gpt_neox.final_layer_norm.bias", 1, c->hidden, 0) : NULL;
    if (!model->final_norm_bias)
      return f->error->code;
  } else if (c->family == FAMILY_OLMOE) {
    model->final_norm = find(f, "model.norm.weight", 1, c->hidden, 0);
    if (!model->final_norm)
      return f->error->code;
  }
  if (c->tied) {
    model->lm_head.weight = model->embedding;
    return 0;
  }
  return find_linear(f, &model->lm_head, c->vocab, c->hidden, false,
                     neox ? "embed_out" : "lm_head");
}

bool model_passes_over(const struct model_config *c, const char *name)
{
  if (c->tied && (strcmp(name, "lm_head.weight") == 0 || strcmp(name, "embed_out.weight") == 0))
    return true;
  if (text_ends_with(name, ".rotary_emb.inv_freq"))
    return true;
  return c->family == FAMILY_GPT_NEOX && (text_ends_with(name, ".attention.bias") ||
                                          text_ends_with(name, ".attention.masked_bias"));
}

static int check_leftovers(const struct finder *f, const struct model_config *c)
{
  for (size_t i = 0; i < checkpoint_count(f->checkpoint); i++) {
    const struct tensor *tensor = checkpoint_at(f->checkpoint, i);
    if (!f->used[i] && !model_passes_over(c, tensor->name))
      return error_set(f->error, EXIT_INPUT,
                       "%s: tensor %s has no place in a %s model of this config.json", tensor->file,
                       tensor->name, model_family_name(c->family));
  }
  return 0;
}

int model_load(const struct checkpoint *checkpoint, struct model *model, struct error *error)
{
  size_t size;
  char name[512];
  const char *config = checkpoint_config(checkpoint, &size);
  *model = (struct model){.checkpoint = checkpoint};
  snprintf(name, sizeof name, "%s/config.json", checkpoint_path(checkpoint));
  if (model_config_parse(name, config, size, &model->config, error))
    return error->code;
  struct finder finder = {checkpoint, calloc(checkpoint_count(checkpoint) + 1, 1), error};
  model->layers = calloc(model->config.layers, sizeof *model->layers);
  int status = finder.used && model->layers ? load_ends(&finder, model)
                                            : error_set(error, EXIT_RUN, "%s: out of memory", name);
  for (size_t i = 0; i < model->config.layers && !status; i++) {
    struct layer *layer = &model->layers[i];
    switch (model->config.family) {
    case FAMILY_GPT_NEOX:
      status = load_gpt_neox_layer(&finder, &model->config, layer, i);
      break;
    case FAMILY_OLMO:
      status = load_olmo_layer(&finder, &model->config, layer, i);
      break;
    case FAMILY_OLMOE:
      status = load_olmoe_layer(&finder, &model->config, layer, i);
      break;
    }
  }
  if (!status)
    status = check_leftovers(&finder, &model->config);
  free(finder.used);
  if (status) {
    checkpoint_explain(checkpoint, error);
    model_free(model);
  }
  return status;
}

void model_free(struct model *model)
{
  for (size_t i = 0; model->layers && i < model->config.layers; i++)
    free(model->layers[i].experts);
  free(model->layers);
  *model = (struct model){0};
}

enum gemm_type model_weight_type(const struct tensor *tensor)
{
  return tensor->dtype == DTYPE_F32 ? GEMM_F32 : tensor->dtype == DTYPE_BF16 ? GEMM_BF16 : GEMM_F16;
}

int model_widen(const struct tensor *tensor, size_t first, size_t count, float *to,
                struct error *error)
{
  const char *from = (const char *)tensor->data + first * dtype_size(tensor->dtype);
  if (!widen_c(model_weight_type(tensor), from, count, to))
    return error_set(error, EXIT_INPUT,
                     "%s: tensor %s holds a NaN or an infinity in elements %zu to %zu; the "
                     "checkpoint is damaged",
                     tensor->file, tensor->name, first, first + count - 1);
  return 0;
}

uint64_t model_parameters(const struct model *model)
{
  uint64_t sum = 0;
  for (size_t i = 0; i < checkpoint_count(model->checkpoint); i++) {
    const struct tensor *tensor = checkpoint_at(model->checkpoint, i);
    if (!model_passes_over(&model->config, tensor->name))
      sum += tensor->elements;
  }
  return sum;
}

#include "model/inventory.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Walks over the tensors of a model: once to count them, and once to write them down. */
struct lister {
  const struct model_config *config;
  struct inventory *inventory;
  enum dtype dtype;
  bool buffers, counting, overflow;
  char prefix[80]; /* of the names: "model.layers.0." */
};

/* Adds the tensor PREFIX LEAF ENDING. */
static void add(struct lister *l, enum inventory_kind kind, const char *leaf, const char *ending,
                int rank, const size_t *shape)
{
  struct inventory *inventory = l->inventory;
  size_t at = inventory->count++;
  if (l->counting)
    return;
  struct tensor *tensor = &inventory->tensors[at];
  snprintf(inventory->names[at], INVENTORY_NAME, "%s%s%s", l->prefix, leaf, ending);
  *tensor = (struct tensor){.name = inventory->names[at],
                            .dtype = kind == INVENTORY_MASK ? DTYPE_U8 : l->dtype,
                            .rank = rank,
                            .elements = 1};
  for (int i = 0; i < rank; i++) {
    tensor->shape[i] = (int64_t)shape[i];
    l->overflow |= __builtin_mul_overflow(tensor->elements, shape[i], &tensor->elements);
  }
  l->overflow |=
      __builtin_mul_overflow(tensor->elements, dtype_size(tensor->dtype), &tensor->bytes);
  l->overflow |= __builtin_add_overflow(inventory->bytes, tensor->bytes, &inventory->bytes);
  if (kind < INVENTORY_MASK)
    inventory->parameters += tensor->elements; /* not more than `bytes` */
  inventory->kinds[at] = kind;
}

static void add_vector(struct lister *l, enum inventory_kind kind, const char *leaf,
                       const char *ending, size_t size)
{
  add(l, kind, leaf, ending, 1, &size);
}

static void add_linear(struct lister *l, enum inventory_kind kind, const char *leaf, size_t rows,
                       size_t columns, bool bias)
{
  add(l, kind, leaf, ".weight", 2, (size_t[]){rows, columns});
  if (bias)
    add_vector(l, INVENTORY_BIAS, leaf, ".bias", rows);
}

static void add_layer_norm(struct lister *l, const char *leaf)
{
  add_vector(l, INVENTORY_NORM, leaf, ".weight", l->config->hidden);
  add_vector(l, INVENTORY_BIAS, leaf, ".bias", l->config->hidden);
}

static void add_gpt_neox_layer(struct lister *l)
{
  const struct model_config *c = l->config;
  add_layer_norm(l, "input_layernorm");
  add_layer_norm(l, "post_attention_layernorm");
  if (l->buffers) {
    add(l, INVENTORY_MASK, "attention.bias", "", 4, (size_t[]){1, 1, c->context, c->context});
    add(l, INVENTORY_MASKED_BIAS, "attention.masked_bias", "", 0, NULL);
    add_vector(l, INVENTORY_FREQUENCIES, "attention.rotary_emb.inv_freq", "", c->rotary_dims / 2);
  }
  add_linear(l, INVENTORY_MATRIX, "attention.query_key_value", 3 * c->hidden, c->hidden,
             c->attention_bias);
  add_linear(l, INVENTORY_RESIDUAL, "attention.dense", c->hidden, c->hidden, c->attention_bias);
  add_linear(l, INVENTORY_MATRIX, "mlp.dense_h_to_4h", c->ffn, c->hidden, true);
  add_linear(l, INVENTORY_RESIDUAL, "mlp.dense_4h_to_h", c->hidden, c->ffn, true);
}

static void add_attention(struct lister *l)
{
  const struct model_config *c = l->config;
  size_t kv = c->kv_heads * c->head_dim;
  add_linear(l, INVENTORY_MATRIX, "self_attn.q_proj", c->hidden, c->hidden, c->attention_bias);
  add_linear(l, INVENTORY_MATRIX, "self_attn.k_proj", kv, c->hidden, c->attention_bias);
  add_linear(l, INVENTORY_MATRIX, "self_attn.v_proj", kv, c->hidden, c->attention_bias);
  add_linear(l, INVENTORY_RESIDUAL, "self_attn.o_proj", c->hidden, c->hidden, c->attention_bias);
}

/* Below PREFIX PATH: that of the MLP or of an expert. */
static void add_swiglu(struct lister *l, const char *path)
{
  const struct model_config *c = l->config;
  size_t length = strlen(l->prefix);
  snprintf(l->prefix + length, sizeof l->prefix - length, "%s.", path);
  add_linear(l, INVENTORY_MATRIX, "gate_proj", c->ffn, c->hidden, false);
  add_linear(l, INVENTORY_MATRIX, "up_proj", c->ffn, c->hidden, false);
  add_linear(l, INVENTORY_RESIDUAL, "down_proj", c->hidden, c->ffn, false);
  l->prefix[length] = 0;
}

static void add_olmoe_layer(struct lister *l)
{
  const struct model_config *c = l->config;
  add_attention(l);
  add_vector(l, INVENTORY_NORM, "self_attn.q_norm", ".weight", c->hidden);
  add_vector(l, INVENTORY_NORM, "self_attn.k_norm", ".weight", c->kv_heads * c->head_dim);
  add_linear(l, INVENTORY_MATRIX, "mlp.gate", c->experts, c->hidden, false);
  for (size_t e = 0; e < c->experts; e++) {
    char path[40];
    snprintf(path, sizeof path, "mlp.experts.%zu", e);
    add_swiglu(l, path);
  }
  add_vector(l, INVENTORY_NORM, "input_layernorm", ".weight", c->hidden);
  add_vector(l, INVENTORY_NORM, "post_attention_layernorm", ".weight", c->hidden);
}

static void add_layer(struct lister *l, size_t layer)
{
  bool neox = l->config->family == FAMILY_GPT_NEOX;
  snprintf(l->prefix, sizeof l->prefix, "%s.layers.%zu.", neox ? "gpt_neox" : "model", layer);
  switch (l->config->family) {
  case FAMILY_GPT_NEOX:
    add_gpt_neox_layer(l);
    break;
  case FAMILY_OLMO:
    add_attention(l);
    add_swiglu(l, "mlp");
    break;
  case FAMILY_OLMOE:
    add_olmoe_layer(l);
    break;
  }
}

static void add_all(struct lister *l)
{
  const struct model_config *c = l->config;
  bool neox = c->family == FAMILY_GPT_NEOX;
  l->inventory->count = 0;
  *l->prefix = 0;
  add_linear(l, INVENTORY_MATRIX, neox ? "gpt_neox.embed_in" : "model.embed_tokens", c->vocab,
             c->hidden, false);
  for (size_t i = 0; i < c->layers && l->inventory->count <= INVENTORY_MOST; i++)
    add_layer(l, i);
  *l->prefix = 0;
  if (neox)
    add_layer_norm(l, "gpt_neox.final_layer_norm");
  if (c->family == FAMILY_OLMOE)
    add_vector(l, INVENTORY_NORM, "model.norm", ".weight", c->hidden);
  if (!c->tied)
    add_linear(l, INVENTORY_MATRIX, neox ? "embed_out" : "lm_head", c->vocab, c->hidden, false);
}

static int allocate(const char *name, struct inventory *inventory, struct error *error)
{
  inventory->tensors = memory_alloc(inventory->count, sizeof *inventory->tensors, name, error);
  if (!inventory->tensors)
    return error->code;
  inventory->kinds = memory_alloc(inventory->count, sizeof *inventory->kinds, name, error);
  if (!inventory->kinds)
    return error->code;
  inventory->names = memory_alloc(inventory->count, sizeof *inventory->names, name, error);
  return inventory->names ? 0 : error->code;
}

int inventory_create(const char *name, const struct model_config *config, enum dtype dtype,
                     bool buffers, struct inventory *inventory, struct error *error)
{
  struct lister lister = {config, inventory, dtype, buffers, .counting = true};
  *inventory = (struct inventory){0};
  add_all(&lister);
  if (inventory->count > INVENTORY_MOST)
    return error_set(error, EXIT_INPUT, "%s: more than %d tensors; take fewer layers or experts",
                     name, INVENTORY_MOST);
  int status = allocate(name, inventory, error);
  if (!status) {
    lister.counting = false;
    add_all(&lister);
    if (lister.overflow)
      status = error_set(error, EXIT_INPUT, "%s: more bytes than fit 64 bits; take a smaller model",
                         name);
  }
  if (status)
    inventory_free(inventory);
  return status;
}

void inventory_free(struct inventory *inventory)
{
  free(inventory->tensors);
  free(inventory->kinds);
  free(inventory->names);
  *inventory = (struct inventory){0};
}

#include "pass/layer_weights.h"

#include "base/memory.h"
#include "checkpoint/tensor_pages.h"
#include "pass/attention.h"

#include <stdlib.h>

#define VECTORS 6

/* Room for one vector: a norm of the residual stream, or of all heads' queries. */
static size_t vector_floats(const struct model_config *c)
{
  size_t heads = attention_heads_floats(c);
  return heads > c->hidden ? heads : c->hidden;
}

static bool gated(const struct model_config *c)
{
  return c->gated_mlp;
}

int layer_weights_create(const struct model_config *c, struct layer_weights *w, struct error *error)
{
  *w = (struct layer_weights){0};
  if (!(w->segments = memory_alloc(3 * c->heads, sizeof *w->segments, "forward pass", error)) ||
      !(w->vectors =
            memory_alloc(VECTORS * vector_floats(c), sizeof *w->vectors, "forward pass", error)))
    return error->code;
  return 0;
}

void layer_weights_free(struct layer_weights *w)
{
  packed_free(&w->qkv);
  packed_free(&w->query);
  packed_free(&w->output);
  packed_free(&w->router);
  packed_free(&w->up);
  packed_free(&w->down);
  free(w->vectors);
  free(w->segments);
  *w = (struct layer_weights){0};
}

uint64_t layer_weights_bytes(const struct model_config *c)
{
  size_t heads = attention_heads_floats(c);
  return packed_bytes(attention_row_floats(c), c->hidden) + packed_bytes(heads, c->hidden) +
         packed_bytes(c->hidden, heads) + packed_bytes(c->experts, c->hidden) +
         packed_bytes(gated(c) ? 2 * c->ffn : c->ffn, c->hidden) + packed_bytes(c->hidden, c->ffn) +
         VECTORS * vector_floats(c) * sizeof(float);
}

/* To the vector of this number. */
static int widen(const struct tensor *tensor, float *vectors, size_t hidden, size_t number,
                 float **out, struct error *error)
{
  *out = tensor ? vectors + number * hidden : NULL;
  return tensor ? model_widen(tensor, 0, (size_t)tensor->elements, *out, error) : 0;
}

/* The norms of single heads, one after another. */
static int widen_heads(const struct tensor *const *tensors, size_t count, float *to, float **out,
                       struct error *error)
{
  *out = to;
  for (size_t head = 0; head < count; head++, to += tensors[0]->elements)
    if (model_widen(tensors[head], 0, (size_t)tensors[head]->elements, to, error))
      return error->code;
  return 0;
}

static int widen_norms(const struct model_config *c, const struct layer *layer,
                       struct layer_weights *w, struct error *error)
{
  size_t hidden = vector_floats(c);
  if (widen(layer->norm1, w->vectors, hidden, 0, &w->norm1.weight, error) ||
      widen(layer->norm1_bias, w->vectors, hidden, 1, &w->norm1.bias, error) ||
      widen(layer->norm2, w->vectors, hidden, 2, &w->norm2.weight, error) ||
      widen(layer->norm2_bias, w->vectors, hidden, 3, &w->norm2.bias, error) ||
      widen(layer->query_norm, w->vectors, hidden, 4, &w->query_norm, error) ||
      widen(layer->key_norm, w->vectors, hidden, 5, &w->key_norm, error))
    return error->code;
  if (!layer->norm2) /* the first one serves both, or none has weights */
    w->norm2 = w->norm1;
  if (c->qk_norm == QK_NORM_HEADS &&
      (widen_heads(layer->query_norms, c->heads, w->vectors + 4 * hidden, &w->query_norm, error) ||
       widen_heads(layer->key_norms, c->kv_heads, w->vectors + 5 * hidden, &w->key_norm, error)))
    return error->code;
  return 0;
}

int layer_weights_final_norm(const struct model *model, struct layer_weights *w,
                             struct error *error)
{
  size_t hidden = vector_floats(&model->config);
  if (widen(model->final_norm, w->vectors, hidden, 0, &w->norm1.weight, error) ||
      widen(model->final_norm_bias, w->vectors, hidden, 1, &w->norm1.bias, error))
    return error->code;
  return 0;
}

/* Rows of part 0 (queries), 1 (keys) or 2 (values) to `out`; returns how many segments. */
static size_t part_segments(const struct model_config *c, const struct layer *layer, int part,
                            struct segment *out)
{
  const struct linear *const linears[] = {&layer->query, &layer->key, &layer->value};
  size_t d = c->head_dim;
  if (c->qkv_layout == QKV_APART) {
    out[0] = (struct segment){linears[part], 0, (part ? c->kv_heads : c->heads) * d, false};
    return 1;
  }
  for (size_t head = 0; head < c->heads; head++) /* one matrix, grouped per head */
    out[head] = (struct segment){&layer->query, (3 * head + (size_t)part) * d, d, false};
  return c->heads;
}

size_t layer_weights_values(const struct model_config *c, const struct layer *layer,
                            struct segment *segments)
{
  size_t heads = attention_heads_floats(c), all = attention_row_floats(c);
  if (c->qkv_layout != QKV_BLOCKS)
    return part_segments(c, layer, 2, segments);
  size_t values = (all - heads) / 2;
  segments[0] = (struct segment){&layer->query, all - values, values, c->input_major};
  return 1;
}

static int pack(const struct packing *p, struct packed *packed, const struct segment *segments,
                size_t count, struct error *error)
{
  return packed_fill(packed, p->kernels, p->threads, segments, count, error);
}

/* All queries, keys and values side by side: rows of one matrix that follow each other. */
static int pack_blocks(const struct packing *p, const struct layer *layer,
                       const struct rows *queries, struct layer_weights *w, struct error *error)
{
  const struct model_config *c = &p->model->config;
  size_t heads = attention_heads_floats(c), all = attention_row_floats(c);
  const struct segment query = {&layer->query, 0, heads, c->input_major};
  const struct segment rest = {&layer->query, heads, all - heads, c->input_major};
  const struct segment whole = {&layer->query, 0, all, c->input_major};
  if (rows_any(queries) && !queries->last)
    return pack(p, &w->qkv, &whole, 1, error);
  if (rows_any(queries) && pack(p, &w->query, &query, 1, error))
    return error->code;
  return pack(p, &w->qkv, &rest, 1, error);
}

static int pack_attention(const struct packing *p, const struct layer *layer,
                          const struct rows *queries, struct layer_weights *w, struct error *error)
{
  const struct model_config *c = &p->model->config;
  struct segment *segments = w->segments;
  bool apart = !rows_any(queries) || queries->last;
  if (c->qkv_layout == QKV_BLOCKS)
    return pack_blocks(p, layer, queries, w, error);
  size_t count = part_segments(c, layer, 0, segments);
  if (rows_any(queries) && apart && pack(p, &w->query, segments, count, error))
    return error->code;
  count = apart ? 0 : count;
  count += part_segments(c, layer, 1, segments + count);
  count += part_segments(c, layer, 2, segments + count);
  return pack(p, &w->qkv, segments, count, error);
}

/* Of a layer with experts the router. */
static int pack_mlp(const struct packing *p, const struct layer *layer, struct layer_weights *w,
                    struct error *error)
{
  const struct model_config *c = &p->model->config;
  const struct segment router = {&layer->router, 0, c->experts, false},
                       down = {&layer->down, 0, c->hidden, c->input_major};
  const struct segment gate_up[] = {{&layer->gate, 0, c->ffn, c->input_major},
                                    {&layer->up, 0, c->ffn, c->input_major}};
  if (c->experts)
    layer_weights_fetch_expert(&layer->experts[0]);
  if (c->experts)
    return pack(p, &w->router, &router, 1, error);
  if (pack(p, &w->up, gated(c) ? gate_up : gate_up + 1, gated(c) ? 2 : 1, error))
    return error->code;
  return pack(p, &w->down, &down, 1, error);
}

int layer_weights_pack(const struct packing *p, size_t index, const struct need *need,
                       struct layer_weights *w, struct error *error)
{
  const struct layer *layer = &p->model->layers[index];
  const struct model_config *c = &p->model->config;
  const struct segment output = {&layer->output, 0, c->hidden, c->input_major};
  if (widen_norms(c, layer, w, error) ||
      pack_attention(p, layer, &need->step[STEP_QUERIES], w, error) ||
      (rows_any(&need->step[STEP_ATTENTION]) && pack(p, &w->output, &output, 1, error)) ||
      (rows_any(&need->step[STEP_MLP]) && pack_mlp(p, layer, w, error)))
    return error->code;
  return 0;
}

static void fetch(const struct linear *linear)
{
  tensor_read_ahead(linear->weight);
}

void layer_weights_fetch(const struct layer *layer, const struct need *need)
{
  if (rows_any(&need->step[STEP_KEYS])) {
    fetch(&layer->query); /* gpt_neox keeps keys and values there */
    fetch(&layer->key);
    fetch(&layer->value);
  }
  if (rows_any(&need->step[STEP_ATTENTION]))
    fetch(&layer->output);
  if (rows_any(&need->step[STEP_MLP])) {
    fetch(&layer->gate);
    fetch(&layer->up);
    fetch(&layer->down);
  }
}

void layer_weights_fetch_expert(const struct expert *expert)
{
  fetch(&expert->gate);
  fetch(&expert->up);
  fetch(&expert->down);
}

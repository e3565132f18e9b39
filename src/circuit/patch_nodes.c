/* What the nodes of a patched run compute. */
#include "circuit/patching.h"

static enum whose head_reads(const struct patching *p, size_t layer, size_t head, size_t value[3])
{
  static const enum graph_kind kinds[] = {GRAPH_QUERY, GRAPH_KEY, GRAPH_VALUE};
  enum whose all = OF_THIS;
  for (int i = 0; i < 3; i++) {
    value[i] = graph_reads(&p->runs->graph, kinds[i], layer, head);
    enum whose one = patch_reads(p, value[i]);
    all = !i || one == all ? one : OF_THIS;
  }
  return all;
}

/* --- a layer whose heads all read the same --- */

/* The value that queries, keys and values of all heads read, TAPE_NONE where they differ. */
static size_t read_alike(struct patching *p, size_t layer)
{
  size_t value = TAPE_NONE, reads[3];
  for (size_t h = 0; h < p->runs->graph.heads; h++) {
    if (!p->needed[graph_head(&p->runs->graph, layer, h)])
      return TAPE_NONE;
    (void)head_reads(p, layer, h, reads);
    for (int i = 0; i < 3; i++) {
      size_t one = patch_stream(p, reads[i]);
      if (value != TAPE_NONE && one != value)
        return TAPE_NONE;
      value = one;
    }
  }
  return value;
}

static void compute_alike(struct patching *p, size_t layer, size_t value)
{
  const struct model_config *c = runs_config(p->runs);
  (void)recorder_attention(&p->recorder, layer, value);
  const struct tape_layer *l = &p->recorder.pass->layers[layer];
  p->layers[layer].attention[OF_THIS] = l->attention;
  for (size_t h = 0; h < c->heads; h++) {
    p->head_whose[layer * c->heads + h] = OF_THIS;
    p->head_value[layer * c->heads + h] =
        tape_view(p->tape, l->heads, h * c->head_dim, c->head_dim);
  }
}

/* --- one head --- */

/* Rows [first, first + count) of the projection, which are of one weight. */
static struct tape_part rows_of(const struct patching *p, size_t count_of_parts, size_t first,
                                size_t count)
{
  const struct tape_part *part = p->recorder.parts;
  for (size_t i = 0; i + 1 < count_of_parts && first >= part->count; i++)
    first -= part++->count;
  return (struct tape_part){part->weight, part->bias, part->first + first, count};
}

/* Of a query (kind 0), key or value head: first row, and rows, of the projection. */
static size_t head_rows(const struct model_config *c, int kind, size_t head)
{
  size_t shared = kind ? head / (c->heads / c->kv_heads) : head;
  return ((kind > 0 ? c->heads : 0) + (kind > 1 ? c->kv_heads : 0) + shared) * c->head_dim;
}

/* The norm over all heads: all of them, of which this one's columns are taken. */
static size_t normed_together(struct patching *p, size_t layer, int kind, size_t head, size_t x,
                              size_t parts)
{
  const struct model_config *c = runs_config(p->runs);
  const struct layer *l = &p->recorder.model->layers[layer];
  size_t heads = kind ? c->kv_heads : c->heads, shared = kind ? head / (c->heads / heads) : head;
  const struct tape_part all = rows_of(p, parts, head_rows(c, kind, 0), heads * c->head_dim);
  size_t y = recorder_norm_heads(&p->recorder, tape_linear(p->tape, x, &all, 1),
                                 kind ? l->key_norm : l->query_norm, NULL, heads, heads);
  return tape_view(p->tape, y, shared * c->head_dim, c->head_dim);
}

/* A query, key or value head of a normed x, as attention reads it. */
static size_t project(struct patching *p, size_t layer, int kind, size_t head, size_t x)
{
  const struct model_config *c = runs_config(p->runs);
  const struct layer *l = &p->recorder.model->layers[layer];
  size_t parts = recorder_projection(&p->recorder, l), y;
  const struct tape_part part = rows_of(p, parts, head_rows(c, kind, head), c->head_dim);
  const struct tensor **gains = kind ? l->key_norms : l->query_norms;
  size_t shared = kind ? head / (c->heads / c->kv_heads) : head;
  if (kind < 2 && c->qk_norm == QK_NORM_FULL)
    y = normed_together(p, layer, kind, head, x, parts);
  else
    y = tape_linear(p->tape, x, &part, 1);
  if (kind < 2 && (c->qk_norm == QK_NORM_SHARED || c->qk_norm == QK_NORM_HEADS))
    y = recorder_norm_heads(&p->recorder, y, kind ? l->key_norm : l->query_norm,
                            gains ? (const struct tensor *const *)gains + shared : NULL, 1, 1);
  if (c->clip_qkv > 0)
    y = tape_clip(p->tape, y, c->clip_qkv);
  return kind < 2 ? recorder_rotate(&p->recorder, y, 1) : y;
}

static size_t compute_head(struct patching *p, size_t layer, size_t head, const size_t reads[3])
{
  const struct model_config *c = runs_config(p->runs);
  const struct layer *l = &p->recorder.model->layers[layer];
  const struct tape_heads heads = {p->count, p->batch->seq_len, 1,
                                   1,        c->head_dim,       recorder_scale(c, layer)};
  size_t parts[3];
  for (int kind = 0; kind < 3; kind++) {
    size_t x = recorder_enter(&p->recorder, "norm before attention", layer,
                              patch_stream(p, reads[kind]), l->norm1, l->norm1_bias);
    parts[kind] = project(p, layer, kind, head, x);
  }
  size_t scores = tape_scores(p->tape, parts[0], parts[1], &heads);
  size_t pattern =
      tape_causal_softmax(p->tape, scores, heads.seq_len, model_config_window(c, layer));
  return tape_mix(p->tape, pattern, parts[2], &heads);
}

void patch_heads(struct patching *p, size_t layer)
{
  size_t heads = p->runs->graph.heads, reads[3], computed = 0;
  for (size_t h = 0; h < heads; h++) {
    enum whose whose = OF_CORRUPTED; /* nobody reads it otherwise */
    if (p->needed[graph_head(&p->runs->graph, layer, h)])
      whose = head_reads(p, layer, h, reads);
    p->head_whose[layer * heads + h] = whose;
    computed += whose == OF_THIS;
  }
  size_t value = computed == heads ? read_alike(p, layer) : TAPE_NONE;
  if (value != TAPE_NONE)
    compute_alike(p, layer, value);
  for (size_t h = 0; h < heads && value == TAPE_NONE && !p->failed; h++)
    if (p->head_whose[layer * heads + h] == OF_THIS) {
      (void)head_reads(p, layer, h, reads);
      p->head_value[layer * heads + h] = compute_head(p, layer, h, reads);
    }
}

void patch_mlp(struct patching *p, size_t layer)
{
  const struct layer *l = &p->recorder.model->layers[layer];
  struct patch_layer *patched = &p->layers[layer];
  size_t destination = graph_reads(&p->runs->graph, GRAPH_MLP, layer, 0);
  bool own = l->norm2 || !runs_config(p->runs)->parallel_residual;
  patched->mlp_whose = OF_CORRUPTED;
  if (p->needed[graph_mlp(&p->runs->graph, layer)])
    patched->mlp_whose = patch_reads(p, destination);
  if (patched->mlp_whose != OF_THIS)
    return;
  size_t x =
      recorder_enter(&p->recorder, "norm before the MLP", layer, patch_stream(p, destination),
                     own ? l->norm2 : l->norm1, own ? l->norm2_bias : l->norm1_bias);
  patched->mlp[OF_THIS] = recorder_mlp(&p->recorder, l, layer, x);
}

/* Recording: the attention of a layer. */
#include "tape/recorder.h"

#include <math.h>

size_t recorder_projection(const struct recorder *r, const struct layer *layer)
{
  const struct linear *const linears[] = {&layer->query, &layer->key, &layer->value};
  const struct model_config *c = r->config;
  size_t count = 0;
  if (c->qkv_layout == QKV_APART) {
    for (; count < 3; count++)
      r->parts[count] = recorder_of_layer(r, linears[count]);
    return count;
  }
  const struct tape_part all = recorder_of_layer(r, &layer->query);
  for (size_t part = 0; part < 3 && c->qkv_layout == QKV_PER_HEAD; part++)
    for (size_t head = 0; head < c->heads; head++)
      r->parts[count++] =
          (struct tape_part){all.weight, all.bias, (3 * head + part) * c->head_dim, c->head_dim};
  if (!count)
    r->parts[count++] = all;
  return count;
}

size_t recorder_rotate(const struct recorder *r, size_t x, size_t heads)
{
  const struct rope *rope = &r->pass->rope;
  if (!rope->half) /* learned positions */
    return x;
  return tape_rope(r->tape, x,
                   &(struct tape_rotation){.seq_len = r->input->seq_len,
                                           .head_dim = r->config->head_dim,
                                           .half = rope->half,
                                           .heads = heads,
                                           .cosine = rope->cosine,
                                           .sine = rope->sine});
}

/* Another leaf of the same vector, for a norm that takes it once more. */
static size_t once_more(const struct recorder *r, const struct tensor *tensor)
{
  const struct parameter *one = parameters_of(r->input->parameters, tensor);
  return tape_leaf(r->tape, one->rows, one->columns, one->values, NULL);
}

size_t recorder_norm_heads(const struct recorder *r, size_t x, const struct tensor *gain,
                           const struct tensor *const *gains, size_t heads, size_t own)
{
  const struct model_config *c = r->config;
  size_t shared = recorder_leaf(r, gain);
  if (c->qk_norm == QK_NORM_FULL)
    return tape_rms_norm(r->tape, x, shared, c->norm_eps);
  if (c->qk_norm == QK_NORM_SHARED)
    return tape_head_norm(r->tape, x, heads, &shared, 1, true, c->norm_eps);
  for (size_t head = 0; head < heads; head++)
    r->gains[head] = head % (heads / own) ? once_more(r, gains[head / (heads / own)])
                                          : recorder_leaf(r, gains[head / (heads / own)]);
  return tape_head_norm(r->tape, x, heads, r->gains, heads, false, c->norm_eps);
}

/* --- queries, keys and values --- */

/* Views of the three, side by side in qkv. */
static void split(const struct recorder *r, size_t qkv, size_t kv_heads, size_t parts[3])
{
  size_t queries = r->config->heads * r->config->head_dim, keys = kv_heads * r->config->head_dim;
  parts[0] = tape_view(r->tape, qkv, 0, queries);
  parts[1] = tape_view(r->tape, qkv, queries, keys);
  parts[2] = tape_view(r->tape, qkv, queries + keys, keys);
}

static void norm_parts(const struct recorder *r, const struct layer *layer, size_t kv_heads,
                       size_t parts[3])
{
  const struct tensor *const *queries = (const struct tensor *const *)layer->query_norms;
  const struct tensor *const *keys = (const struct tensor *const *)layer->key_norms;
  parts[0] = recorder_norm_heads(r, parts[0], layer->query_norm, queries, r->config->heads,
                                 r->config->heads);
  parts[1] = recorder_norm_heads(r, parts[1], layer->key_norm, keys, kv_heads, r->config->kv_heads);
}

/* Norm and clipping of queries and keys apart, then rotation. */
static void normed_apart(const struct recorder *r, const struct layer *layer, size_t kv_heads,
                         size_t parts[3])
{
  const struct model_config *c = r->config;
  norm_parts(r, layer, kv_heads, parts);
  for (int i = 0; i < 3 && c->clip_qkv > 0; i++)
    parts[i] = tape_clip(r->tape, parts[i], c->clip_qkv);
  parts[0] = recorder_rotate(r, parts[0], c->heads);
  parts[1] = recorder_rotate(r, parts[1], kv_heads);
}

/* Every head's by itself on the way back, as many keys and values as queries; behind the norm over
 * all heads, where there is one. */
static size_t read_apart(const struct recorder *r, size_t index, size_t x, size_t qkv, size_t count)
{
  const struct model_config *c = r->config;
  const struct layer *layer = &r->model->layers[index];
  struct tape_apart apart = {.before = {TAPE_NONE, TAPE_NONE},
                             .before_gain = {TAPE_NONE, TAPE_NONE},
                             .gain = recorder_leaf(r, layer->norm1),
                             .norm = !c->branch_norms,
                             .rms = c->norm_kind == NORM_RMS,
                             .eps = c->norm_eps,
                             .parts = r->parts,
                             .count = count,
                             .heads = c->heads,
                             .kv_heads = c->kv_heads,
                             .head_dim = c->head_dim};
  split(r, qkv, c->kv_heads, apart.computed);
  if (c->qk_norm == QK_NORM_FULL) {
    apart.before[0] = apart.computed[0];
    apart.before[1] = apart.computed[1];
    apart.before_gain[0] = recorder_leaf(r, layer->query_norm);
    apart.before_gain[1] = recorder_leaf(r, layer->key_norm);
    norm_parts(r, layer, c->kv_heads, apart.computed);
  }
  const struct tape_collect collect = recorder_collect(r, index * (3 * c->heads + 1));
  return tape_read_apart(r->tape, x, &apart, &collect);
}

/* Norm, clipping and rotation as pass/layer.c has them. Returns x normed. */
static size_t queries_keys_values(const struct recorder *r, size_t index, size_t x)
{
  const struct model_config *c = r->config;
  const struct layer *layer = &r->model->layers[index];
  struct tape_layer *l = &r->pass->layers[index];
  bool apart = r->input->sums, together = c->qk_norm == QK_NORM_NONE;
  size_t from = apart ? tape_constant(r->tape, x) : x, kv_heads = apart ? c->heads : c->kv_heads;
  size_t normed =
      recorder_enter(r, "norm before attention", index, from, layer->norm1, layer->norm1_bias);
  size_t count = recorder_projection(r, layer), parts[3];
  size_t qkv = recorder_named(r, "queries, keys and values", index,
                              tape_linear(r->tape, normed, r->parts, count));
  if (apart) {
    qkv = read_apart(r, index, x, qkv, count);
    together |= c->qk_norm == QK_NORM_FULL;
  }
  if (together && c->clip_qkv > 0)
    qkv = tape_clip(r->tape, qkv, c->clip_qkv);
  if (together)
    qkv = recorder_rotate(r, qkv, c->heads + kv_heads);
  split(r, qkv, kv_heads, parts);
  if (!together)
    normed_apart(r, layer, kv_heads, parts);
  l->query = recorder_site(r, SITE_QUERY, index, parts[0]);
  l->key = recorder_site(r, SITE_KEY, index, parts[1]);
  l->value = recorder_site(r, SITE_VALUE, index, parts[2]);
  return normed;
}

/* --- the layer's attention --- */

float recorder_scale(const struct model_config *c, size_t layer)
{
  double divisor = sqrt((double)c->head_dim);
  return (float)(1.0 / (c->scale_by_layer ? divisor * (double)(layer + 1) : divisor));
}

size_t recorder_attention(const struct recorder *r, size_t index, size_t x)
{
  const struct model_config *c = r->config;
  const struct layer *layer = &r->model->layers[index];
  struct tape_layer *l = &r->pass->layers[index];
  size_t normed = queries_keys_values(r, index, x);
  const struct tape_heads heads = {r->input->sequences,
                                   r->input->seq_len,
                                   c->heads,
                                   r->input->sums ? c->heads : c->kv_heads,
                                   c->head_dim,
                                   recorder_scale(c, index)};
  const struct tape_part output = recorder_of_layer(r, &layer->output);
  l->scores = recorder_site(r, SITE_SCORES, index, tape_scores(r->tape, l->query, l->key, &heads));
  size_t pattern =
      tape_causal_softmax(r->tape, l->scores, heads.seq_len, model_config_window(c, index));
  l->pattern = recorder_site(r, SITE_PATTERN, index, pattern);
  l->heads =
      recorder_site(r, SITE_HEAD_OUTPUT, index, tape_mix(r->tape, l->pattern, l->value, &heads));
  size_t attention = tape_linear(r->tape, l->heads, &output, 1);
  l->attention = recorder_site(r, SITE_ATTENTION_OUTPUT, index,
                               recorder_norm_branch(r, attention, layer->norm1, layer->norm1_bias));
  return normed;
}

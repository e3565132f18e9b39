/* One layer as a list of steps: layer_batch, at the end. */
#include "pass/engine.h"

#include <string.h>

/* The residual stream at a token of the chunk. */
static float *residual_at(const struct engine *e, size_t token)
{
  return e->act.residual + token * e->config->hidden;
}

/* --- queries, keys and values --- */

/* Whether the query of this token of the chunk is computed. */
static bool with_query(const struct engine *e, const struct rows *queries, size_t token)
{
  size_t sequence = token / e->seq_len;
  return sequence >= queries->first && sequence < queries->end &&
         (!queries->last || token % e->seq_len + 1 == e->seq_len);
}

/* Norms that each head has for itself. [heads][head_dim] */
static void norm_heads(const struct engine *e, float *x, const float *weight, size_t heads)
{
  const struct model_config *c = e->config;
  for (size_t head = 0; head < heads; head++) {
    float *part = x + head * c->head_dim;
    if (c->qk_norm == QK_NORM_SHARED)
      e->kernels->rms_norm(part, weight, part, c->head_dim, c->norm_eps);
    else
      e->kernels->layer_norm(part, weight + head * c->head_dim, NULL, part, c->head_dim,
                             c->norm_eps);
  }
}

/* The norm of a row's queries or keys. [heads][head_dim] */
static void norm_part(const struct engine *e, float *x, const float *weight, size_t heads)
{
  if (e->config->qk_norm == QK_NORM_FULL)
    e->kernels->rms_norm(x, weight, x, heads * e->config->head_dim, e->config->norm_eps);
  else
    norm_heads(e, x, weight, heads);
}

/* Query and key norm and clipping: what does not depend on the position. */
static void normalize(struct engine *e, float *qkv, bool query, size_t token)
{
  const struct model_config *c = e->config;
  const struct layer_weights *w = &e->weights;
  size_t queries = attention_heads_floats(c);
  size_t from = query ? 0 : queries, width = attention_row_floats(c);
  if (w->query_norm && query)
    norm_part(e, qkv, w->query_norm, c->heads);
  if (w->key_norm)
    norm_part(e, qkv + queries, w->key_norm, c->kv_heads);
  if (c->clip_qkv > 0)
    e->kernels->clip(qkv + from, width - from, c->clip_qkv);
  if (!e->kernels->all_finite(qkv + from, width - from))
    engine_mark_damaged(e, token);
}

static void normalize_row(struct engine *e, const void *context, size_t row)
{
  const struct span *span = context;
  float *qkv = e->act.qkv + row * attention_row_floats(e->config);
  normalize(e, qkv, true, span->first + row);
}

void layer_project(struct engine *e, const struct span *span)
{
  engine_enter_rows(e, &e->weights.norm1, span);
  engine_product(e, &e->weights.qkv, e->act.normed, e->config->hidden, span->count, e->act.qkv,
                 attention_row_floats(e->config));
  engine_rows(e, span->count, normalize_row, span);
}

static void project(struct engine *e, const struct batch_rows *b)
{
  size_t hidden = e->config->hidden, width = attention_row_floats(e->config);
  const struct rows *queries = &b->step[STEP_QUERIES];
  const struct span tokens = span_of(e, &b->step[STEP_KEYS]);
  float *normed = e->act.normed, *qkv = e->act.qkv;
  engine_enter_rows(e, &e->weights.norm1, &tokens);
  if (rows_any(queries) && !queries->last) {
    engine_product(e, &e->weights.qkv, normed, hidden, tokens.count, qkv, width);
    return;
  }
  engine_product(e, &e->weights.qkv, normed, hidden, tokens.count,
                 qkv + attention_heads_floats(e->config), width);
  if (!rows_any(queries))
    return;
  size_t at = rows_token(queries, 0, e->seq_len) - tokens.first;
  engine_product(e, &e->weights.query, normed + at * hidden, e->seq_len * hidden,
                 queries->end - queries->first, qkv + at * width, e->seq_len * width);
}

static void rotate(const struct engine *e, float *part, size_t heads, size_t position)
{
  size_t half = e->rope.half; /* 0 with learned positions */
  for (size_t head = 0; head < heads && half; head++)
    e->kernels->rope(part + head * e->config->head_dim, e->rope.cosine + position * half,
                     e->rope.sine + position * half, half);
}

/* Looks the token up, or normalizes it, and rotates it to its position. */
static void place_row(struct engine *e, const void *context, size_t row)
{
  const struct batch_rows *b = context;
  const struct model_config *c = e->config;
  size_t width = attention_row_floats(c), token = b->first * e->seq_len + row;
  size_t position = token % e->seq_len;
  float *qkv = e->act.qkv + row * width;
  bool query = with_query(e, &b->step[STEP_QUERIES], token);
  if (e->chunk.token_tables) {
    size_t slot = distinct_slot(&e->chunk.distinct, token);
    memcpy(qkv, e->chunk.distinct.qkv + slot * width, width * sizeof *qkv);
  } else {
    normalize(e, qkv, query, token);
  }
  if (query)
    rotate(e, qkv, c->heads, position);
  rotate(e, qkv + c->heads * c->head_dim, c->kv_heads, position);
}

/* Row of the batch's token buffers at which these rows start. */
static size_t row_of(const struct engine *e, const struct batch_rows *b, const struct rows *rows)
{
  return rows_token(rows, 0, e->seq_len) - b->first * e->seq_len;
}

static void show_part(struct engine *e, const struct batch_rows *b, struct site site,
                      const struct rows *rows)
{
  size_t width = attention_row_floats(e->config);
  size_t group = site.kind == SITE_QUERY ? 1 : e->config->heads / e->config->kv_heads;
  struct head_offsets offset = attention_offsets(e->config, site.head * group);
  size_t column = site.kind == SITE_QUERY ? offset.query
                  : site.kind == SITE_KEY ? offset.key
                                          : offset.value;
  size_t row = row_of(e, b, rows);
  engine_show(e, &(struct shown_rows){.site = site,
                                      .rows = rows,
                                      .data = e->act.qkv + row * width + column,
                                      .step = e->seq_len * width,
                                      .stride = width,
                                      .count = e->config->head_dim});
}

static void show_qkv(struct engine *e, const struct batch_rows *b)
{
  const struct hook_set *hooks = &e->chunk.hooks;
  bool keys = hook_set_has(hooks, SITE_KEY) || hook_set_has(hooks, SITE_VALUE);
  for (size_t head = 0; keys && head < e->config->kv_heads; head++) {
    show_part(e, b, (struct site){SITE_KEY, b->layer, head}, &b->step[STEP_KEYS]);
    show_part(e, b, (struct site){SITE_VALUE, b->layer, head}, &b->step[STEP_KEYS]);
  }
  for (size_t head = 0; hook_set_has(hooks, SITE_QUERY) && head < e->config->heads; head++)
    show_part(e, b, (struct site){SITE_QUERY, b->layer, head}, &b->step[STEP_QUERIES]);
}

/* --- attention --- */

static void check_heads_row(struct engine *e, const void *context, size_t row)
{
  const struct batch_rows *b = context;
  size_t token = rows_token(&b->step[STEP_HEADS], row, e->seq_len);
  size_t width = attention_heads_floats(e->config);
  const float *heads = e->act.heads + (token - b->first * e->seq_len) * width;
  if (!e->kernels->all_finite(heads, width))
    engine_mark_damaged(e, token);
}

static void attend(struct engine *e, const struct batch_rows *b)
{
  const struct rows *rows = &b->step[STEP_HEADS];
  size_t row = (rows->first - b->first) * e->seq_len, sequences = rows->end - rows->first;
  attention_run(&(struct attention){.config = e->config,
                                    .kernels = e->kernels,
                                    .seq_len = e->seq_len,
                                    .sequences = sequences,
                                    .first_query = rows->last ? e->seq_len - 1 : 0,
                                    .qkv = e->act.qkv + row * attention_row_floats(e->config),
                                    .out = e->act.heads + row * attention_heads_floats(e->config),
                                    .scratch = e->act.scratch,
                                    .hooks = &e->chunk.hooks,
                                    .layer = b->layer,
                                    .first_sequence = rows->first},
                e->threads);
  e->operations += attention_operations(e->config, e->seq_len, sequences, rows->last);
  engine_rows(e, rows_count(rows, e->seq_len), check_heads_row, b);
}

/* The norm behind attention or MLP, where a family has it there. [rows][hidden], in place */
static void norm_branch(struct engine *e, const struct norm *norm, float *branch, size_t rows)
{
  if (e->config->branch_norms)
    engine_norm_buffer(e, norm, branch, rows);
}

static void project_heads(struct engine *e, const struct batch_rows *b)
{
  const struct rows *rows = &b->step[STEP_ATTENTION];
  size_t width = attention_heads_floats(e->config), count = rows_count(rows, e->seq_len);
  engine_product(e, &e->weights.output, e->act.heads + row_of(e, b, rows) * width,
                 (rows->last ? e->seq_len : 1) * width, count, e->act.attention, e->config->hidden);
  norm_branch(e, &e->weights.norm1, e->act.attention, count);
}

/* --- MLP and residual stream --- */

/* The attention's output for a token. */
static const float *attention_at(const struct engine *e, const struct batch_rows *b, size_t token)
{
  size_t row = rows_index(&b->step[STEP_ATTENTION], token, e->seq_len);
  return e->act.attention + row * e->config->hidden;
}

static void add_attention_row(struct engine *e, const void *context, size_t row)
{
  const struct batch_rows *b = context;
  size_t token = rows_token(&b->step[STEP_MLP], row, e->seq_len), hidden = e->config->hidden;
  float *residual = residual_at(e, token);
  e->kernels->add(attention_at(e, b, token), residual, hidden);
  if (!e->kernels->all_finite(residual, hidden))
    engine_mark_damaged(e, token);
}

static void activate_row(struct engine *e, const void *unused, size_t row)
{
  size_t ffn = e->config->ffn;
  float *x = e->act.ffn + row * e->weights.up.n;
  (void)unused;
  if (e->config->gated_mlp)
    e->kernels->silu_mul(x, x + ffn, x, ffn);
  else if (e->config->activation == ACTIVATION_GELU)
    e->kernels->gelu(x, ffn);
  else
    e->kernels->gelu_tanh(x, ffn);
}

void layer_mlp(struct engine *e, const struct span *span)
{
  const struct layer_weights *w = &e->weights;
  struct activations *a = &e->act;
  size_t hidden = e->config->hidden, rows = span->count;
  engine_enter_rows(e, &w->norm2, span);                               /* [rows][hidden] */
  engine_product(e, &w->up, a->normed, hidden, rows, a->ffn, w->up.n); /* [rows][up.n] */
  engine_rows(e, rows, activate_row, NULL);                            /* [rows][ffn] */
  engine_product(e, &w->down, a->ffn, w->up.n, rows, a->mlp, hidden);  /* [rows][hidden] */
  norm_branch(e, &w->norm2, a->mlp, rows);
}

static void look_up_mlp_row(struct engine *e, const void *context, size_t row)
{
  const struct batch_rows *b = context;
  size_t token = rows_token(&b->step[STEP_MLP], row, e->seq_len), hidden = e->config->hidden;
  size_t slot = distinct_slot(&e->chunk.distinct, token);
  memcpy(e->act.mlp + row * hidden, e->chunk.distinct.mlp + slot * hidden,
         hidden * sizeof *e->act.mlp);
}

static void compute_mlp(struct engine *e, const struct batch_rows *b)
{
  const struct span span = span_of(e, &b->step[STEP_MLP]);
  if (e->chunk.token_tables && e->chunk.distinct.mlp)
    engine_rows(e, span.count, look_up_mlp_row, b);
  else
    layer_mlp(e, &span);
}

static void add_mlp_row(struct engine *e, const void *context, size_t row)
{
  const struct batch_rows *b = context;
  size_t token = rows_token(&b->step[STEP_MLP], row, e->seq_len), hidden = e->config->hidden;
  const float *mlp = e->act.mlp + row * hidden;
  float *residual = residual_at(e, token);
  if (e->config->parallel_residual)
    e->kernels->add3(mlp, attention_at(e, b, token), residual, hidden);
  else
    e->kernels->add(mlp, residual, hidden);
  if (!e->kernels->all_finite(residual, hidden))
    engine_mark_damaged(e, token);
}

/* --- the layer --- */

/* R: rows of a step, of which there may be none. The residual stream is [tokens of the chunk][H].
 */
static int layer_batch(struct engine *e, const struct batch_rows *b, struct error *error)
{
  const struct rows *attention = &b->step[STEP_ATTENTION], *mlp = &b->step[STEP_MLP];
  bool parallel = e->config->parallel_residual;
  if (!e->chunk.token_tables)
    project(e, b); /* residual -> normed [R][H] -> qkv [R][Q + K + V] */
  engine_rows(e, b->sequences * e->seq_len, place_row, b); /* qkv: norms, clip, rotation */
  if (engine_check(e, b->layer, "query, key or value", error))
    return error->code;
  show_qkv(e, b);
  if (rows_any(&b->step[STEP_HEADS]))
    attend(e, b); /* qkv -> heads [R][heads][head_dim] */
  if (engine_check(e, b->layer, "attention output", error))
    return error->code;
  if (rows_any(attention))
    project_heads(e, b); /* heads -> attention [R][H] */
  engine_show_buffer(e, SITE_ATTENTION_OUTPUT, b->layer, attention, e->act.attention);
  if (!rows_any(mlp))
    return 0;
  if (!parallel)
    engine_rows(e, rows_count(mlp, e->seq_len), add_attention_row, b); /* to the residual stream */
  if (engine_check(e, b->layer, "residual stream after attention", error))
    return error->code;
  if (e->config->experts)
    return experts_route(e, b,
                         error); /* residual -> routed, routing [R][top_k]; then experts_run */
  compute_mlp(e, b);             /* residual -> normed -> ffn [R][F] -> mlp [R][H] */
  engine_show_buffer(e, SITE_MLP_OUTPUT, b->layer, mlp, e->act.mlp);
  engine_rows(e, rows_count(mlp, e->seq_len), add_mlp_row, b); /* to the residual stream */
  if (engine_check(e, b->layer, "residual stream", error))
    return error->code;
  engine_show_residual(e, SITE_RESIDUAL, b->layer, mlp);
  return 0;
}

int layer_run(struct engine *e, size_t layer, struct error *error)
{
  const struct need *need = &e->chunk.need;
  const struct rows *keys = &need->step[STEP_KEYS];
  bool experts = e->config->experts && rows_any(&need->step[STEP_MLP]);
  for (size_t first = keys->first; first < keys->end; first += e->plan.batch) {
    size_t left = keys->end - first;
    struct batch_rows b = {layer, first, left < e->plan.batch ? left : e->plan.batch, {{0}}};
    for (int step = 0; step < STEPS; step++)
      b.step[step] = rows_within(&need->step[step], first, first + b.sequences);
    if (layer_batch(e, &b, error))
      return error->code;
    engine_advance(e, (double)b.sequences * (experts ? 1.0 - EXPERTS_SHARE : 1.0));
  }
  return experts ? experts_run(e, layer, error) : 0;
}

#include "pass/engine.h"

#include "checkpoint/pages.h"

#include <string.h>

/* Rows a task: long enough to pay for handing it out. */
#define TASK_ROWS 16

struct row_job {
  struct engine *engine;
  engine_row *row;
  void *context;
  size_t rows;
};

static void row_task(void *context, size_t index, int worker)
{
  const struct row_job *job = context;
  size_t end = (index + 1) * TASK_ROWS < job->rows ? (index + 1) * TASK_ROWS : job->rows;
  (void)worker;
  for (size_t row = index * TASK_ROWS; row < end; row++)
    job->row(job->engine, job->context, row);
}

void engine_rows(struct engine *engine, size_t rows, engine_row *row, void *context)
{
  struct row_job job = {engine, row, context, rows};
  threads_run(engine->threads, (rows + TASK_ROWS - 1) / TASK_ROWS, row_task, &job);
}

void engine_norm(const struct engine *e, bool second, const float *x, float *y)
{
  const struct layer_vectors *v = &e->layer;
  const float *weight = second ? v->norm2 : v->norm1;
  const float *bias = second ? v->norm2_bias : v->norm1_bias;
  if (e->config->family == FAMILY_OLMOE)
    e->kernels->rms_norm(x, weight, y, e->config->hidden, e->config->norm_eps);
  else
    e->kernels->layer_norm(x, weight, bias, y, e->config->hidden, e->config->norm_eps);
}

/* Packs the rows as operand A. */
static struct gemm prepare_product(struct engine *e, const float *x, size_t stride, size_t rows,
                                   size_t k, float *c, size_t ldc)
{
  gemm_pack_rows_threaded(e->kernels, e->threads, x, stride, rows, k, e->kernels->mr, e->operand);
  return (struct gemm){.kernels = e->kernels, .m = rows, .a = e->operand, .c = c, .ldc = ldc};
}

void engine_product(struct engine *e, const struct packed *w, const float *x, size_t stride,
                    size_t rows, float *c, size_t ldc)
{
  struct gemm product = prepare_product(e, x, stride, rows, w->k, c, ldc);
  packed_product(w, &product, e->threads);
}

int engine_product_once(struct engine *e, const struct segment *segments, size_t count,
                        const float *x, size_t stride, size_t rows, float *c, size_t ldc,
                        struct error *error)
{
  size_t k = (size_t)segments[0].linear->weight->shape[1];
  struct gemm product = prepare_product(e, x, stride, rows, k, c, ldc);
  return packed_product_once(&e->up, &product, e->threads, segments, count, error);
}

void engine_mark_damaged(struct engine *engine, size_t row)
{
  size_t seen = atomic_load(&engine->damaged);
  while (row < seen && !atomic_compare_exchange_weak(&engine->damaged, &seen, row))
    ;
}

int engine_check(struct engine *engine, size_t layer, const char *what, size_t first_row,
                 struct error *error)
{
  size_t row = atomic_load(&engine->damaged);
  if (row == SIZE_MAX)
    return 0;
  row += first_row;
  return error_set(error, EXIT_INPUT,
                   "%s: layer %zu: %s of sequence %zu, position %zu is not finite; the checkpoint "
                   "is damaged or leaves the range of fp32",
                   checkpoint_path(engine->model->checkpoint), layer, what,
                   engine->first + row / engine->seq_len, row % engine->seq_len);
}

void engine_advance(struct engine *e, double amount)
{
  e->worked += amount;
  if (e->options->progress)
    e->options->progress(e->options->context, e->worked / e->work);
}

static int widen_vector(struct engine *e, size_t slot, const struct tensor *tensor, float **out,
                        struct error *error)
{
  *out = NULL;
  if (!tensor)
    return 0;
  float *to = e->vectors + slot * e->config->hidden;
  if (model_widen(tensor, 0, (size_t)tensor->elements, to, error))
    return error->code;
  *out = to;
  return 0;
}

static int widen_vectors(struct engine *e, const struct layer *layer, struct error *error)
{
  struct layer_vectors *v = &e->layer;
  if (widen_vector(e, 0, layer->norm1, &v->norm1, error) ||
      widen_vector(e, 1, layer->norm1_bias, &v->norm1_bias, error) ||
      widen_vector(e, 2, layer->norm2, &v->norm2, error) ||
      widen_vector(e, 3, layer->norm2_bias, &v->norm2_bias, error) ||
      widen_vector(e, 4, layer->query_norm, &v->query_norm, error) ||
      widen_vector(e, 5, layer->key_norm, &v->key_norm, error))
    return error->code;
  return 0;
}

/* Rows of part 0 (queries), 1 (keys) or 2 (values) to `out`; returns how many segments. */
static size_t part_segments(const struct model_config *c, const struct layer *layer, int part,
                            struct segment *out)
{
  const struct linear *const linears[] = {&layer->query, &layer->key, &layer->value};
  size_t d = c->head_dim;
  if (c->family != FAMILY_GPT_NEOX) {
    out[0] = (struct segment){linears[part], 0, (part ? c->kv_heads : c->heads) * d};
    return 1;
  }
  for (size_t head = 0; head < c->heads; head++) /* one matrix, grouped per head */
    out[head] = (struct segment){&layer->query, (3 * head + (size_t)part) * d, d};
  return c->heads;
}

static int pack_attention(struct engine *e, const struct layer *layer, bool last,
                          struct error *error)
{
  struct segment *segments = e->segments;
  size_t queries = part_segments(e->config, layer, 0, segments);
  if (last && packed_fill(&e->last_query, e->kernels, e->threads, segments, queries, error))
    return error->code;
  size_t count = last ? 0 : queries;
  count += part_segments(e->config, layer, 1, segments + count);
  count += part_segments(e->config, layer, 2, segments + count);
  return packed_fill(&e->qkv_weights, e->kernels, e->threads, segments, count, error);
}

static void fetch(const struct linear *linear)
{
  tensor_fetch(linear->weight);
}

/* Whether nobody reads what a layer adds to the residual stream. */
static bool is_last(const struct engine *e, size_t index)
{
  return index + 1 == e->config->layers && !e->full;
}

/* The kernel reads ahead while this layer computes: the weights that will be packed next. */
static void fetch_layer(const struct engine *e, size_t index)
{
  const struct layer *layer = &e->model->layers[index];
  fetch(&layer->query);
  fetch(&layer->key);
  fetch(&layer->value);
  if (is_last(e, index))
    return;
  fetch(&layer->output);
  fetch(&layer->gate);
  fetch(&layer->up);
  fetch(&layer->down);
}

static void fetch_next(const struct engine *e, size_t index)
{
  if (index + 1 < e->config->layers)
    fetch_layer(e, index + 1);
  else if (e->more)
    fetch_layer(e, 0);
}

int layer_pack(struct engine *e, size_t index, struct error *error)
{
  const struct layer *layer = &e->model->layers[index];
  size_t hidden = e->config->hidden, ffn = e->config->ffn;
  const struct segment output = {&layer->output, 0, hidden}, down = {&layer->down, 0, hidden};
  const struct segment router = {&layer->router, 0, e->config->experts};
  const struct segment gate_up[] = {{&layer->gate, 0, ffn}, {&layer->up, 0, ffn}};
  bool gated = e->config->family != FAMILY_GPT_NEOX;
  e->last = is_last(e, index);
  if (widen_vectors(e, layer, error) || pack_attention(e, layer, e->last, error))
    return error->code;
  fetch_next(e, index);
  if (e->last)
    return 0;
  if (e->config->experts)
    experts_fetch(&layer->experts[0]);
  if (packed_fill(&e->output, e->kernels, e->threads, &output, 1, error))
    return error->code;
  if (e->config->experts)
    return packed_fill(&e->router, e->kernels, e->threads, &router, 1, error);
  if (packed_fill(&e->up, e->kernels, e->threads, gated ? gate_up : gate_up + 1, gated ? 2 : 1,
                  error))
    return error->code;
  return packed_fill(&e->down, e->kernels, e->threads, &down, 1, error);
}

/* The residual stream at a row of the batch. */
static float *residual_row(const struct engine *e, const size_t *row0, size_t row)
{
  return e->residual + (*row0 + row) * e->config->hidden;
}

static void norm1_row(struct engine *e, void *row0, size_t row)
{
  engine_norm(e, false, residual_row(e, row0, row), e->normed + row * e->config->hidden);
}

static void norm2_row(struct engine *e, void *row0, size_t row)
{
  engine_norm(e, true, residual_row(e, row0, row), e->normed + row * e->config->hidden);
}

static void rotate(const struct engine *e, float *part, size_t heads, size_t position)
{
  size_t half = e->rope.half;
  for (size_t head = 0; head < heads; head++)
    e->kernels->rope(part + head * e->config->head_dim, e->rope.cosine + position * half,
                     e->rope.sine + position * half, half);
}

/* Whether the query at this row of the batch is read by anybody. */
static bool with_query(const struct engine *e, size_t row)
{
  return !e->last || row % e->seq_len + 1 == e->seq_len;
}

/* Query and key norm and clipping: what does not depend on the position. */
static void normalize_row(struct engine *e, void *unused, size_t row)
{
  const struct model_config *c = e->config;
  size_t width = attention_row_floats(c);
  size_t queries = c->heads * c->head_dim, keys = c->kv_heads * c->head_dim;
  float *qkv = e->qkv + row * width;
  bool query = with_query(e, row);
  size_t from = query ? 0 : queries;
  (void)unused;
  if (e->layer.query_norm && query)
    e->kernels->rms_norm(qkv, e->layer.query_norm, qkv, queries, c->norm_eps);
  if (e->layer.key_norm)
    e->kernels->rms_norm(qkv + queries, e->layer.key_norm, qkv + queries, keys, c->norm_eps);
  if (c->clip_qkv > 0)
    e->kernels->clip(qkv + from, width - from, c->clip_qkv);
  if (!e->kernels->all_finite(qkv + from, width - from))
    engine_mark_damaged(e, row);
}

/* Looks the token up, or normalizes it, and rotates it to its position. */
static void prepare_row(struct engine *e, void *row0, size_t row)
{
  const struct model_config *c = e->config;
  size_t width = attention_row_floats(c), position = row % e->seq_len;
  float *qkv = e->qkv + row * width;
  if (e->token_tables) {
    size_t slot = (size_t)e->distinct.slots[*(size_t *)row0 + row];
    memcpy(qkv, e->distinct.qkv + slot * width, width * sizeof *qkv);
  } else {
    normalize_row(e, NULL, row);
  }
  if (with_query(e, row))
    rotate(e, qkv, c->heads, position);
  rotate(e, qkv + c->heads * c->head_dim, c->kv_heads, position);
}

static void check_heads_row(struct engine *e, void *unused, size_t row)
{
  (void)unused;
  if (e->last) /* `row` counts sequences */
    row = (row + 1) * e->seq_len - 1;
  if (!e->kernels->all_finite(e->heads_out + row * e->config->hidden, e->config->hidden))
    engine_mark_damaged(e, row);
}

void layer_project_tokens(struct engine *e, size_t row0, size_t rows)
{
  engine_rows(e, rows, norm1_row, &row0);
  engine_product(e, &e->qkv_weights, e->normed, e->config->hidden, rows, e->qkv,
                 attention_row_floats(e->config));
  engine_rows(e, rows, normalize_row, NULL);
}

/* Projects the normed rows of the batch; in a last layer queries of last positions alone. */
static void project(struct engine *e, size_t sequences)
{
  size_t hidden = e->config->hidden, width = attention_row_floats(e->config);
  size_t rows = sequences * e->seq_len, last = e->seq_len - 1;
  if (!e->last) {
    engine_product(e, &e->qkv_weights, e->normed, hidden, rows, e->qkv, width);
    return;
  }
  engine_product(e, &e->qkv_weights, e->normed, hidden, rows, e->qkv + hidden, width);
  engine_product(e, &e->last_query, e->normed + last * hidden, e->seq_len * hidden, sequences,
                 e->qkv + last * width, e->seq_len * width);
}

int layer_attention(struct engine *e, size_t layer, size_t sequence0, size_t sequences,
                    struct error *error)
{
  size_t rows = sequences * e->seq_len, row0 = sequence0 * e->seq_len;
  if (!e->token_tables) {
    engine_rows(e, rows, norm1_row, &row0);
    project(e, sequences);
  }
  engine_rows(e, rows, prepare_row, &row0);
  if (engine_check(e, layer, "query, key or value", row0, error))
    return error->code;
  attention_run(&(struct attention){.config = e->config,
                                    .kernels = e->kernels,
                                    .seq_len = e->seq_len,
                                    .sequences = sequences,
                                    .first_query = e->last ? e->seq_len - 1 : 0,
                                    .qkv = e->qkv,
                                    .out = e->heads_out,
                                    .scratch = e->scratch,
                                    .observer = e->observer->head,
                                    .context = e->observer->context,
                                    .layer = layer,
                                    .first_sequence = e->first + sequence0},
                e->threads);
  engine_rows(e, e->last ? sequences : rows, check_heads_row, NULL);
  return engine_check(e, layer, "attention output", row0, error);
}

static void activate_row(struct engine *e, void *unused, size_t row)
{
  size_t ffn = e->config->ffn;
  float *x = e->ffn + row * e->up.n;
  (void)unused;
  if (e->config->activation == ACTIVATION_SILU)
    e->kernels->silu_mul(x, x + ffn, x, ffn);
  else if (e->config->activation == ACTIVATION_GELU)
    e->kernels->gelu(x, ffn);
  else
    e->kernels->gelu_tanh(x, ffn);
}

static void add_projected_row(struct engine *e, void *row0, size_t row)
{
  size_t hidden = e->config->hidden;
  float *residual = residual_row(e, row0, row);
  e->kernels->add(e->projected + row * hidden, residual, hidden);
  if (!e->kernels->all_finite(residual, hidden))
    engine_mark_damaged(e, row);
}

/* The MLP's output is in `normed` by now, or in the table. */
static void add_mlp_row(struct engine *e, void *row0, size_t row)
{
  size_t hidden = e->config->hidden;
  float *residual = residual_row(e, row0, row);
  const float *mlp = e->normed + row * hidden;
  if (e->token_tables && e->distinct.mlp)
    mlp = e->distinct.mlp + (size_t)e->distinct.slots[*(size_t *)row0 + row] * hidden;
  if (e->config->parallel_residual)
    e->kernels->add3(mlp, e->projected + row * hidden, residual, hidden);
  else
    e->kernels->add(mlp, residual, hidden);
  if (!e->kernels->all_finite(residual, hidden))
    engine_mark_damaged(e, row);
}

void layer_mlp(struct engine *e, size_t row0, size_t rows)
{
  size_t hidden = e->config->hidden;
  engine_rows(e, rows, norm2_row, &row0);
  engine_product(e, &e->up, e->normed, hidden, rows, e->ffn, e->up.n);
  engine_rows(e, rows, activate_row, NULL);
  engine_product(e, &e->down, e->ffn, e->up.n, rows, e->normed, hidden);
}

int layer_finish(struct engine *e, size_t layer, size_t sequence0, size_t sequences,
                 struct error *error)
{
  size_t rows = sequences * e->seq_len, row0 = sequence0 * e->seq_len;
  size_t hidden = e->config->hidden;
  engine_product(e, &e->output, e->heads_out, hidden, rows, e->projected, hidden);
  if (!e->config->parallel_residual) {
    engine_rows(e, rows, add_projected_row, &row0);
    if (engine_check(e, layer, "residual stream after attention", row0, error))
      return error->code;
  }
  if (e->config->experts) {
    engine_rows(e, rows, norm2_row, &row0);
    return experts_route(e, layer, row0, rows, error);
  }
  if (!(e->token_tables && e->distinct.mlp))
    layer_mlp(e, row0, rows);
  engine_rows(e, rows, add_mlp_row, &row0);
  return engine_check(e, layer, "residual stream", row0, error);
}

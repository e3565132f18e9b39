#include "pass/forward.h"

#include "base/memory.h"
#include "base/text.h"
#include "checkpoint/pages.h"
#include "pass/engine.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_TOKENS                                                                               \
  2048 /* enough rows for the matrix product, few enough to stay near the cache */
#define CHUNK_TOKENS 65536 /* few enough to stop and save within minutes at full size */
#define LOGIT_ROWS 1024    /* of the LM head are packed at a time */

/* Bytes that do not depend on the chunk, for batches of `batch` sequences. */
static uint64_t fixed_bytes(const struct model_config *c, size_t seq_len, size_t batch, int threads)
{
  size_t rows = batch * seq_len + GEMM_MAX_MR, gated = c->family == FAMILY_GPT_NEOX ? 1 : 2;
  size_t ffn = gated * c->ffn > c->experts ? gated * c->ffn : c->experts;
  size_t widest = c->ffn > c->hidden ? c->ffn : c->hidden, qkv = attention_row_floats(c);
  size_t strip = LOGIT_ROWS < c->vocab ? LOGIT_ROWS : c->vocab;
  uint64_t packed = packed_bytes(qkv, c->hidden) + packed_bytes(c->hidden, c->hidden) +
                    packed_bytes(c->hidden, c->hidden) + packed_bytes(gated * c->ffn, c->hidden) +
                    packed_bytes(c->hidden, c->ffn) + packed_bytes(c->experts, c->hidden) +
                    packed_bytes(strip, c->hidden);
  uint64_t floats = (uint64_t)rows * (3 * c->hidden + widest + qkv + ffn) + 6 * c->hidden +
                    (uint64_t)threads * attention_scratch_floats(c, seq_len) +
                    (uint64_t)seq_len * c->rotary_dims;
  return packed + floats * sizeof(float);
}

static uint64_t sequence_bytes(const struct model_config *c, size_t seq_len)
{
  uint64_t token = c->hidden * sizeof(float) + sizeof(struct embedded);
  if (c->experts)
    token +=
        c->hidden * sizeof(float) + c->top_k * (sizeof(float) + sizeof(int32_t) + sizeof(size_t));
  return seq_len * token;
}

/* Two operations a multiply-add. The last layer has keys and values, and one query a sequence. */
double forward_gflop(const struct model_config *c, size_t n, size_t seq_len)
{
  double sequences = (double)n, tokens = sequences * (double)seq_len, hidden = (double)c->hidden;
  double gates = c->family == FAMILY_GPT_NEOX ? 2.0 : 3.0;
  double active = c->experts ? (double)c->top_k : 1.0;
  double keys_values = 2.0 * hidden * (double)(c->kv_heads * c->head_dim);
  double attention = hidden * (double)(seq_len + 1); /* scores and values, half masked */
  double rest =
      hidden * hidden + hidden * (double)c->experts + gates * active * hidden * (double)c->ffn;
  double before = (double)(c->layers - 1) * (hidden * hidden + keys_values + attention + rest);
  double last =
      tokens * keys_values + sequences * (hidden * hidden + 2.0 * hidden * (double)seq_len);
  return 2e-9 * (tokens * before + last);
}

int forward_plan(const struct model *model, size_t n, size_t seq_len,
                 const struct forward_options *options, struct forward_plan *plan,
                 struct error *error)
{
  const struct model_config *c = &model->config;
  int threads = threads_count(options->threads);
  uint64_t each = sequence_bytes(c, seq_len), reserved = options->reserved;
  size_t batch = (BATCH_TOKENS + seq_len - 1) / seq_len;
  if (batch > n)
    batch = n;
  while (batch > 1 &&
         reserved + fixed_bytes(c, seq_len, batch, threads) + batch * each > options->memory)
    batch /= 2;
  uint64_t fixed = reserved + fixed_bytes(c, seq_len, batch, threads);
  if (fixed + each > options->memory) {
    char need[32], have[32];
    return error_set(error, EXIT_INPUT,
                     "--memory: %s are too few; this model needs at least %s at %zu tokens a "
                     "sequence",
                     text_bytes(have, sizeof have, options->memory),
                     text_bytes(need, sizeof need, fixed + each), seq_len);
  }
  uint64_t fit = (options->memory - fixed) / each, most = (CHUNK_TOKENS + seq_len - 1) / seq_len;
  size_t chunk = (size_t)(fit < most ? fit : most);
  if (chunk > n)
    chunk = n;
  if (batch > chunk)
    batch = chunk;
  uint64_t bytes = fixed + chunk * each, tables = distinct_bytes(c, chunk * seq_len);
  bool look_up = bytes + tables <= options->memory;
  *plan = (struct forward_plan){chunk, batch, look_up, look_up ? bytes + tables : bytes,
                                forward_gflop(c, n, seq_len)};
  return 0;
}

static float *floats(size_t rows, size_t width, struct error *error)
{
  return memory_alloc(rows * width, sizeof(float), "forward pass", error);
}

static int allocate(struct engine *e, struct error *error)
{
  const struct model_config *c = e->config;
  size_t rows = e->batch * e->seq_len, tokens = e->chunk * e->seq_len;
  size_t gated = c->family == FAMILY_GPT_NEOX ? c->ffn : 2 * c->ffn;
  size_t widest = c->ffn > c->hidden ? c->ffn : c->hidden;
  if (rope_create(&e->rope, e->seq_len, c->rotary_dims, c->rope_base, error))
    return error->code;
  if (!(e->segments = memory_alloc(3 * c->heads, sizeof *e->segments, "forward pass", error)) ||
      !(e->vectors = floats(6, c->hidden, error)) ||
      !(e->residual = floats(tokens, c->hidden, error)) ||
      !(e->normed = floats(rows, c->hidden, error)) ||
      !(e->operand = floats(rows + GEMM_MAX_MR, widest, error)) ||
      !(e->qkv = floats(rows, attention_row_floats(c), error)) ||
      !(e->heads_out = floats(rows, c->hidden, error)) ||
      !(e->projected = floats(rows, c->hidden, error)) ||
      !(e->ffn = floats(rows, gated > c->experts ? gated : c->experts, error)) ||
      !(e->scratch = floats((size_t)threads_count(e->threads),
                            attention_scratch_floats(c, e->seq_len), error)))
    return error->code;
  if (c->experts &&
      (!(e->mixed = floats(tokens, c->hidden, error)) ||
       !(e->routing = floats(tokens, c->top_k, error)) ||
       !(e->routed = memory_alloc(tokens * c->top_k, sizeof *e->routed, "routing", error)) ||
       !(e->order = memory_alloc(tokens * c->top_k, sizeof *e->order, "routing", error)) ||
       !(e->starts = memory_alloc(c->experts + 1, sizeof *e->starts, "routing", error))))
    return error->code;
  return 0;
}

static void release(struct engine *e)
{
  rope_free(&e->rope);
  distinct_free(&e->distinct);
  packed_free(&e->qkv_weights);
  packed_free(&e->last_query);
  free(e->segments);
  packed_free(&e->output);
  packed_free(&e->up);
  packed_free(&e->down);
  packed_free(&e->router);
  free(e->vectors);
  free(e->residual);
  free(e->normed);
  free(e->operand);
  free(e->qkv);
  free(e->heads_out);
  free(e->projected);
  free(e->ffn);
  free(e->scratch);
  free(e->mixed);
  free(e->routed);
  free(e->routing);
  free(e->order);
  free(e->starts);
}

static int check_tokens(const struct engine *e, const int32_t *tokens, size_t count,
                        struct error *error)
{
  for (size_t i = 0; i < count; i++)
    if (tokens[i] < 0 || (size_t)tokens[i] >= e->config->vocab)
      return error_set(error, EXIT_INPUT, "%s: token id %d is outside the vocabulary of %zu",
                       checkpoint_path(e->model->checkpoint), tokens[i], e->config->vocab);
  return 0;
}

/* Sequences of the chunk whose residual stream is wanted. */
static size_t full_here(const struct engine *e, size_t sequences)
{
  size_t full = e->observer->full_sequences;
  if (full > FORWARD_MAX_FULL)
    full = FORWARD_MAX_FULL;
  if (full <= e->first)
    return 0;
  return full - e->first < sequences ? full - e->first : sequences;
}

static void show_residual(const struct engine *e, size_t index, size_t sequences)
{
  for (size_t s = 0; s < full_here(e, sequences); s++)
    e->observer->residual(e->observer->context, index, e->first + s,
                          e->residual + ((s + 1) * e->seq_len - 1) * e->config->hidden);
}

/* Final norm and logits of the last position of the first `full` sequences of the chunk. */
static int show_logits(struct engine *e, size_t full, struct error *error)
{
  const struct model *model = e->model;
  size_t hidden = e->config->hidden, vocab = e->config->vocab;
  float *last = floats(full, hidden, error), *logits = floats(full, LOGIT_ROWS, error);
  struct layer_vectors *v = &e->layer;
  struct packed strip = {0};
  int status = last && logits ? 0 : error->code;
  v->norm1 = model->final_norm ? e->vectors : NULL;
  v->norm1_bias = model->final_norm_bias ? e->vectors + hidden : NULL;
  if (!status && v->norm1)
    status = model_widen(model->final_norm, 0, hidden, v->norm1, error);
  if (!status && v->norm1_bias)
    status = model_widen(model->final_norm_bias, 0, hidden, v->norm1_bias, error);
  for (size_t s = 0; s < full && !status; s++) {
    engine_norm(e, false, e->residual + ((s + 1) * e->seq_len - 1) * hidden, last + s * hidden);
    e->observer->residual(e->observer->context, e->config->layers + 1, e->first + s,
                          last + s * hidden);
  }
  for (size_t at = 0; at < vocab && !status; at += LOGIT_ROWS) {
    size_t count = vocab - at < LOGIT_ROWS ? vocab - at : LOGIT_ROWS;
    status = packed_fill(&strip, e->kernels, e->threads,
                         &(struct segment){&model->lm_head, at, count}, 1, error);
    if (status)
      break;
    engine_product(e, &strip, last, hidden, full, logits, LOGIT_ROWS);
    for (size_t s = 0; s < full; s++)
      e->observer->logits(e->observer->context, e->first + s, at, count, logits + s * LOGIT_ROWS);
  }
  packed_free(&strip);
  free(last);
  free(logits);
  return status;
}

static int run_layer(struct engine *e, size_t layer, size_t sequences, struct error *error)
{
  bool experts = e->config->experts > 0;
  for (size_t s = 0; s < sequences; s += e->batch) {
    size_t count = sequences - s < e->batch ? sequences - s : e->batch;
    if (layer_attention(e, layer, s, count, error) ||
        (!e->last && layer_finish(e, layer, s, count, error)))
      return error->code;
    engine_advance(e, (double)count * (experts && !e->last ? 1.0 - EXPERTS_SHARE : 1.0));
  }
  return !e->last && experts ? experts_run(e, layer, sequences * e->seq_len, error) : 0;
}

/* The tables of layer 0, then the embedding of the chunk. */
static int begin_chunk(struct engine *e, const int32_t *tokens, size_t count, struct error *error)
{
  if (check_tokens(e, tokens, count, error))
    return error->code;
  e->token_tables = false;
  if (e->look_up && !e->last) {
    if (distinct_find(e->config, tokens, count, &e->distinct, error))
      return error->code;
    e->token_tables = distinct_pays(&e->distinct, count);
    if (e->token_tables && distinct_compute(e, error))
      return error->code;
  }
  return engine_embed(e, tokens, count, error);
}

static int run_chunk(struct engine *e, const int32_t *tokens, size_t sequences, struct error *error)
{
  e->full = full_here(e, sequences);
  for (size_t layer = 0; layer < e->config->layers; layer++) {
    if (layer_pack(e, layer, error) ||
        (layer == 0 && begin_chunk(e, tokens, sequences * e->seq_len, error)))
      return error->code;
    if (layer == 0)
      show_residual(e, 0, sequences);
    if (run_layer(e, layer, sequences, error))
      return error->code;
    if (layer == 0) {
      distinct_free(&e->distinct);
      e->token_tables = false;
    }
    show_residual(e, layer + 1, sequences);
  }
  return e->full ? show_logits(e, e->full, error) : 0;
}

int forward_run(const struct model *model, const int32_t *tokens, size_t n, size_t seq_len,
                const struct forward_options *options, const struct forward_observer *observer,
                struct error *error)
{
  struct forward_plan plan;
  if (forward_plan(model, n, seq_len, options, &plan, error))
    return error->code;
  struct engine *e = memory_zeroed(1, sizeof *e, "forward pass", error);
  if (!e)
    return error->code;
  e->model = model;
  e->config = &model->config;
  e->kernels = options->kernels;
  e->threads = options->threads;
  e->observer = observer;
  e->seq_len = seq_len;
  e->chunk = plan.chunk;
  e->batch = plan.batch;
  e->look_up = plan.look_up;
  atomic_init(&e->damaged, SIZE_MAX);
  double layers = (double)model->config.layers;
  e->options = options;
  e->work = (double)n * layers;
  e->worked = (double)options->start * layers;
  int status = allocate(e, error);
  for (e->first = options->start; e->first < n && !status; e->first += e->chunk) {
    size_t sequences = n - e->first < e->chunk ? n - e->first : e->chunk;
    size_t done = e->first + sequences;
    e->more = done < n;
    status = run_chunk(e, tokens + e->first * seq_len, sequences, error);
    if (!status && options->chunk_done && !options->chunk_done(options->context, done) && done < n)
      status = error_set(error, EXIT_RUN, "%s: stopped after %zu of %zu sequences",
                         checkpoint_path(model->checkpoint), done, n);
  }
  release(e);
  free(e);
  return status;
}

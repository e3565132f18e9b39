/* How a pass is cut to fit the memory, and how many operations it takes. */
#include "base/text.h"
#include "pass/engine.h"

/* Enough rows for the matrix product, few enough to stay near the cache. */
#define BATCH_TOKENS 2048

/* Few enough to stop and save within minutes at full size. */
#define CHUNK_TOKENS 65536

static bool any_logits(const struct hooks *hooks)
{
  const struct portion all = {.n = SIZE_MAX, .end = SIZE_MAX};
  struct rows rows = need_head(hooks, true, &all);
  return rows_any(&rows);
}

/* Of each sequence, itself and its copies. */
static size_t copies(const struct forward_options *options)
{
  return 1 + options->forks.count;
}

struct activation_shape activation_shape(const struct model_config *config,
                                         const struct forward_options *options, size_t seq_len,
                                         size_t chunk, size_t batch)
{
  return (struct activation_shape){.config = config,
                                   .seq_len = seq_len,
                                   .chunk = chunk * copies(options),
                                   .batch = batch,
                                   .threads = (size_t)threads_count(options->threads),
                                   .logits = any_logits(&options->hooks)};
}

/* Bytes of a pass in batches of `batch` sequences, but for the tables of distinct tokens; and what
 * the order of the embedding takes, by sequence. */
static uint64_t bytes_of(const struct model_config *c, const struct forward_options *options,
                         size_t seq_len, size_t chunk, size_t batch)
{
  const struct activation_shape shape = activation_shape(c, options, seq_len, chunk, batch);
  uint64_t bytes = options->reserved + activations_bytes(&shape) + layer_weights_bytes(c) +
                   (uint64_t)chunk * seq_len * sizeof(struct embedded) +
                   (uint64_t)seq_len * c->rotary_dims * sizeof(float);
  if (c->learned_positions)
    bytes += (uint64_t)seq_len * c->hidden * sizeof(float);
  if (shape.logits)
    bytes += packed_bytes(LOGIT_STRIP < c->vocab ? LOGIT_STRIP : c->vocab, c->hidden);
  return bytes;
}

/* Multiply-adds of the steps of one layer, in the order of enum step. */
static double layer_work(const struct model_config *c, const struct need *need, size_t seq_len)
{
  double hidden = (double)c->hidden, heads_out = (double)attention_heads_floats(c), rows[STEPS];
  double gates = c->gated_mlp ? 3.0 : 2.0;
  double active = c->experts ? (double)c->top_k : 1.0;
  const struct rows *heads = &need->step[STEP_HEADS];
  for (int step = 0; step < STEPS; step++)
    rows[step] = (double)rows_count(&need->step[step], seq_len);
  return rows[STEP_KEYS] * 2.0 * hidden * (double)(c->kv_heads * c->head_dim) +
         rows[STEP_QUERIES] * hidden * heads_out +
         (double)attention_operations(c, seq_len, heads->end - heads->first, heads->last) / 2.0 +
         rows[STEP_ATTENTION] * hidden * heads_out +
         rows[STEP_MLP] * hidden * ((double)c->experts + gates * active * (double)c->ffn);
}

/* Multiply-adds of a part of the pass. */
static double pass_work(const struct model_config *c, const struct hooks *hooks,
                        const struct portion *portion, size_t seq_len)
{
  struct rows logits = need_head(hooks, true, portion);
  double work = (double)rows_count(&logits, seq_len) * (double)c->hidden * (double)c->vocab;
  for (size_t layer = 0; layer < c->layers; layer++) {
    struct need need;
    need_layer(hooks, c, layer, portion, &need);
    work += layer_work(c, &need, seq_len);
  }
  return work;
}

double forward_gflop(const struct model_config *c, const struct forward_options *options, size_t n,
                     size_t seq_len, size_t chunk)
{
  double work = 0;
  for (size_t first = 0; first < n; first += chunk) {
    const struct portion portion = {options->forks, n, first,
                                    n - first < chunk ? n : first + chunk};
    work += pass_work(c, &options->hooks, &portion, seq_len);
  }
  return 2e-9 * work;
}

/* Multiply-adds that a token takes which is looked up. */
static double spared_work(const struct model_config *c, const struct need *need)
{
  double each = (double)c->hidden * (double)attention_row_floats(c);
  if (need_mlp_table(c, need))
    each += 2.0 * (double)c->hidden * (double)c->ffn;
  return each;
}

/* Adds what looking up spares for a part of the pass. */
static int add_spared(const struct model_config *c, const int32_t *tokens, size_t seq_len,
                      const struct hooks *hooks, const struct portion *portion, double *spared,
                      struct error *error)
{
  struct rows rows = need_embedding(hooks, portion);
  size_t count = rows_count(&rows, seq_len);
  struct distinct distinct;
  struct need need;
  need_layer(hooks, c, 0, portion, &need);
  if (!need_token_tables(hooks, c, &need))
    return 0;
  if (distinct_find(c, tokens + (portion->first + rows.first) * seq_len, count, &distinct, error))
    return error->code;
  if (distinct_pays(&distinct, count))
    *spared += (double)(rows_count(&need.step[STEP_KEYS], seq_len) - distinct.count) *
               spared_work(c, &need);
  distinct_free(&distinct);
  return 0;
}

int forward_left_gflop(const struct model *model, const int32_t *tokens, size_t n, size_t seq_len,
                       const struct forward_options *options, const struct forward_plan *plan,
                       double *gflop, struct error *error)
{
  const struct model_config *c = &model->config;
  double work = 0, spared = 0;
  for (size_t first = options->start; first < n; first += plan->chunk) {
    size_t end = n - first < plan->chunk ? n : first + plan->chunk;
    const struct portion portion = {options->forks, n, first, end};
    work += pass_work(c, &options->hooks, &portion, seq_len);
    if (plan->look_up && add_spared(c, tokens, seq_len, &options->hooks, &portion, &spared, error))
      return error->code;
  }
  *gflop = 2e-9 * (work - spared);
  return 0;
}

size_t forward_most_chunk(size_t n, size_t seq_len)
{
  size_t most = (CHUNK_TOKENS + seq_len - 1) / seq_len;
  return n < most ? n : most;
}

int forward_plan(const struct model *model, size_t n, size_t seq_len,
                 const struct forward_options *options, struct forward_plan *plan,
                 struct error *error)
{
  const struct model_config *c = &model->config;
  size_t batch = (BATCH_TOKENS + seq_len - 1) / seq_len;
  size_t each_has = copies(options);
  if (hooks_check(&options->hooks, c, seq_len, error) ||
      hooks_check_forks(&options->hooks, c, &options->forks, n, error))
    return error_prefix(error, "%s", checkpoint_path(model->checkpoint));
  if (c->learned_positions && seq_len > c->context)
    return error_set(error, EXIT_INPUT,
                     "%s: sequences of %zu tokens, but the model has learned %zu positions",
                     checkpoint_path(model->checkpoint), seq_len, c->context);
  if (batch > n * each_has)
    batch = n * each_has;
  while (batch > 1 &&
         bytes_of(c, options, seq_len, (batch + each_has - 1) / each_has, batch) > options->memory)
    batch /= 2;
  uint64_t fixed = bytes_of(c, options, seq_len, 0, batch);
  uint64_t each = bytes_of(c, options, seq_len, 1, batch) - fixed;
  if (fixed + each > options->memory) {
    char need[32], have[32];
    return error_set(error, EXIT_INPUT,
                     "--memory: %s is not enough; this model needs at least %s at %zu tokens a "
                     "sequence: --memory %lluK",
                     text_bytes(have, sizeof have, options->memory),
                     text_bytes(need, sizeof need, fixed + each), seq_len,
                     (unsigned long long)((fixed + each + 1023) / 1024));
  }
  uint64_t fit = (options->memory - fixed) / each, most = forward_most_chunk(n, seq_len * each_has);
  size_t chunk = (size_t)(fit < most ? fit : most);
  if (batch > chunk * each_has)
    batch = chunk * each_has;
  uint64_t bytes = fixed + chunk * each, tables = distinct_bytes(c, chunk * seq_len);
  bool look_up = bytes + tables <= options->memory;
  *plan = (struct forward_plan){chunk, batch, look_up, look_up ? bytes + tables : bytes,
                                forward_gflop(c, options, n, seq_len, chunk)};
  return 0;
}

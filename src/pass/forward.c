#include "pass/forward.h"

#include "pass/engine.h"

#include <stdlib.h>
#include <string.h>

static int check_tokens(const struct engine *e, const int32_t *tokens, size_t count,
                        struct error *error)
{
  for (size_t i = 0; i < count; i++)
    if (tokens[i] < 0 || (size_t)tokens[i] >= e->config->vocab)
      return error_set(error, EXIT_INPUT, "%s: token id %d is outside the vocabulary of %zu",
                       checkpoint_path(e->model->checkpoint), tokens[i], e->config->vocab);
  return 0;
}

/* What the hooks need of a layer of this chunk. */
static struct need need_of(const struct engine *e, size_t layer)
{
  struct need need = {0};
  if (layer < e->config->layers)
    need_layer(&e->options->hooks, e->config, layer, &e->chunk.portion, &need);
  return need;
}

static void choose_hooks(struct engine *e, size_t layer)
{
  hook_set_choose(&e->chunk.hooks, &e->options->hooks, layer, &e->chunk.portion);
}

/* The kernel reads ahead while a layer computes: the weights that will be packed next. */
static void fetch_next(const struct engine *e, size_t layer)
{
  struct need next = need_of(e, layer + 1);
  if (rows_any(&next.step[STEP_KEYS]))
    layer_weights_fetch(&e->model->layers[layer + 1], &next);
  else if (e->chunk.more)
    layer_weights_fetch(&e->model->layers[0], &e->chunk.need);
}

/* Packs the weights of a layer and takes what the hooks need of it. */
static int begin_layer(struct engine *e, size_t layer, struct error *error)
{
  const struct packing packing = {e->model, e->kernels, e->threads};
  e->chunk.need = need_of(e, layer);
  if (layer_weights_pack(&packing, layer, &e->chunk.need, &e->weights, error))
    return error->code;
  fetch_next(e, layer);
  return 0;
}

/* The embedding of the chunk's sequences. */
static int embed(struct engine *e, const int32_t *tokens, size_t count, struct error *error)
{
  const struct rows all = {0, portion_own(&e->chunk.portion), false};
  if (engine_embed(e, tokens, count, error) || engine_add_positions(e, count, error))
    return error->code;
  choose_hooks(e, HOOKS_OUTSIDE);
  engine_show_residual(e, SITE_EMBEDDING, 0, &all);
  return 0;
}

/* Layer 0 comes first: its tables, made with its weights, use the room of the embedding. */
static int begin_chunk(struct engine *e, const int32_t *tokens, size_t count, struct error *error)
{
  struct need need = need_of(e, 0);
  if (check_tokens(e, tokens, count, error))
    return error->code;
  if (rows_any(&need.step[STEP_KEYS])) {
    if (begin_layer(e, 0, error))
      return error->code;
    if (e->plan.look_up && need_token_tables(&e->options->hooks, e->config, &need) &&
        distinct_compute(e, tokens, count, error))
      return error->code;
  }
  return embed(e, tokens, count, error);
}

/* Copies that go their own way from here on get the residual stream. */
static void fork_copies(struct engine *e, size_t layer)
{
  const struct forks *forks = &e->chunk.portion.forks;
  size_t floats = portion_own(&e->chunk.portion) * e->seq_len * e->config->hidden;
  for (size_t k = 0; k < forks->count; k++)
    if (forks->layers[k] == layer)
      memcpy(e->act.residual + (1 + k) * floats, e->act.residual, floats * sizeof(float));
}

static int run_layers(struct engine *e, struct error *error)
{
  for (size_t layer = 0; layer < e->config->layers; layer++) {
    struct need need = need_of(e, layer);
    if (!rows_any(&need.step[STEP_KEYS]))
      break;
    if (e->options->go_on && !e->options->go_on(e->options->context))
      return error_set(error, EXIT_RUN, "%s: stopped at layer %zu",
                       checkpoint_path(e->model->checkpoint), layer);
    if (layer > 0 && begin_layer(e, layer, error))
      return error->code;
    choose_hooks(e, layer);
    fork_copies(e, layer);
    if (layer_run(e, layer, error))
      return error->code;
    e->chunk.token_tables = false;
    distinct_free(&e->chunk.distinct);
  }
  fork_copies(e, e->config->layers);
  return 0;
}

/* Sequences [first, end) of the pass, as far as they are needed. */
static int run_chunk(struct engine *e, const int32_t *tokens, size_t first, size_t end,
                     struct error *error)
{
  const struct portion all = {e->options->forks, e->n, first, end};
  struct rows rows = need_embedding(&e->options->hooks, &all);
  size_t count = rows_count(&rows, e->seq_len);
  e->chunk.portion = (struct portion){all.forks, all.n, first + rows.first, first + rows.end};
  e->chunk.token_tables = false;
  if (count && (begin_chunk(e, tokens + e->chunk.portion.first * e->seq_len, count, error) ||
                run_layers(e, error) || logits_run(e, error)))
    return error->code;
  return 0;
}

static int run_chunks(struct engine *e, const int32_t *tokens, size_t n, struct error *error)
{
  const struct forward_options *options = e->options;
  int status = 0;
  for (size_t first = options->start; first < n && !status; first += e->plan.chunk) {
    size_t done = n - first < e->plan.chunk ? n : first + e->plan.chunk;
    e->chunk.more = done < n;
    status = run_chunk(e, tokens, first, done, error);
    e->worked = (double)done * e->work / (double)n; /* with what nobody needed */
    if (!status && options->chunk_done && !options->chunk_done(options->context, done) && done < n)
      status = error_set(error, EXIT_RUN, "%s: stopped after %zu of %zu sequences",
                         checkpoint_path(e->model->checkpoint), done, n);
  }
  return status;
}

static int allocate(struct engine *e, struct error *error)
{
  const struct model_config *c = e->config;
  const struct activation_shape shape =
      activation_shape(c, e->options, e->seq_len, e->plan.chunk, e->plan.batch);
  if (rope_create(&e->rope, c, e->seq_len, error) ||
      hook_set_create(&e->options->hooks, e->seq_len, &e->chunk.hooks, error) ||
      layer_weights_create(c, &e->weights, error) || activations_create(&shape, &e->act, error))
    return error->code;
  return 0;
}

static void release(struct engine *e)
{
  rope_free(&e->rope);
  distinct_free(&e->chunk.distinct);
  hook_set_free(&e->chunk.hooks);
  layer_weights_free(&e->weights);
  activations_free(&e->act);
}

/* Layers that a sequence and its copies go through. */
static double own_layers(const struct model_config *c, const struct forks *forks)
{
  double layers = (double)c->layers;
  for (size_t k = 0; k < forks->count && forks->layers[k] < c->layers; k++)
    layers += (double)(c->layers - forks->layers[k]);
  return layers;
}

int forward_run(const struct model *model, const int32_t *tokens, size_t n, size_t seq_len,
                const struct forward_options *options, struct error *error)
{
  double layers = own_layers(&model->config, &options->forks);
  struct engine e = {.model = model,
                     .config = &model->config,
                     .kernels = options->kernels,
                     .threads = options->threads,
                     .options = options,
                     .n = n,
                     .seq_len = seq_len,
                     .work = (double)n * layers,
                     .worked = (double)options->start * layers};
  atomic_init(&e.damaged, SIZE_MAX);
  int status = forward_plan(model, n, seq_len, options, &e.plan, error);
  if (!status)
    status = allocate(&e, error);
  if (!status)
    status = run_chunks(&e, tokens, n, error);
  if (options->operations)
    *options->operations = e.operations;
  release(&e);
  return status;
}

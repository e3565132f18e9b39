#include "circuit/components.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/random.h"
#include "circuit/contract.h"
#include "pass/forward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- patterns --- */

#define MOST_LENGTH (2 * COMPONENT_HALF)
#define DIAGONALS 3

struct patterns {
  size_t heads, half;
  size_t diagonals[DIAGONALS];
  double (*sums)[COMPONENT_SEQUENCES][DIAGONALS]; /* [layers * heads] */
};

size_t component_half(const struct model_config *c)
{
  return c->context / 2 < COMPONENT_HALF ? c->context / 2 : COMPONENT_HALF;
}

/* The positions of one head and sequence come in order. */
static void see(void *context, const struct hook_value *value, const float *data)
{
  const struct patterns *p = context;
  double *sums = p->sums[value->site.layer * p->heads + value->site.head][value->sequence];
  for (int d = 0; d < DIAGONALS; d++)
    if (value->position >= p->diagonals[d])
      sums[d] += (double)data[value->position - p->diagonals[d]];
}

/* One sequence behind the other, each of 2 * half tokens. */
static void draw_tokens(uint32_t seed, size_t vocab, size_t half, int32_t *tokens)
{
  struct random random;
  int64_t low = vocab >= 20000 ? 100 : 1, high = vocab >= 20000 ? 20000 : (int64_t)vocab;
  random_seed(&random, seed);
  for (size_t s = 0; s < COMPONENT_SEQUENCES; s++, tokens += 2 * half)
    for (size_t i = 0; i < half; i++)
      tokens[i] = tokens[half + i] = (int32_t)random_integer(&random, low, high);
}

static double mean_of(const struct patterns *p, size_t head, int diagonal)
{
  double sum = 0;
  for (size_t s = 0; s < COMPONENT_SEQUENCES; s++)
    sum += p->sums[head][s][diagonal];
  return sum / (double)(COMPONENT_SEQUENCES * (2 * p->half - p->diagonals[diagonal]));
}

static bool go_on(void *context)
{
  (void)context;
  return !interrupt_requested();
}

int component_patterns(const struct model *model, const struct circuit_options *options,
                       uint32_t seed, struct pattern_scores *scores, struct error *error)
{
  const struct model_config *c = &model->config;
  int32_t tokens[COMPONENT_SEQUENCES * MOST_LENGTH];
  size_t half = component_half(c);
  if (half < 3 || c->vocab < 2)
    return error_set(error, EXIT_INPUT,
                     "%zu positions, vocabulary of %zu: the scores of patterns take sequences of "
                     "3 random tokens or more, twice",
                     c->context, c->vocab);
  struct patterns p = {.heads = c->heads, .half = half, .diagonals = {half - 1, 1, half}};
  p.sums = memory_zeroed(c->layers * c->heads, sizeof *p.sums, "patterns", error);
  if (!p.sums)
    return error->code;
  const struct hook hook = {.site = {SITE_PATTERN, SITE_ALL, SITE_ALL}, .read = see, .context = &p};
  const struct forward_options forward = {.kernels = options->kernels,
                                          .threads = options->threads,
                                          .hooks = {&hook, 1},
                                          .memory = options->memory,
                                          .go_on = go_on};
  draw_tokens(seed, c->vocab, half, tokens);
  int status = forward_run(model, tokens, COMPONENT_SEQUENCES, 2 * half, &forward, error);
  for (size_t i = 0; !status && i < c->layers * c->heads; i++)
    scores[i] = (struct pattern_scores){mean_of(&p, i, 0), mean_of(&p, i, 1), mean_of(&p, i, 2)};
  free(p.sums);
  return status && interrupt_requested() ? interrupt_check(error) : status;
}

/* --- direct effects --- */

/* Adds factor * the LM head's rows of these ids. */
static void add_rows(const struct circuit_runs *runs, const int32_t *ids, size_t count,
                     double factor, double *sum)
{
  const struct parameter *head =
      parameters_of(&runs->parameters, runs->parameters.model.lm_head.weight);
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < head->columns; j++)
      sum[j] += factor * (double)head->values[(size_t)ids[i] * head->columns + j];
}

/* 1 / root of the final norm, of what it reads: all sources and the biases of attention. */
static double scale_of(const struct circuit_runs *runs, const float *values, double *stream)
{
  const struct model_config *c = runs_config(runs);
  double mean = 0, square = 0, n = (double)c->hidden;
  memset(stream, 0, c->hidden * sizeof *stream);
  for (size_t s = 0; s < runs->graph.sources; s++)
    for (size_t j = 0; j < c->hidden; j++)
      stream[j] += (double)values[s * c->hidden + j];
  for (size_t l = 0; l < c->layers; l++) {
    const struct parameter *bias =
        parameters_of(&runs->parameters, runs->parameters.model.layers[l].output.bias);
    for (size_t j = 0; bias && j < c->hidden; j++)
      stream[j] += (double)bias->values[j];
  }
  for (size_t j = 0; j < c->hidden && c->norm_kind == NORM_LAYER; j++)
    mean += stream[j] / n;
  for (size_t j = 0; j < c->hidden; j++)
    square += (stream[j] - mean) * (stream[j] - mean) / n;
  return 1 / sqrt(square + (double)c->norm_eps);
}

/* direction [hidden]: the answers' rows times the norm's gain; values of all sources. Adds. */
static void add_effects(const struct circuit_runs *runs, const float *values,
                        const double *direction, double scale, double *effects)
{
  const struct model_config *c = runs_config(runs);
  for (size_t s = 0; s < runs->graph.sources; s++) {
    const float *last = values + s * c->hidden;
    double mean = 0, sum = 0;
    for (size_t j = 0; j < c->hidden && c->norm_kind == NORM_LAYER; j++)
      mean += (double)last[j] / (double)c->hidden;
    for (size_t j = 0; j < c->hidden; j++)
      sum += ((double)last[j] - mean) * direction[j];
    effects[s] += scale * sum;
  }
}

/* Room for a pair: values at its last position, [sources][hidden]; direction and stream. */
struct directing {
  float *values;
  double *vectors; /* [2][hidden] */
};

static int start(const struct circuit_runs *runs, struct directing *d, struct error *error)
{
  size_t hidden = runs_config(runs)->hidden;
  d->values = memory_alloc(runs->graph.sources, hidden * sizeof(float), "effects", error);
  d->vectors = memory_alloc(2 * hidden, sizeof(double), "effects", error);
  return d->values && d->vectors ? 0 : error->code;
}

static void stop(struct directing *d)
{
  free(d->values);
  free(d->vectors);
}

static int add_pair(struct circuit_runs *runs, struct run_batch *batch, size_t index,
                    struct directing *d, double *effects, struct error *error)
{
  const struct model_config *c = runs_config(runs);
  const struct task_pair *p = batch->pairs[index];
  const struct parameter *gain =
      parameters_of(&runs->parameters, runs->parameters.model.final_norm);
  if (runs_load(runs, batch, error) ||
      batch_sources(runs, batch, index, RUN_CLEAN, batch->seq_len - 1, d->values, error))
    return error->code;
  memset(d->vectors, 0, 2 * c->hidden * sizeof(double));
  add_rows(runs, p->positive, p->positive_count, 1, d->vectors);
  add_rows(runs, p->negative, p->negative_count, -1, d->vectors);
  for (size_t j = 0; gain && j < c->hidden; j++)
    d->vectors[j] *= (double)gain->values[j];
  double scale = scale_of(runs, d->values, d->vectors + c->hidden);
  add_effects(runs, d->values, d->vectors, scale, effects);
  return 0;
}

int component_direct(struct circuit_runs *runs, size_t pair, double *effects, struct error *error)
{
  struct directing d = {NULL, NULL};
  size_t index;
  if (runs->task->metric != TASK_LOGIT)
    return error_set(error, EXIT_INPUT,
                     "task %s: direct effects are those on logits, and it measures probabilities",
                     runs->task->name);
  struct run_batch *batch = runs_find(runs, pair, &index);
  memset(effects, 0, runs->graph.sources * sizeof *effects);
  int status = start(runs, &d, error);
  if (!status)
    status = add_pair(runs, batch, index, &d, effects, error);
  stop(&d);
  return status;
}

int component_direct_mean(struct circuit_runs *runs, double *effects, struct error *error)
{
  struct directing d = {NULL, NULL};
  bool logits = runs->task->metric == TASK_LOGIT;
  for (size_t s = 0; s < runs->graph.sources; s++)
    effects[s] = logits ? 0 : (double)NAN;
  if (!logits)
    return 0;
  int status = start(runs, &d, error);
  for (size_t b = 0; b < runs->batch_count; b++)
    for (size_t i = 0; i < runs->batches[b].count && !status; i++)
      status = interrupt_check(error) ? error->code
                                      : add_pair(runs, &runs->batches[b], i, &d, effects, error);
  for (size_t s = 0; s < runs->graph.sources; s++)
    effects[s] /= (double)runs->task->count;
  stop(&d);
  return status;
}

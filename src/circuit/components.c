#include "circuit/components.h"

#include "base/memory.h"
#include "base/random.h"
#include "circuit/attribution.h"
#include "circuit/runs_state.h"
#include "pass/forward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- patterns --- */

#define LENGTH (2 * COMPONENT_HALF)
#define DIAGONALS 3

static const size_t diagonals[DIAGONALS] = {COMPONENT_HALF - 1, 1, COMPONENT_HALF};

struct patterns {
  size_t heads;
  double (*sums)[COMPONENT_SEQUENCES][DIAGONALS]; /* [layers * heads] */
};

/* The positions of one head and sequence come in order. */
static void see(void *context, const struct hook_value *value, const float *data)
{
  const struct patterns *p = context;
  double *sums = p->sums[value->site.layer * p->heads + value->site.head][value->sequence];
  for (int d = 0; d < DIAGONALS; d++)
    if (value->position >= diagonals[d])
      sums[d] += (double)data[value->position - diagonals[d]];
}

static void draw_tokens(uint32_t seed, size_t vocab, int32_t tokens[COMPONENT_SEQUENCES][LENGTH])
{
  struct random random;
  int64_t low = vocab >= 20000 ? 100 : 1, high = vocab >= 20000 ? 20000 : (int64_t)vocab;
  random_seed(&random, seed);
  for (size_t s = 0; s < COMPONENT_SEQUENCES; s++)
    for (size_t i = 0; i < COMPONENT_HALF; i++)
      tokens[s][i] = tokens[s][COMPONENT_HALF + i] = (int32_t)random_integer(&random, low, high);
}

static double mean_of(double (*sums)[DIAGONALS], int diagonal)
{
  double sum = 0;
  for (size_t s = 0; s < COMPONENT_SEQUENCES; s++)
    sum += sums[s][diagonal];
  return sum / (double)(COMPONENT_SEQUENCES * (LENGTH - diagonals[diagonal]));
}

int component_patterns(const struct model *model, const struct circuit_options *options,
                       uint32_t seed, struct pattern_scores *scores, struct error *error)
{
  const struct model_config *c = &model->config;
  int32_t tokens[COMPONENT_SEQUENCES][LENGTH];
  if (c->context < LENGTH || c->vocab < 2)
    return error_set(error, EXIT_INPUT,
                     "%zu positions, vocabulary of %zu: the scores of patterns take sequences of "
                     "%d random tokens",
                     c->context, c->vocab, LENGTH);
  struct patterns p = {.heads = c->heads};
  p.sums = memory_zeroed(c->layers * c->heads, sizeof *p.sums, "patterns", error);
  if (!p.sums)
    return error->code;
  const struct hook hook = {.site = {SITE_PATTERN, SITE_ALL, SITE_ALL}, .read = see, .context = &p};
  const struct forward_options forward = {.kernels = options->kernels,
                                          .threads = options->threads,
                                          .hooks = {&hook, 1},
                                          .memory = options->memory};
  draw_tokens(seed, c->vocab, tokens);
  int status = forward_run(model, tokens[0], COMPONENT_SEQUENCES, LENGTH, &forward, error);
  for (size_t i = 0; !status && i < c->layers * c->heads; i++)
    scores[i] = (struct pattern_scores){mean_of(p.sums[i], 0), mean_of(p.sums[i], 1),
                                        mean_of(p.sums[i], 2)};
  free(p.sums);
  return status;
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
static double scale_of(const struct circuit_runs *runs, const float *values, size_t part,
                       double *stream)
{
  const struct model_config *c = runs_config(runs);
  double mean = 0, square = 0, n = (double)c->hidden;
  memset(stream, 0, c->hidden * sizeof *stream);
  for (size_t s = 0; s < runs->graph.sources; s++)
    for (size_t j = 0; j < c->hidden; j++)
      stream[j] += (double)values[(s + 1) * part - c->hidden + j];
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

/* direction [hidden]: the answers' rows times the norm's gain; values of all sources. */
static void effects_of(const struct circuit_runs *runs, const float *values, size_t part,
                       const double *direction, double scale, double *effects)
{
  const struct model_config *c = runs_config(runs);
  for (size_t s = 0; s < runs->graph.sources; s++) {
    const float *last = values + (s + 1) * part - c->hidden;
    double mean = 0, sum = 0;
    for (size_t j = 0; j < c->hidden && c->norm_kind == NORM_LAYER; j++)
      mean += (double)last[j] / (double)c->hidden;
    for (size_t j = 0; j < c->hidden; j++)
      sum += ((double)last[j] - mean) * direction[j];
    effects[s] = scale * sum;
  }
}

int component_direct(struct circuit_runs *runs, size_t pair, double *effects, struct error *error)
{
  const struct model_config *c = runs_config(runs);
  const struct task_pair *p = &runs->task->pairs[pair];
  const struct parameter *gain =
      parameters_of(&runs->parameters, runs->parameters.model.final_norm);
  if (runs->task->metric != TASK_LOGIT)
    return error_set(error, EXIT_INPUT,
                     "task %s: direct effects are those on logits, and it measures probabilities",
                     runs->task->name);
  size_t part = p->length * c->hidden;
  float *values = memory_alloc(runs->graph.sources, part * sizeof *values, "effects", error);
  double *vectors = values ? memory_zeroed(2 * c->hidden, sizeof(double), "effects", error) : NULL;
  int status = vectors ? circuit_sources_run(runs, pair, false, values, error) : error->code;
  if (!status) {
    add_rows(runs, p->positive, p->positive_count, 1, vectors);
    add_rows(runs, p->negative, p->negative_count, -1, vectors);
    for (size_t j = 0; gain && j < c->hidden; j++)
      vectors[j] *= (double)gain->values[j];
    double scale = scale_of(runs, values, part, vectors + c->hidden);
    effects_of(runs, values, part, vectors, scale, effects);
  }
  free(values);
  free(vectors);
  return status;
}

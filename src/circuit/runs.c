#include "base/memory.h"
#include "base/text.h"
#include "circuit/runs_state.h"

#include <inttypes.h>
#include <stdlib.h>

/* Tokens of the pairs of a batch: enough for products to be fast, few enough to be kept twice. */
#define BATCH_ROWS 1024

static size_t later(size_t a, size_t b)
{
  return a > b ? a : b;
}

const struct graph *circuit_runs_graph(const struct circuit_runs *runs)
{
  return &runs->graph;
}

size_t circuit_runs_pairs(const struct circuit_runs *runs)
{
  return runs->task->count;
}

const double *circuit_runs_clean(const struct circuit_runs *runs)
{
  return runs->metric[RUN_CLEAN];
}

const double *circuit_runs_corrupted(const struct circuit_runs *runs)
{
  return runs->metric[RUN_CORRUPTED];
}

double circuit_mean(const double *metric, size_t pairs)
{
  double sum = 0;
  for (size_t i = 0; i < pairs; i++)
    sum += metric[i];
  return sum / (double)pairs;
}

struct run_batch *runs_find(const struct circuit_runs *runs, size_t pair, size_t *index)
{
  struct run_batch *batch = runs->batches;
  for (size_t at = 0;; at++) {
    if (at == batch->first + batch->count)
      batch++;
    *index = at - batch->first;
    if (runs->order[at] == pair)
      return batch;
  }
}

void runs_progress(const struct circuit_runs *runs, double share)
{
  if (runs->options.progress)
    runs->options.progress(runs->options.context, share);
}

/* --- memory --- */

/* Bytes of a token's values, of both runs. */
static uint64_t token_bytes(const struct model_config *c)
{
  uint64_t width = (uint64_t)c->heads * c->head_dim;
  return RUN_KINDS * sizeof(float) * (c->hidden + c->layers * (width + 2 * (uint64_t)c->hidden));
}

/* And those of its gradients, by what reads them. */
static uint64_t gradient_bytes(const struct model_config *c, const struct graph *graph)
{
  return (uint64_t)graph->destinations * c->hidden * sizeof(float);
}

/* Of a token on the tape of a backward pass, about: residual stream, queries, keys and values,
 * heads and MLP of every layer. */
static uint64_t tape_bytes_about(const struct model_config *c)
{
  uint64_t mlp = (uint64_t)(c->gated_mlp ? 3 : 2) * c->ffn * (c->experts ? c->top_k : 1);
  return c->layers * (6 * (uint64_t)c->hidden + 8 * c->heads * c->head_dim + mlp) * sizeof(float);
}

/* Weights twice over: as they are, and those of one product packed, at most the LM head's. */
static uint64_t fixed_bytes(const struct model_config *c)
{
  uint64_t packed = (uint64_t)c->hidden * later(c->vocab, 4 * c->ffn) * sizeof(float);
  return parameters_bytes(c) / 2 + packed;
}

int circuit_memory_check(const struct model_config *c, const struct graph *graph, size_t longest,
                         uint64_t own, uint64_t memory, struct error *error)
{
  char have[32], need[32];
  uint64_t token = token_bytes(c) + gradient_bytes(c, graph) + tape_bytes_about(c);
  uint64_t least = own + fixed_bytes(c) + 2 * longest * token;
  if (memory >= least)
    return 0;
  return error_set(error, EXIT_INPUT,
                   "--memory: %s is not enough; a pair of %s takes %s with this model: --memory "
                   "%" PRIu64 "M or more",
                   text_bytes(have, sizeof have, memory), text_counted(longest, "token").text,
                   text_bytes(need, sizeof need, least), (least >> 20) + 1);
}

static int check_memory(struct circuit_runs *runs, struct error *error)
{
  const struct model_config *c = runs_config(runs);
  if (circuit_memory_check(c, &runs->graph, runs->task->longest, 0, runs->options.memory, error))
    return error->code;
  runs->room = runs->options.memory - fixed_bytes(c);
  return 0;
}

/* --- batches --- */

static int by_length(struct circuit_runs *runs, struct error *error)
{
  size_t pairs = runs->task->count, at = 0, *counts;
  if (!(runs->order = memory_alloc(pairs, sizeof *runs->order, "pairs", error)) ||
      !(runs->sorted = memory_alloc(pairs, sizeof *runs->sorted, "pairs", error)) ||
      !(counts = memory_zeroed(runs->task->longest + 2, sizeof *counts, "pairs", error)))
    return error->code;
  for (size_t i = 0; i < pairs; i++)
    counts[runs->task->pairs[i].length + 1]++;
  for (size_t length = 0; length <= runs->task->longest; length++)
    counts[length + 1] += counts[length];
  for (size_t i = 0; i < pairs; i++) {
    at = counts[runs->task->pairs[i].length]++;
    runs->order[at] = i;
    runs->sorted[at] = &runs->task->pairs[i];
  }
  free(counts);
  return 0;
}

/* Pairs of this length that go together: a third of the room for what their runs leave. */
static size_t batch_pairs(const struct circuit_runs *runs, size_t length)
{
  uint64_t pair = length * token_bytes(runs_config(runs));
  uint64_t fit = runs->room / 3 / pair;
  size_t wanted = later(BATCH_ROWS / length, 1);
  return fit < wanted ? later((size_t)fit, 1) : wanted;
}

static int cut(struct circuit_runs *runs, struct error *error)
{
  size_t pairs = runs->task->count;
  uint64_t values = 0;
  if (!(runs->batches = memory_zeroed(pairs, sizeof *runs->batches, "batches", error)))
    return error->code;
  for (size_t first = 0; first < pairs;) {
    size_t length = runs->sorted[first]->length, most = batch_pairs(runs, length), count = 1;
    while (count < most && first + count < pairs && runs->sorted[first + count]->length == length)
      count++;
    runs->batches[runs->batch_count++] = (struct run_batch){
        .pairs = runs->sorted + first, .first = first, .count = count, .seq_len = length};
    values += count * length * token_bytes(runs_config(runs));
    first += count;
  }
  runs->keeps = values <= runs->room / 3;
  if (runs->keeps)
    runs->room -= values;
  return 0;
}

/* --- creation --- */

static int check_task(const struct circuit_runs *runs, struct error *error)
{
  const struct model_config *c = runs_config(runs);
  const struct task *task = runs->task;
  if (task_check_context(task->name, task, c->context, error))
    return error->code;
  return task_check_vocab(task->name, task, (int64_t)c->vocab, error);
}

static int start(struct circuit_runs *runs, const struct model *model, struct error *error)
{
  size_t pairs = runs->task->count;
  runs->parameters.model.config = model->config; /* until they are read: who they are */
  if (graph_create(&model->config, &runs->graph, error) || check_task(runs, error) ||
      check_memory(runs, error) || parameters_read_values(model, &runs->parameters, error) ||
      by_length(runs, error) || cut(runs, error))
    return error->code;
  for (int kind = 0; kind < RUN_KINDS; kind++)
    if (!(runs->metric[kind] = memory_alloc(pairs, sizeof(double), "metric", error)))
      return error->code;
  for (size_t i = 0; i < runs->batch_count; i++) {
    if (runs_load(runs, &runs->batches[i], error))
      return error->code;
    runs_progress(runs, (double)(i + 1) / (double)runs->batch_count);
  }
  return 0;
}

int circuit_runs_create(const struct model *model, const struct task *task,
                        const struct circuit_options *options, struct circuit_runs **out,
                        struct error *error)
{
  struct circuit_runs *runs = memory_zeroed(1, sizeof *runs, "runs", error);
  *out = runs;
  if (!runs)
    return error->code;
  runs->options = *options;
  runs->task = task;
  return start(runs, model, error);
}

void circuit_runs_free(struct circuit_runs *runs)
{
  if (!runs)
    return;
  for (size_t i = 0; i < runs->batch_count; i++)
    free(runs->batches[i].values);
  parameters_free(&runs->parameters);
  free(runs->batches);
  free(runs->order);
  free(runs->sorted);
  free(runs->metric[RUN_CLEAN]);
  free(runs->metric[RUN_CORRUPTED]);
  free(runs);
}

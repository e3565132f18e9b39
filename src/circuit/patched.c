#include "circuit/patched.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "circuit/patching.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- creation --- */

static void fill_none(size_t *list, size_t count)
{
  for (size_t i = 0; i < count; i++)
    list[i] = TAPE_NONE;
}

static int allocate(struct patching *p, struct error *error)
{
  const struct graph *graph = &p->runs->graph;
  size_t heads = graph->layers * graph->heads;
  if (!(p->layers = memory_zeroed(graph->layers, sizeof *p->layers, "patched run", error)) ||
      !(p->head_whose = memory_zeroed(heads, sizeof *p->head_whose, "patched run", error)) ||
      !(p->head_value = memory_zeroed(heads, sizeof *p->head_value, "patched run", error)) ||
      !(p->differences =
            memory_alloc(heads, WHOSE * WHOSE * sizeof(size_t), "patched run", error)) ||
      !(p->read = memory_zeroed(graph->heads, 1, "patched run", error)))
    return error->code;
  fill_none(p->embedding, RUN_KINDS);
  fill_none(p->differences, heads * WHOSE * WHOSE);
  for (size_t l = 0; l < graph->layers; l++) {
    fill_none(p->layers[l].heads, RUN_KINDS);
    fill_none(p->layers[l].attention, WHOSE);
    fill_none(p->layers[l].mlp, WHOSE);
  }
  return 0;
}

static void release(struct patching *p)
{
  for (size_t l = 0; p->layers && l < p->runs->graph.layers; l++) {
    for (size_t i = 0; i < p->layers[l].mixed_count; i++)
      free((void *)(uintptr_t)p->layers[l].mixed[i].heads);
    free(p->layers[l].mixed);
    free(p->layers[l].streams);
  }
  free(p->layers);
  free(p->head_whose);
  free(p->head_value);
  free(p->differences);
  free(p->read);
}

/* --- a run --- */

/* What belongs to the tape of some pairs of a batch. */
struct patched {
  struct patching patching;
  struct answers answers;
  struct tape_part head;
  struct tape_pass_input input;
  struct tape_pass pass;
  enum whose logits; /* those of another run: nothing to compute */
  double *metric;    /* [count] */
};

static int record(struct patched *run, struct error *error)
{
  struct patching *p = &run->patching;
  const struct circuit_runs *runs = p->runs;
  if (tape_create(runs->options.kernels, runs->options.threads, &p->tape, error))
    return error->code;
  tape_stop_when(p->tape, interrupt_requested);
  run->head = answers_part(&run->answers, p->tape, runs_config(runs)->hidden);
  run->input = (struct tape_pass_input){.parameters = &runs->parameters,
                                        .sequences = p->count,
                                        .seq_len = p->batch->seq_len,
                                        .embedding = TAPE_NONE,
                                        .head = &run->head};
  p->recorder = (struct recorder){.tape = p->tape, .input = &run->input, .pass = &run->pass};
  if (recorder_start(&p->recorder, NULL, error))
    return error->code;
  for (size_t l = 0; l < runs->graph.layers && !p->failed; l++) {
    patch_heads(p, l);
    patch_mlp(p, l);
  }
  run->logits = patch_reads(p, runs->graph.destinations - 1);
  if (run->logits == OF_THIS && !p->failed)
    tape_keep(p->tape, recorder_top(&p->recorder, patch_stream(p, runs->graph.destinations - 1)));
  if (p->failed)
    return error_set(error, EXIT_RUN, "out of memory for a patched run");
  return run->logits == OF_THIS ? tape_plan(p->tape, false, error) : 0;
}

static int compute(struct patched *run, double *metric, struct error *error)
{
  struct patching *p = &run->patching;
  const struct circuit_runs *runs = p->runs;
  bool finite = true;
  if (run->logits == OF_THIS) {
    if (tape_allocate(p->tape, error))
      return error->code;
    tape_forward(p->tape);
    if (tape_stopped(p->tape))
      return interrupt_check(error);
    answers_measure(&run->answers, 1, tape_data(p->tape, run->pass.logits),
                    tape_stride(p->tape, run->pass.logits), runs->options.threads, run->metric,
                    NULL);
  }
  for (size_t i = 0; i < p->count; i++) {
    size_t pair = runs->order[p->batch->first + p->first + i];
    metric[pair] = run->logits == OF_THIS ? run->metric[i] : runs->metric[(int)run->logits][pair];
    finite &= isfinite(metric[pair]) != 0;
  }
  if (finite)
    return 0;
  return tape_check(p->tape, error) ? error->code
                                    : error_set(error, EXIT_INPUT, "a metric is not finite");
}

/* Pairs [first, first + count) of a batch; *fits false: more than the memory, and nothing is done
 * yet. */
static int run_slice(struct circuit_runs *runs, const struct run_batch *batch, size_t first,
                     size_t count, const unsigned char *kept, const unsigned char *needed,
                     double *metric, bool *fits, struct error *error)
{
  struct patched run = {.patching = {.runs = runs,
                                     .batch = batch,
                                     .first = first,
                                     .count = count,
                                     .kept = kept,
                                     .needed = needed}};
  struct patching *p = &run.patching;
  int status = allocate(p, error);
  if (!status)
    status = answers_create(&runs->parameters, runs->task->metric, batch->pairs + first, count,
                            &run.answers, error);
  if (!status && !(run.metric = memory_alloc(count, sizeof *run.metric, "metric", error)))
    status = error->code;
  if (!status)
    status = record(&run, error);
  *fits = status || run.logits != OF_THIS || count == 1 || tape_bytes(p->tape) <= runs->room;
  if (!status && *fits)
    status = compute(&run, metric, error);
  recorder_end(&p->recorder);
  tape_free(p->tape);
  tape_pass_free(&run.pass);
  answers_free(&run.answers);
  free(run.metric);
  release(p);
  return status;
}

/* Nodes that logits depend on by kept edges, [sources + 1]. */
static void find_needed(const struct graph *graph, const unsigned char *kept, unsigned char *needed)
{
  memset(needed, 0, graph->sources + 1);
  needed[graph->sources] = 1;
  for (size_t d = graph->destinations; d-- > 0;) {
    const unsigned char *edges = kept + graph_first_edge(graph, d);
    if (!needed[graph_node(graph, d)])
      continue;
    for (size_t s = 0; s < graph_sources_of(graph, d); s++)
      needed[s] |= edges[s] != 0;
  }
}

static int run_batch(struct circuit_runs *runs, struct run_batch *batch, const unsigned char *kept,
                     const unsigned char *needed, double *metric, struct error *error)
{
  if (runs_load(runs, batch, error))
    return error->code;
  size_t step = batch->count;
  for (size_t first = 0; first < batch->count;) {
    size_t count = batch->count - first < step ? batch->count - first : step;
    bool fits;
    if (run_slice(runs, batch, first, count, kept, needed, metric, &fits, error))
      return error->code;
    if (fits)
      first += count;
    else
      step = (count + 1) / 2;
  }
  return 0;
}

int circuit_patched_run(struct circuit_runs *runs, const unsigned char *kept, double *metric,
                        struct error *error)
{
  unsigned char *needed = memory_alloc(runs->graph.sources + 1, 1, "patched run", error);
  if (!needed)
    return error->code;
  find_needed(&runs->graph, kept, needed);
  int status = 0;
  for (size_t i = 0; i < runs->batch_count && !status; i++)
    status = run_batch(runs, &runs->batches[i], kept, needed, metric, error);
  free(needed);
  return status;
}

int circuit_exact_run(struct circuit_runs *runs, const size_t *edges, size_t count, double *effects,
                      struct error *error)
{
  size_t pairs = runs->task->count;
  unsigned char *kept = memory_alloc(runs->graph.edges, 1, "patched run", error);
  double *metric = kept ? memory_alloc(pairs, sizeof *metric, "patched run", error) : NULL;
  double clean = circuit_mean(runs->metric[RUN_CLEAN], pairs);
  int status = metric ? 0 : error->code;
  if (metric)
    memset(kept, 1, runs->graph.edges);
  for (size_t i = 0; i < count && !status; i++) {
    kept[edges[i]] = 0;
    status = circuit_patched_run(runs, kept, metric, error);
    kept[edges[i]] = 1;
    effects[i] = circuit_mean(metric, pairs) - clean;
    runs_progress(runs, (double)(i + 1) / (double)count);
  }
  free(kept);
  free(metric);
  return status;
}

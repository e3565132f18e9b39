#include "circuit/integrate.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

float integrate_at(const struct attribution *method, size_t k)
{
  double m = (double)method->steps, at = (double)k;
  switch (method->rule) {
  case ATTRIBUTION_FIRST0:
    return (float)(at / m);
  case ATTRIBUTION_FIRST1:
    return (float)((at + 1) / m);
  case ATTRIBUTION_MIDPOINTS:
    return (float)((at + 0.5) / m);
  case ATTRIBUTION_GRADIENT:
    break;
  }
  return 1;
}

/* Some steps of every pair of a batch, on a tape: sequences are (pair, step). */
struct integrating {
  struct circuit_runs *runs;
  const struct run_batch *batch;
  const struct attribution *method;
  struct answers answers;
  float *sums;
  size_t steps;   /* on the tape */
  size_t columns; /* of the logits */
  struct tape *tape;
  struct tape_pass pass;
  float *embedding, *gradient; /* [rows][hidden] of the tape */
  float *factors;              /* [sequences][columns] the metric's gradient */
  double *metric;              /* [sequences] */
};

static void end(struct integrating *g)
{
  tape_free(g->tape);
  tape_pass_free(&g->pass);
  free(g->embedding);
  free(g->gradient);
  free(g->factors);
  free(g->metric);
  g->tape = NULL;
  g->embedding = g->gradient = g->factors = NULL;
  g->metric = NULL;
}

static int allocate(struct integrating *g, struct error *error)
{
  size_t hidden = runs_config(g->runs)->hidden, sequences = g->batch->count * g->steps;
  size_t floats = sequences * g->batch->seq_len * hidden;
  if (!(g->embedding = memory_zeroed(floats, sizeof(float), "embeddings", error)) ||
      !(g->gradient = memory_zeroed(floats, sizeof(float), "embeddings", error)) ||
      !(g->factors = memory_zeroed(sequences * g->columns, sizeof(float), "metric", error)) ||
      !(g->metric = memory_zeroed(sequences, sizeof(double), "metric", error)))
    return error->code;
  return 0;
}

/* The pass and its metric: a sum of logits whose factors, the metric's gradient, are known once the
 * logits are. */
static int record(struct integrating *g, struct error *error)
{
  const struct circuit_runs *runs = g->runs;
  size_t hidden = runs_config(runs)->hidden, sequences = g->batch->count * g->steps;
  size_t rows = sequences * g->batch->seq_len;
  if (tape_create(runs->options.kernels, runs->options.threads, &g->tape, error))
    return error->code;
  const struct tape_part head = answers_part(&g->answers, g->tape, hidden);
  size_t leaf = tape_leaf(g->tape, rows, hidden, g->embedding, g->gradient);
  const struct tape_pass_input input = {.parameters = &runs->parameters,
                                        .sequences = sequences,
                                        .seq_len = g->batch->seq_len,
                                        .embedding = tape_add(g->tape, &leaf, 1),
                                        .head = &head,
                                        .sums = g->sums,
                                        .repeats = g->steps};
  if (tape_pass_record(g->tape, &input, NULL, &g->pass, error))
    return error->code;
  size_t factors = tape_leaf(g->tape, sequences, g->columns, g->factors, NULL);
  (void)tape_weighted_sum(g->tape, g->pass.logits, factors, 1);
  tape_keep(g->tape, g->pass.logits);
  return tape_plan(g->tape, false, error);
}

/* A tape of `steps` steps; *fits says whether it is small enough to run, and then it is ready. */
static int begin(struct integrating *g, size_t steps, bool *fits, struct error *error)
{
  uint64_t taken = batch_rows(g->batch) * (uint64_t)g->runs->graph.destinations *
                   runs_config(g->runs)->hidden * sizeof(float);
  uint64_t room = g->runs->room > taken ? g->runs->room - taken : 0;
  g->steps = steps;
  if (allocate(g, error) || record(g, error))
    return error->code;
  *fits = tape_bytes(g->tape) <= room;
  if (!*fits && steps > 1) {
    end(g);
    return 0;
  }
  *fits = true;
  return tape_allocate(g->tape, error);
}

/* e_k of all pairs and of steps [k, k + steps). */
static void place_embeddings(struct integrating *g, size_t k)
{
  size_t part = g->batch->seq_len * runs_config(g->runs)->hidden;
  for (size_t i = 0; i < g->batch->count * g->steps; i++) {
    float a = integrate_at(g->method, k + i % g->steps), *to = g->embedding + i * part;
    const float *clean = g->batch->run[RUN_CLEAN].embedding + i / g->steps * part;
    const float *corrupted = g->batch->run[RUN_CORRUPTED].embedding + i / g->steps * part;
    for (size_t j = 0; j < part; j++)
      to[j] = a < 1 ? fmaf(a, clean[j] - corrupted[j], corrupted[j]) : clean[j];
  }
}

static int step(struct integrating *g, size_t k, struct error *error)
{
  size_t sequences = g->batch->count * g->steps;
  place_embeddings(g, k);
  tape_forward(g->tape);
  answers_measure(&g->answers, g->steps, tape_data(g->tape, g->pass.logits),
                  tape_stride(g->tape, g->pass.logits), g->runs->options.threads, g->metric,
                  g->factors);
  tape_backward(g->tape, false);
  size_t floats = sequences * g->batch->seq_len * runs_config(g->runs)->hidden;
  if (g->runs->options.kernels->all_finite(g->gradient, floats))
    return 0;
  return tape_check(g->tape, error)
             ? error->code
             : error_set(error, EXIT_INPUT, "a gradient of the embedding is not finite");
}

/* As many steps at a time as fit, all times alike but the last. */
static int begin_largest(struct integrating *g, struct error *error)
{
  size_t rows = batch_rows(g->batch), most = INTEGRATE_ROWS / rows, total = g->method->steps;
  size_t steps = most < 1 ? 1 : most < total ? most : total;
  bool fits = false;
  while (!fits) {
    size_t times = (total + steps - 1) / steps;
    if (begin(g, (total + times - 1) / times, &fits, error))
      return error->code;
    steps = (steps + 1) / 2;
  }
  return 0;
}

static int run(struct integrating *g, void (*done)(void *context, double share), void *context,
               struct error *error)
{
  size_t total = g->method->steps;
  bool fits;
  if (begin_largest(g, error))
    return error->code;
  for (size_t k = 0; k < total; k += g->steps) {
    if (total - k < g->steps) {
      end(g);
      if (begin(g, total - k, &fits, error))
        return error->code;
    }
    if (step(g, k, error))
      return error->code;
    done(context, (double)(k + g->steps) / (double)total);
  }
  return 0;
}

int integrate(struct circuit_runs *runs, const struct run_batch *batch,
              const struct attribution *method, float *sums,
              void (*done)(void *context, double share), void *context, struct error *error)
{
  struct integrating g = {.runs = runs, .batch = batch, .method = method, .sums = sums};
  size_t floats = batch_rows(batch) * runs->graph.destinations * runs_config(runs)->hidden;
  memset(sums, 0, floats * sizeof *sums);
  int status = answers_create(&runs->parameters, runs->task->metric, batch->pairs, batch->count,
                              &g.answers, error);
  g.columns = g.answers.columns;
  if (!status)
    status = run(&g, done, context, error);
  end(&g);
  answers_free(&g.answers);
  return status;
}

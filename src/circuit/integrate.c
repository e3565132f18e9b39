#include "circuit/integrate.h"

#include "base/interrupt.h"
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
  const struct attribution *method;
  struct run_batch batch; /* the pairs at hand */
  struct answers answers;
  float *sums;
  size_t count, seq_len, columns; /* what the memory is for: pairs, tokens, answers */
  size_t steps;                   /* on the tape */
  struct tape *tape;
  struct tape_pass pass;
  float *head[2];              /* [columns][hidden], [columns] the answers' rows */
  float *embedding, *gradient; /* [rows][hidden] of the tape */
  float *factors;              /* [sequences][columns] the metric's gradient */
  double *metric;              /* [sequences] */
};

static size_t sums_floats(const struct integrating *g)
{
  return g->count * g->seq_len * g->runs->graph.destinations * runs_config(g->runs)->hidden;
}

/* Leaves the tape; the sums and the answers' rows stay. */
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
  size_t hidden = runs_config(g->runs)->hidden, sequences = g->count * g->steps;
  size_t floats = sequences * g->seq_len * hidden;
  if (!(g->embedding = memory_alloc(floats, sizeof(float), "embeddings", error)) ||
      !(g->gradient = memory_alloc(floats, sizeof(float), "embeddings", error)) ||
      !(g->factors = memory_zeroed(sequences * g->columns, sizeof(float), "metric", error)) ||
      !(g->metric = memory_alloc(sequences, sizeof(double), "metric", error)))
    return error->code;
  return 0;
}

/* The pass and its metric: a sum of logits whose factors, the metric's gradient, are known once the
 * logits are. */
static int record(struct integrating *g, struct error *error)
{
  const struct circuit_runs *runs = g->runs;
  size_t hidden = runs_config(runs)->hidden, sequences = g->count * g->steps;
  if (tape_create(runs->options.kernels, runs->options.threads, &g->tape, error))
    return error->code;
  struct answers answers = g->answers;
  answers.weight = answers.all ? answers.weight : g->head[0];
  answers.bias = answers.all || !answers.bias ? answers.bias : g->head[1];
  const struct tape_part head = answers_part(&answers, g->tape, hidden);
  size_t leaf = tape_leaf(g->tape, sequences * g->seq_len, hidden, g->embedding, g->gradient);
  const struct tape_pass_input input = {.parameters = &runs->parameters,
                                        .sequences = sequences,
                                        .seq_len = g->seq_len,
                                        .embedding = tape_add(g->tape, &leaf, 1),
                                        .head = &head,
                                        .sums = g->sums,
                                        .repeats = g->steps};
  if (tape_pass_record(g->tape, &input, NULL, &g->pass, error))
    return error->code;
  tape_stop_when(g->tape, interrupt_requested);
  size_t factors = tape_leaf(g->tape, sequences, g->columns, g->factors, NULL);
  (void)tape_weighted_sum(g->tape, g->pass.logits, factors, 1);
  tape_keep(g->tape, g->pass.logits);
  return tape_plan(g->tape, false, error);
}

/* A tape of `steps` steps; *fits says whether it is small enough to run, and then it is ready. */
static int begin(struct integrating *g, size_t steps, bool *fits, struct error *error)
{
  uint64_t taken = sums_floats(g) * sizeof(float);
  uint64_t room = g->runs->room > taken ? g->runs->room - taken : 0;
  g->steps = steps;
  if (allocate(g, error) || record(g, error))
    return error->code;
  *fits = steps == 1 || tape_bytes(g->tape) <= room;
  if (*fits)
    return tape_allocate(g->tape, error);
  end(g);
  return 0;
}

/* As many steps at a time as fit, all times alike but the last. */
static int begin_largest(struct integrating *g, struct error *error)
{
  size_t most = INTEGRATE_ROWS / (g->count * g->seq_len), total = g->method->steps;
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

/* e_k of all pairs and of steps [k, k + steps). */
static void place_embeddings(struct integrating *g, size_t k)
{
  size_t part = g->seq_len * runs_config(g->runs)->hidden;
  for (size_t i = 0; i < g->count * g->steps; i++) {
    float a = integrate_at(g->method, k + i % g->steps), *to = g->embedding + i * part;
    const float *clean = g->batch.run[RUN_CLEAN].embedding + i / g->steps * part;
    const float *corrupted = g->batch.run[RUN_CORRUPTED].embedding + i / g->steps * part;
    for (size_t j = 0; j < part; j++)
      to[j] = a < 1 ? fmaf(a, clean[j] - corrupted[j], corrupted[j]) : clean[j];
  }
}

static int step(struct integrating *g, size_t k, struct error *error)
{
  place_embeddings(g, k);
  tape_forward(g->tape);
  if (tape_stopped(g->tape))
    return interrupt_check(error);
  answers_measure(&g->answers, g->steps, tape_data(g->tape, g->pass.logits),
                  tape_stride(g->tape, g->pass.logits), g->runs->options.threads, g->metric,
                  g->factors);
  tape_backward(g->tape, false);
  if (tape_stopped(g->tape))
    return interrupt_check(error);
  size_t floats = g->count * g->steps * g->seq_len * runs_config(g->runs)->hidden;
  if (g->runs->options.kernels->all_finite(g->gradient, floats))
    return 0;
  return tape_check(g->tape, error)
             ? error->code
             : error_set(error, EXIT_INPUT, "a gradient of the embedding is not finite");
}

static void tell(const struct integrator *i, double share)
{
  if (i->done)
    i->done(i->context, share);
}

/* All steps of the pairs at hand; where a tape stands, it is of as many steps as go together. */
static int run(const struct integrator *integrator, struct integrating *g, struct error *error)
{
  size_t total = g->method->steps;
  bool fits;
  if (!g->tape && begin_largest(g, error))
    return error->code;
  size_t steps = g->steps;
  for (size_t k = 0; k < total; k += g->steps) {
    if (total - k < g->steps) {
      end(g);
      if (begin(g, total - k, &fits, error))
        return error->code;
    }
    if (step(g, k, error))
      return error->code;
    tell(integrator, (double)(k + g->steps) / (double)total);
  }
  if (g->steps != steps)
    end(g); /* that was the rest */
  return 0;
}

/* --- from one group of pairs to the next --- */

static void release(struct integrating *g)
{
  end(g);
  answers_free(&g->answers);
  free(g->head[0]);
  free(g->head[1]);
  free(g->sums);
  free(g);
}

void integrator_free(struct integrator *integrator)
{
  if (integrator->state)
    release(integrator->state);
  integrator->state = NULL;
  integrator->sums = NULL;
}

/* Memory for a group of this shape; what is there stays if it is of the same. */
static int prepare(struct integrator *integrator, const struct run_batch *batch, size_t columns,
                   struct error *error)
{
  struct integrating *g = integrator->state;
  size_t hidden = runs_config(integrator->runs)->hidden;
  if (g && g->count == batch->count && g->seq_len == batch->seq_len && g->columns == columns)
    return 0;
  integrator_free(integrator);
  if (!(g = integrator->state = memory_zeroed(1, sizeof *g, "gradients", error)))
    return error->code;
  g->runs = integrator->runs;
  g->method = integrator->method;
  g->count = batch->count;
  g->seq_len = batch->seq_len;
  g->columns = columns;
  if (!(integrator->sums = g->sums =
            memory_alloc(sums_floats(g), sizeof(float), "gradients", error)) ||
      !(g->head[0] = memory_alloc(columns, hidden * sizeof(float), "answers", error)) ||
      !(g->head[1] = memory_alloc(columns, sizeof(float), "answers", error)))
    return error->code;
  return 0;
}

/* The answers' rows, where the tape reads them. */
static void place_answers(struct integrating *g)
{
  size_t hidden = runs_config(g->runs)->hidden;
  if (g->answers.all)
    return;
  memcpy(g->head[0], g->answers.weight, g->columns * hidden * sizeof(float));
  if (g->answers.bias)
    memcpy(g->head[1], g->answers.bias, g->columns * sizeof(float));
}

int integrate(struct integrator *integrator, const struct run_batch *batch, struct error *error)
{
  struct circuit_runs *runs = integrator->runs;
  struct answers answers;
  int status = answers_create(&runs->parameters, runs->task->metric, batch->pairs, batch->count,
                              &answers, error);
  if (!status)
    status = prepare(integrator, batch, answers.columns, error);
  if (status) {
    answers_free(&answers);
    return status;
  }
  struct integrating *g = integrator->state;
  answers_free(&g->answers);
  g->answers = answers;
  g->batch = *batch;
  place_answers(g);
  memset(g->sums, 0, sums_floats(g) * sizeof *g->sums);
  return run(integrator, g, error);
}

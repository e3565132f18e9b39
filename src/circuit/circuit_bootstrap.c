#include "circuit/circuit_bootstrap.h"

#include "base/interrupt.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

struct work {
  const struct circuit_resampling *of;
  const struct graph *graph;
  size_t pairs;
  struct resampler resampler;
  size_t *times;               /* [pairs] of the resample */
  double *mean;                /* [edges] */
  size_t *order;               /* [edges] */
  unsigned char *kept;         /* [edges] */
  double *ratios, *normalised; /* [resamples] */
};

static int create(struct work *w, struct error *error)
{
  size_t edges = w->graph->edges, resamples = w->of->resamples;
  w->times = memory_alloc(w->pairs, sizeof *w->times, "bootstrap", error);
  w->mean = memory_alloc(edges, sizeof *w->mean, "bootstrap", error);
  w->order = memory_alloc(edges, sizeof *w->order, "bootstrap", error);
  w->kept = memory_alloc(edges, sizeof *w->kept, "bootstrap", error);
  w->ratios = memory_alloc(resamples, sizeof *w->ratios, "bootstrap", error);
  w->normalised = memory_alloc(resamples, sizeof *w->normalised, "bootstrap", error);
  if (!w->times || !w->mean || !w->order || !w->kept || !w->ratios || !w->normalised)
    return error->code;
  return resampler_start(BOOTSTRAP_SEED, (int64_t)w->pairs, &w->resampler, error);
}

static void destroy(struct work *w)
{
  resampler_free(&w->resampler);
  free(w->times);
  free(w->mean);
  free(w->order);
  free(w->kept);
  free(w->ratios);
  free(w->normalised);
}

/* The sum of times x metric, pairs ascending from +0. */
static double sum(const struct work *w, const double *metric)
{
  double sum = 0;
  for (size_t i = 0; i < w->pairs; i++)
    sum += (double)w->times[i] * metric[i];
  return sum;
}

static void take_ratios(const struct work *w, size_t resample)
{
  double metric = sum(w, w->of->metric), clean = sum(w, circuit_runs_clean(w->of->runs));
  double corrupted = sum(w, circuit_runs_corrupted(w->of->runs));
  w->ratios[resample] = metric / clean;
  w->normalised[resample] = (metric - corrupted) / (clean - corrupted);
}

static int choose(struct work *w, size_t *included, struct error *error)
{
  const struct circuit_resampling *of = w->of;
  circuit_scores_mean(of->runs, of->method, of->scores, w->times, w->mean);
  if (choice_order(w->graph, w->mean, of->rule, w->order, error))
    return error->code;
  choice_take(w->graph, w->order, of->n, w->kept);
  if (choice_prune(w->graph, w->kept, error) == SIZE_MAX)
    return error->code;
  for (size_t e = 0; e < w->graph->edges; e++)
    included[e] += w->kept[e];
  return 0;
}

static int resample(struct work *w, struct circuit_bootstrap *bootstrap, struct error *error)
{
  for (size_t b = 0; b < w->of->resamples; b++) {
    if (interrupt_check(error))
      return error->code;
    if (resampler_next(&w->resampler, error))
      return error->code;
    for (size_t i = 0; i < w->pairs; i++)
      w->times[i] = w->resampler.counts[i];
    take_ratios(w, b);
    if (choose(w, bootstrap->included, error))
      return error->code;
  }
  return 0;
}

/* NAN throughout where a resample has no ratio: its clean metric is 0. */
static struct interval interval_of(double value, double *values, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (!isfinite(values[i]))
      return (struct interval){value, NAN, NAN};
  return bootstrap_interval(value, values, count);
}

/* That of all pairs once, and of the resamples. */
static void take_intervals(struct work *w, struct circuit_bootstrap *bootstrap)
{
  for (size_t i = 0; i < w->pairs; i++)
    w->times[i] = 1;
  double metric = sum(w, w->of->metric), clean = sum(w, circuit_runs_clean(w->of->runs));
  double corrupted = sum(w, circuit_runs_corrupted(w->of->runs));
  bootstrap->ratio = interval_of(metric / clean, w->ratios, w->of->resamples);
  bootstrap->normalised =
      interval_of((metric - corrupted) / (clean - corrupted), w->normalised, w->of->resamples);
}

int circuit_bootstrap_run(const struct circuit_resampling *of, struct circuit_bootstrap *bootstrap,
                          struct error *error)
{
  struct work w = {
      .of = of, .graph = circuit_runs_graph(of->runs), .pairs = circuit_runs_pairs(of->runs)};
  *bootstrap = (struct circuit_bootstrap){.resamples = of->resamples};
  bootstrap->included =
      memory_zeroed(w.graph->edges, sizeof *bootstrap->included, "bootstrap", error);
  if (bootstrap->included && !create(&w, error) && !resample(&w, bootstrap, error))
    take_intervals(&w, bootstrap);
  destroy(&w);
  if (error->code)
    circuit_bootstrap_free(bootstrap);
  return error->code;
}

void circuit_bootstrap_free(struct circuit_bootstrap *bootstrap)
{
  free(bootstrap->included);
  *bootstrap = (struct circuit_bootstrap){0};
}

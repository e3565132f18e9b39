/* An update of the few-shot model: drawing a batch, its loss and gradients, and Adam. */
#include "base/json.h"
#include "base/memory.h"
#include "bench/bench.h"
#include "bench/bench_measure.h"
#include "few_shot/adam.h"
#include "few_shot/model.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 15
#define QUICK_ROUNDS 5
#define UPDATES 200 /* of a round */
#define BATCH 32

static const struct few_sizes published = {512, 64, 8, 5};
static const struct few_data_settings settings = {50, 100, 5};

/* The runs that learn most and least under a clamp, and the one without. */
static const struct {
  const char *name;
  struct few_clamp clamp;
} clamps[] = {
    {"none", {.match = 0}},
    {"match", {.ablate = {0, 0xF7}, .match = 8, .match_strength = 1}},
    {"layer 0", {.ablate = {0, 0xF7}, .perfect_layer0 = true}},
};
#define CLAMPS (sizeof clamps / sizeof *clamps)

struct bench_few {
  struct bench *bench;
  size_t which;
  struct threads *threads; /* the caller's alone */
  struct few_data data;
  struct random random;
  struct few_model *model;
  struct few_adam adam;
  float *parameters, *gradients;
};

static int open_run(struct bench_few *f, struct error *error)
{
  const struct few_items items = few_items_surrogate(FEW_GAUSSIAN, 1);
  const struct few_model_options options = {.kernels = f->bench->best,
                                            .sizes = published,
                                            .batch = BATCH,
                                            .items = settings.classes,
                                            .clamp = &clamps[f->which].clamp};
  size_t count = few_parameters(&published);
  if (threads_start(1, &f->threads, error))
    return error->code;
  random_seed(&f->random, 0);
  f->parameters = memory_alloc(count, sizeof *f->parameters, "bench", error);
  f->gradients = f->parameters ? memory_alloc(count, sizeof *f->gradients, "bench", error) : NULL;
  if (!f->gradients || few_data_create("bench", &items, &settings, &f->data, error))
    return error->code;
  few_initial(&published, 5, f->parameters);
  if (few_model_create(&options, f->parameters, f->gradients, &f->model, error))
    return error->code;
  return few_adam_create(1e-5, 0.9, 0.999, 1e-8, count, &f->adam, error);
}

static void close_run(struct bench_few *f)
{
  few_model_free(f->model);
  few_adam_free(&f->adam);
  few_data_free(&f->data);
  free(f->parameters);
  free(f->gradients);
  threads_stop(f->threads);
}

static int update(struct bench_few *f, struct error *error)
{
  struct few_sequence batch[BATCH];
  const struct few_table table = few_data_table(&f->data, FEW_SET_TRAIN);
  double loss;
  few_data_draw(&f->data, FEW_SET_TRAIN, &f->random, batch, BATCH);
  if (few_model_run(f->model, &table, batch, &loss, error))
    return error->code;
  (void)few_gradient_norm(f->bench->best, &published, f->gradients);
  few_adam_step(&f->adam, f->bench->best, f->gradients, f->parameters);
  return 0;
}

/* Products with weights that an update takes without a clamp, multiply and add: those of the items
 * have no gradient of their input. */
static double unclamped_gflop(void)
{
  double d = (double)published.hidden, labels = (double)published.labels;
  double items = (double)settings.classes, rows = FEW_POSITIONS * BATCH;
  double embed = items * (double)published.width * d;
  double layers = d * d * (3 * (items + labels) + rows + 2 * rows + 2 * BATCH);
  return 2e-9 * (2 * embed + 3 * (layers + BATCH * d * labels));
}

static void report(const struct bench_few *f, const struct samples *seconds,
                   const struct samples *peaks)
{
  struct spread s = samples_spread(seconds), peak = samples_spread(peaks);
  struct spread milliseconds = {1e3 * s.median, 1e3 * s.low, 1e3 * s.high};
  double share = f->which ? 0 : unclamped_gflop() / s.median / peak.median;
  char range[32], of_peak[32] = "-";
  if (share > 0)
    snprintf(of_peak, sizeof of_peak, "%.1f %%", 100 * share);
  if (f->bench->text)
    printf("  %-12s %-8s %9.3f %14s %8.1f %9s\n", clamps[f->which].name, f->bench->best->name,
           milliseconds.median, spread_range(&milliseconds, 3, range), peak.median, of_peak);
  json_add(f->bench->few_shot,
           json_pack("{s:s, s:s, s:i, s:f, s:o, s:f, s:o}", "clamp", clamps[f->which].name, "isa",
                     f->bench->best->name, "batch", BATCH, "milliseconds", milliseconds.median,
                     "milliseconds_range", spread_json(&milliseconds), "peak_gflops", peak.median,
                     "fraction_of_peak", share > 0 ? json_real(share) : json_null()));
}

static int measure(struct bench_few *f, struct error *error)
{
  struct samples seconds = {0}, peaks = {0};
  int rounds = f->bench->options.quick ? QUICK_ROUNDS : ROUNDS;
  if (update(f, error)) /* touches the memory */
    return error->code;
  for (int round = 0; bench_round(f->bench, round, rounds, 0.95); round++) {
    samples_add(&peaks, peak_sample(f->bench->best, f->threads));
    double start = bench_clock(f->threads);
    for (int i = 0; i < UPDATES; i++)
      if (update(f, error))
        return error->code;
    samples_add(&seconds, (bench_clock(f->threads) - start) / UPDATES);
  }
  report(f, &seconds, &peaks);
  return 0;
}

int bench_few_shot(struct bench *b, struct error *error)
{
  if (b->text)
    printf("\nFew-shot update: %d sequences of 5 tokens, %zu parameters, one thread\n"
           "  %-12s %-8s %9s %14s %8s %9s\n",
           BATCH, few_parameters(&published), "clamp", "isa", "ms", "range", "GFLOP/s", "of peak");
  for (size_t i = 0; i < CLAMPS; i++) {
    struct bench_few f = {.bench = b, .which = i};
    int status = open_run(&f, error);
    if (!status)
      status = measure(&f, error);
    close_run(&f);
    if (status)
      return status;
  }
  return 0;
}

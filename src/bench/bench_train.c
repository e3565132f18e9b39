/* A training step: forward, backward and AdamW. */
#include "base/json.h"
#include "base/memory.h"
#include "bench/bench.h"
#include "bench/bench_measure.h"
#include "bench/bench_shapes.h"
#include "model/config_write.h"
#include "tape/model.h"
#include "train/initial.h"
#include "train/optimizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 25
#define QUICK_ROUNDS 5
#define LONG_GFLOP 20.0 /* a step of so many needs few rounds */
#define LONG_ROUNDS 3

/* The nursery's models with its batch, and one of ten million parameters. */
static const struct {
  struct shape shape;
  size_t sequences, seq_len;
} trained[] = {
    {{"nursery-gpt_neox", "gpt_neox", DTYPE_F32, 4, 64, 4, 256, 98, 0, 0, 0}, 16, 64},
    {{"nursery-olmo", "olmo", DTYPE_F32, 4, 64, 4, 176, 98, 0, 0, 0}, 16, 64},
    {{"nursery-olmoe", "olmoe", DTYPE_F32, 4, 64, 4, 64, 98, 8, 2, 0}, 16, 64},
    {{"olmo-10m", "olmo", DTYPE_F32, 8, 256, 4, 704, 8192, 0, 0, 0}, 16, 256},
};
#define TRAINED (sizeof trained / sizeof *trained)

/* The nursery is small already. */
static uint64_t shrink_of(const struct bench *b, const struct shape *shape)
{
  return shape->hidden < 256 ? 1 : b->options.shrink;
}

struct bench_train {
  struct bench *bench;
  const struct shape *shape;
  size_t sequences, seq_len;
  struct threads *threads;
  struct parameters parameters;
  struct tape_model *model;
  struct optimizer optimizer;
  int32_t *tokens;
};

static int create_parameters(struct bench_train *t, struct error *error)
{
  const struct initial initial = {1, 0.7, 0.05, 0.2};
  struct model_config config;
  struct random random;
  if (shape_config(t->shape, shrink_of(t->bench, t->shape), &config, error))
    return error->code;
  char *json = model_config_write(&config, DTYPE_F32, "bench", error);
  if (!json || parameters_create(t->shape->name, json, strlen(json), &t->parameters, error)) {
    free(json);
    return error->code;
  }
  free(json);
  random_seed(&random, 1);
  initial_fill(&initial, &random, &t->parameters);
  size_t count = t->sequences * (t->seq_len + 1);
  t->tokens = memory_alloc(count, sizeof *t->tokens, "bench", error);
  for (size_t i = 0; t->tokens && i < count; i++)
    t->tokens[i] = (int32_t)random_integer(&random, 0, (int64_t)config.vocab);
  return t->tokens ? 0 : error->code;
}

static int open_step(struct bench_train *t, struct error *error)
{
  bool experts = t->shape->experts > 0;
  const struct tape_model_options options = {.kernels = t->bench->best,
                                             .threads = t->threads,
                                             .batch = t->sequences,
                                             .seq_len = t->seq_len,
                                             .load_balancing = experts ? 0.01 : 0,
                                             .router_z = experts ? 0.001 : 0};
  const struct optimizer_settings settings = {METHOD_ADAMW, 0.9, 0.98, 1e-8, 0.1, 1.0};
  if (create_parameters(t, error) ||
      tape_model_create(&t->parameters, &options, &t->model, error) ||
      tape_model_plan(t->model, error) || tape_model_allocate(t->model, error))
    return error->code;
  return optimizer_create(&settings, t->bench->best, t->threads, &t->parameters, &t->optimizer,
                          error);
}

static void close_step(struct bench_train *t)
{
  tape_model_free(t->model);
  optimizer_free(&t->optimizer);
  parameters_free(&t->parameters);
  free(t->tokens);
}

static int step(struct bench_train *t, struct error *error)
{
  struct tape_losses losses;
  if (tape_model_run(t->model, t->tokens, &losses, error))
    return error->code;
  optimizer_step(&t->optimizer, 1e-4, optimizer_norm(&t->optimizer));
  return 0;
}

static void report(const struct bench_train *t, const struct samples *seconds,
                   const struct samples *peaks)
{
  struct spread s = samples_spread(seconds), peak = samples_spread(peaks);
  double gflop = tape_model_gflop(t->model), speed = gflop / s.median;
  struct spread milliseconds = {1e3 * s.median, 1e3 * s.low, 1e3 * s.high};
  int threads = threads_count(t->threads);
  char range[32];
  if (t->bench->text)
    printf("  %-17s %-8s %7d %10zu %9.2f %16s %9.1f %6.1f %%\n", t->shape->name,
           t->bench->best->name, threads, t->parameters.elements, milliseconds.median,
           spread_range(&milliseconds, 1, range), speed, 100 * speed / peak.median);
  json_add(t->bench->train,
           json_pack("{s:s, s:s, s:i, s:I, s:I, s:I, s:f, s:o, s:f, s:f, s:f}", "shape",
                     t->shape->name, "isa", t->bench->best->name, "threads", threads, "parameters",
                     (json_int_t)t->parameters.elements, "sequences", (json_int_t)t->sequences,
                     "seq_len", (json_int_t)t->seq_len, "milliseconds", milliseconds.median,
                     "milliseconds_range", spread_json(&milliseconds), "gflop", gflop, "gflops",
                     speed, "fraction_of_peak", speed / peak.median));
}

/* The first step is not counted: it touches the memory. */
static int measure(struct bench_train *t, struct error *error)
{
  struct samples seconds = {0}, peaks = {0};
  int rounds = t->bench->options.quick ? QUICK_ROUNDS : ROUNDS;
  if (tape_model_gflop(t->model) > LONG_GFLOP)
    rounds = t->bench->options.quick ? 1 : LONG_ROUNDS;
  if (step(t, error))
    return error->code;
  for (int round = 0; bench_round(t->bench, round, rounds, 0.9); round++) {
    samples_add(&peaks, peak_sample(t->bench->best, t->threads));
    double start = bench_clock(t->threads);
    if (step(t, error))
      return error->code;
    samples_add(&seconds, bench_clock(t->threads) - start);
  }
  report(t, &seconds, &peaks);
  return 0;
}

static int run(struct bench *b, size_t which, int threads, struct error *error)
{
  struct bench_train t = {.bench = b,
                          .shape = &trained[which].shape,
                          .sequences = trained[which].sequences,
                          .seq_len = trained[which].seq_len / shrink_of(b, &trained[which].shape)};
  if (threads_start(threads, &t.threads, error))
    return error->code;
  int status = open_step(&t, error);
  if (!status)
    status = measure(&t, error);
  close_step(&t);
  threads_stop(t.threads);
  return status;
}

int bench_train(struct bench *b, struct error *error)
{
  if (b->text)
    printf("\nTraining step: gradients of a batch and AdamW\n"
           "  %-17s %-8s %7s %10s %9s %16s %9s %8s\n",
           "shape", "isa", "threads", "parameters", "ms", "range", "GFLOP/s", "of peak");
  for (size_t i = 0; i < TRAINED; i++)
    for (size_t setting = 0; setting < b->settings; setting++)
      if (run(b, i, b->threads[setting], error))
        return error->code;
  return 0;
}

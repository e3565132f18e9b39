/* Scores of edges: integrated gradients over random prompts. */
#include "base/json.h"
#include "base/memory.h"
#include "base/random.h"
#include "bench/bench.h"
#include "bench/bench_measure.h"
#include "bench/bench_shapes.h"
#include "circuit/attribution.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 2
#define STEPS 30 /* as published */
#define QUICK_STEPS 5
#define LENGTH 20 /* tokens of a prompt */
#define SHRINK 8  /* a head keeps a rotated dimension */

/* Models of arXiv 2407.10827, a few pairs: with all steps one fills the tape, whose memory goes to
 * the next. */
static const struct {
  struct shape shape;
  size_t pairs, quick_pairs;
} scored[] = {
    {{"pythia-160m", "gpt_neox", DTYPE_F16, 12, 768, 12, 3072, 50304, 0, 0, 0}, 4, 2},
    {{"pythia-410m", "gpt_neox", DTYPE_F16, 24, 1024, 16, 4096, 50304, 0, 0, 0}, 2, 0},
};
#define SCORED (sizeof scored / sizeof *scored)

struct bench_circuit {
  struct bench *bench;
  const struct shape *shape;
  size_t pairs;
  struct attribution method;
  struct threads *threads;
  struct synthetic synthetic;
  struct task task;
  struct circuit_runs *runs;
  float *scores;
};

static int make_task(struct bench_circuit *c, struct error *error)
{
  struct random random;
  int64_t vocab = (int64_t)c->synthetic.model.config.vocab;
  if (task_start("bench", json_pack("{s:s, s:s}", "task", "bench", "metric", "logit"), &c->task,
                 error))
    return error->code;
  random_seed(&random, 1);
  for (size_t i = 0; i < c->pairs; i++) {
    int32_t clean[LENGTH], corrupted[LENGTH], answers[2];
    for (size_t t = 0; t < LENGTH; t++) {
      clean[t] = (int32_t)random_integer(&random, 0, vocab);
      corrupted[t] = t % 2 ? clean[t] : (int32_t)random_integer(&random, 0, vocab);
    }
    answers[0] = (int32_t)random_integer(&random, 0, vocab);
    answers[1] = (int32_t)random_integer(&random, 0, vocab);
    const struct task_pair pair = {.length = LENGTH,
                                   .clean = clean,
                                   .corrupted = corrupted,
                                   .positive_count = 1,
                                   .negative_count = 1,
                                   .positive = answers,
                                   .negative = answers + 1};
    if (task_add("bench", &c->task, &pair, error))
      return error->code;
  }
  return 0;
}

/* All that a call does but reading the weights: both runs of every pair, and the scores. */
static int score(struct bench_circuit *c, double *seconds, struct error *error)
{
  const struct circuit_options options = {
      .kernels = c->bench->best, .threads = c->threads, .memory = c->bench->memory};
  circuit_runs_free(c->runs);
  c->runs = NULL;
  if (circuit_runs_create(&c->synthetic.model, &c->task, &options, &c->runs, error))
    return error->code;
  size_t floats = c->pairs * circuit_runs_graph(c->runs)->edges;
  if (!c->scores && !(c->scores = memory_alloc(floats, sizeof *c->scores, "bench", error)))
    return error->code;
  double start = bench_clock(c->threads);
  if (circuit_scores_run(c->runs, &c->method, NULL, NULL, c->scores, error))
    return error->code;
  *seconds = bench_clock(c->threads) - start;
  return 0;
}

/* Of the steps: the two runs of a pair are done before, and what differences and gradients make is
 * a hundredth of it. */
static double gflop_of(const struct bench_circuit *c)
{
  const struct model_config *config = &c->synthetic.model.config;
  const struct attribution none = {ATTRIBUTION_FIRST1, 0, 0};
  return circuit_scores_gflop(config, &c->task, &c->method) -
         circuit_scores_gflop(config, &c->task, &none);
}

static void report(const struct bench_circuit *c, const struct samples *seconds,
                   const struct samples *peaks)
{
  struct spread s = samples_spread(seconds), peak = samples_spread(peaks);
  double gflop = gflop_of(c), speed = gflop / s.median;
  int threads = threads_count(c->threads);
  char range[32];
  if (c->bench->text)
    printf("  %-17s %-8s %7d %6zu %6zu %9.2f %16s %9.1f %6.1f %%\n", c->shape->name,
           c->bench->best->name, threads, c->pairs, c->method.steps, s.median,
           spread_range(&s, 2, range), speed, 100 * speed / peak.median);
  json_add(c->bench->circuit,
           json_pack("{s:s, s:s, s:i, s:I, s:I, s:f, s:o, s:f, s:f, s:f}", "shape", c->shape->name,
                     "isa", c->bench->best->name, "threads", threads, "pairs", (json_int_t)c->pairs,
                     "steps", (json_int_t)c->method.steps, "seconds", s.median, "seconds_range",
                     spread_json(&s), "gflop", gflop, "gflops", speed, "fraction_of_peak",
                     speed / peak.median));
}

static int measure(struct bench_circuit *c, struct error *error)
{
  struct samples seconds = {0}, peaks = {0};
  int rounds = c->bench->options.quick ? 1 : ROUNDS;
  for (int round = 0; bench_round(c->bench, round, rounds, 0.9); round++) {
    double taken = 0;
    samples_add(&peaks, peak_sample(c->bench->best, c->threads));
    if (score(c, &taken, error))
      return error->code;
    samples_add(&seconds, taken);
  }
  report(c, &seconds, &peaks);
  return 0;
}

static int run(struct bench *b, size_t which, int threads, struct error *error)
{
  uint64_t shrink = b->options.shrink < SHRINK ? b->options.shrink : SHRINK;
  struct bench_circuit c = {
      .bench = b,
      .shape = &scored[which].shape,
      .method = {ATTRIBUTION_FIRST1, b->options.quick ? QUICK_STEPS : STEPS, 0},
      .pairs = b->options.quick ? scored[which].quick_pairs : scored[which].pairs};
  if (!c.pairs)
    return 0;
  if (threads_start(threads, &c.threads, error))
    return error->code;
  int status = synthetic_open(c.shape, shrink, &c.synthetic, error);
  if (!status)
    status = make_task(&c, error);
  if (!status)
    status = measure(&c, error);
  circuit_runs_free(c.runs);
  free(c.scores);
  task_free(&c.task);
  synthetic_close(&c.synthetic);
  threads_stop(c.threads);
  return status;
}

int bench_circuit(struct bench *b, struct error *error)
{
  if (b->text)
    printf("\nScores of edges: integrated gradients, prompts of %d tokens\n"
           "  %-17s %-8s %7s %6s %6s %9s %16s %9s %8s\n",
           LENGTH, "shape", "isa", "threads", "pairs", "steps", "s", "range", "GFLOP/s", "of peak");
  for (size_t i = 0; i < SCORED; i++)
    for (size_t setting = 0; setting < b->settings; setting++)
      if (run(b, i, b->threads[setting], error))
        return error->code;
  return 0;
}

/* The attention of one sequence, from rotated queries, keys and values. */
#include "base/json.h"
#include "base/memory.h"
#include "bench/bench.h"
#include "bench/bench_measure.h"
#include "bench/bench_shapes.h"
#include "pass/attention.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 7
#define QUICK_ROUNDS 3

static const size_t lengths[] = {256, 2048};

struct bench_attention {
  struct bench *bench;
  const struct shape *shape;
  const struct kernels *kernels;
  struct threads *threads;
  struct model_config config;
  size_t seq_len;
  float *qkv, *out, *scratch;
};

static int allocate(struct bench_attention *a, struct error *error)
{
  size_t qkv = a->seq_len * attention_row_floats(&a->config);
  size_t scratch =
      (size_t)threads_count(a->threads) * attention_scratch_floats(&a->config, a->seq_len);
  if (!(a->qkv = memory_alloc(qkv, sizeof *a->qkv, "bench", error)) ||
      !(a->out = memory_alloc(a->seq_len * a->config.hidden, sizeof *a->out, "bench", error)) ||
      !(a->scratch = memory_alloc(scratch, sizeof *a->scratch, "bench", error)))
    return error->code;
  bench_fill(DTYPE_F32, a->qkv, qkv);
  return 0;
}

static void release(struct bench_attention *a)
{
  free(a->qkv);
  free(a->out);
  free(a->scratch);
  a->qkv = a->out = a->scratch = NULL;
}

/* Scores and values, the masked half not counted, as forward_plan counts them. */
static double gflop(const struct bench_attention *a)
{
  return 2e-9 * (double)a->config.hidden * (double)a->seq_len * (double)(a->seq_len + 1);
}

static void report(const struct bench_attention *a, const struct samples *speed,
                   const struct samples *shares)
{
  struct spread s = samples_spread(speed), share = samples_spread(shares);
  int threads = threads_count(a->threads);
  char range[32];
  if (a->bench->text)
    printf("  %-17s %-8s %7d %6zu %8.2f %9.1f %16s %6.1f %%\n", a->shape->name, a->kernels->name,
           threads, a->seq_len, 1e3 * gflop(a) / s.median, s.median, spread_range(&s, 1, range),
           100 * share.median);
  json_add(a->bench->attention,
           json_pack("{s:s, s:s, s:i, s:I, s:f, s:f, s:f, s:o}", "shape", a->shape->name, "isa",
                     a->kernels->name, "threads", threads, "seq_len", (json_int_t)a->seq_len,
                     "milliseconds", 1e3 * gflop(a) / s.median, "gflops", s.median,
                     "fraction_of_peak", share.median, "gflops_range", spread_json(&s)));
}

static void measure(struct bench_attention *a)
{
  struct samples speed = {0}, shares = {0};
  int rounds = a->bench->options.quick ? QUICK_ROUNDS : ROUNDS;
  struct attention attention = {.config = &a->config,
                                .kernels = a->kernels,
                                .seq_len = a->seq_len,
                                .sequences = 1,
                                .qkv = a->qkv,
                                .out = a->out,
                                .scratch = a->scratch};
  for (int round = 0; bench_round(a->bench, round, rounds, 0.7); round++) {
    double peak = peak_sample(a->kernels, a->threads), start = bench_clock(a->threads);
    double work = 0, elapsed;
    do {
      attention_run(&attention, a->threads);
      work += gflop(a);
      elapsed = bench_clock(a->threads) - start;
    } while (elapsed < bench_window(a->threads));
    double rate = work / elapsed;
    samples_add(&speed, rate);
    samples_add(&shares, rate / peak);
  }
  report(a, &speed, &shares);
}

/* Both head widths of the paper: 8 x 256 and 16 x 128; the third shape is like the second. */
static int each_shape(struct bench_attention *a, struct error *error)
{
  for (size_t i = 0; i < 2; i++)
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
      a->shape = &shapes_published[i];
      a->seq_len = lengths[l] / a->bench->options.shrink;
      if (!shape_config(a->shape, a->bench->options.shrink, &a->config, error) &&
          !allocate(a, error))
        for (size_t k = 0; k < a->bench->isa_count; k++) {
          a->kernels = a->bench->isas[k];
          if (a->kernels == a->bench->best || !a->bench->options.quick)
            measure(a);
        }
      release(a);
      if (error->code)
        return error->code;
    }
  return 0;
}

int bench_attention(struct bench *b, struct error *error)
{
  struct bench_attention a = {.bench = b};
  if (b->text)
    printf("\nAttention of one sequence: packing, scores, softmax, values; the masked half is not "
           "counted\n  %-17s %-8s %7s %6s %8s %9s %16s %8s\n",
           "shape", "isa", "threads", "T", "ms", "GFLOP/s", "min..max", "of peak");
  for (size_t setting = 0; setting < b->settings; setting++) {
    if (threads_start(b->threads[setting], &a.threads, error))
      return error->code;
    int status = each_shape(&a, error);
    threads_stop(a.threads);
    if (status)
      return status;
  }
  return 0;
}

/* The peak of every instruction set. */
#include "base/json.h"
#include "bench/bench.h"
#include "bench/bench_measure.h"

#include "base/progress.h"

#include <stdio.h>

#define ROUNDS 9
#define QUICK_ROUNDS 5

static void report(struct bench *b, const struct kernels *isa, int threads,
                   const struct samples *samples)
{
  struct spread s = samples_spread(samples);
  char range[32];
  if (b->text)
    printf("  %-8s %7d %10.1f %18s\n", isa->name, threads, s.median, spread_range(&s, 1, range));
  json_add(b->peak, json_pack("{s:s, s:i, s:f, s:o}", "isa", isa->name, "threads", threads,
                              "gflops", s.median, "gflops_range", spread_json(&s)));
}

/* A sample in `samples`, and in `pace` what it gave a second of wall time. */
static void sample(const struct kernels *isa, struct threads *threads, struct samples *samples,
                   struct samples *pace)
{
  double wall = progress_clock(), own = bench_clock(threads);
  double gflops = peak_sample(isa, threads);
  own = bench_clock(threads) - own;
  wall = progress_clock() - wall;
  samples_add(samples, gflops);
  samples_add(pace, gflops * own / wall);
}

static int rounds(const struct bench *b)
{
  return b->options.quick ? QUICK_ROUNDS : ROUNDS;
}

static int measure(struct bench *b, size_t setting, struct error *error)
{
  struct samples samples[4] = {0}, pace[4] = {0};
  struct threads *pool;
  if (threads_start(b->threads[setting], &pool, error))
    return error->code;
  for (int round = 0; round < rounds(b); round++)
    for (size_t i = 0; i < b->isa_count; i++)
      sample(b->isas[i], pool, &samples[i], &pace[i]);
  threads_stop(pool);
  for (size_t i = 0; i < b->isa_count; i++) {
    if (b->isas[i] == b->best)
      b->speed[setting] = samples_spread(&pace[i]).median;
    report(b, b->isas[i], b->threads[setting], &samples[i]);
  }
  return 0;
}

int bench_peak(struct bench *b, struct error *error)
{
  if (b->text)
    printf("Peak: fused multiply-adds from registers alone, %d rounds\n"
           "  %-8s %7s %10s %18s\n",
           rounds(b), "isa", "threads", "GFLOP/s", "min..max");
  for (size_t setting = 0; setting < b->settings; setting++)
    if (measure(b, setting, error))
      return error->code;
  return 0;
}

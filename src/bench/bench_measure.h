/* Clocks, samples and the yardstick for all, the peak. */
#ifndef ATTEST_BENCH_BENCH_MEASURE_H
#define ATTEST_BENCH_BENCH_MEASURE_H

#include "base/threads.h"
#include "checkpoint/checkpoint.h"
#include "kernels.h"

#include <jansson.h>

/* Seconds: CPU time of the calling thread when the work runs on it alone, wall time otherwise. */
double bench_clock(const struct threads *threads);

#define BENCH_SAMPLES 64

struct samples {
  size_t count;
  double value[BENCH_SAMPLES];
};

struct spread {
  double median, low, high;
};

/* Samples past BENCH_SAMPLES are dropped. */
void samples_add(struct samples *samples, double value);

/* Zeros of no samples. */
struct spread samples_spread(const struct samples *samples);

/* "low..high" with `decimals` digits; returns `out`. */
const char *spread_range(const struct spread *spread, int decimals, char out[32]);

/* [low, high]; NULL without memory. */
json_t *spread_json(const struct spread *spread);

/* Seconds that a sample should take: several slices of the scheduler where it is wall time. */
double bench_window(const struct threads *threads);

/* GFLOP/s of register-only multiply-adds on all threads of the pool, over about a window. */
double peak_sample(const struct kernels *kernels, struct threads *threads);

/* Fills with random numbers of tame size: 2^-8 to 2^-4, of both signs. F32, BF16 or F16. */
void bench_fill(enum dtype dtype, void *to, size_t elements);

#endif

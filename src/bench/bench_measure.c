#include "bench/bench_measure.h"

#include "base/progress.h"
#include "peak.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double bench_clock(const struct threads *threads)
{
  struct timespec now;
  if (threads_count(threads) > 1)
    return progress_clock();
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void samples_add(struct samples *samples, double value)
{
  if (samples->count < BENCH_SAMPLES)
    samples->value[samples->count++] = value;
}

static int ascending(const void *a, const void *b)
{
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

struct spread samples_spread(const struct samples *samples)
{
  struct samples s = *samples;
  if (!s.count)
    return (struct spread){0};
  qsort(s.value, s.count, sizeof *s.value, ascending);
  double median = (s.value[(s.count - 1) / 2] + s.value[s.count / 2]) / 2;
  return (struct spread){median, s.value[0], s.value[s.count - 1]};
}

const char *spread_range(const struct spread *spread, int decimals, char out[32])
{
  snprintf(out, 32, "%.*f..%.*f", decimals, spread->low, decimals, spread->high);
  return out;
}

json_t *spread_json(const struct spread *spread)
{
  return json_pack("[f, f]", spread->low, spread->high);
}

double bench_window(const struct threads *threads)
{
  return threads_count(threads) > 1 ? 0.05 : 0.02;
}

#define BURST_FLOP 1e7 /* between two looks at the clock */

struct bursts {
  const struct peak *peak;
  double end; /* wall clock */
  atomic_size_t done;
};

static void peak_task(void *context, size_t index, int worker)
{
  struct bursts *bursts = context;
  (void)index;
  (void)worker;
  do {
    volatile float sink = bursts->peak->run((size_t)(BURST_FLOP / bursts->peak->flop));
    (void)sink;
    atomic_fetch_add_explicit(&bursts->done, 1, memory_order_relaxed);
  } while (progress_clock() < bursts->end);
}

double peak_sample(const struct kernels *kernels, struct threads *threads)
{
  struct bursts bursts = {.peak = peak_of(kernels)};
  atomic_init(&bursts.done, 0);
  double start = bench_clock(threads);
  bursts.end = progress_clock() + bench_window(threads);
  threads_run(threads, (size_t)threads_count(threads), peak_task, &bursts);
  double elapsed = bench_clock(threads) - start;
  double steps = (double)(size_t)(BURST_FLOP / bursts.peak->flop);
  return 1e-9 * steps * bursts.peak->flop * (double)atomic_load(&bursts.done) / elapsed;
}

/* Sign and leading bits of the mantissa are random, and two bits of the exponent. */
static uint32_t tame_bits(enum dtype dtype, uint32_t random)
{
  uint32_t sign = random >> 31, exponent = random >> 29 & 3u, mantissa = random & 0x7FFFFFu;
  if (dtype == DTYPE_F16)
    return sign << 15 | (7 + exponent) << 10 | mantissa >> 13;
  uint32_t bits = sign << 31 | (119 + exponent) << 23 | mantissa;
  return dtype == DTYPE_BF16 ? bits >> 16 : bits;
}

/* Then it repeats: a prime number, so that no two rows of a matrix are the same. */
#define FILL_PERIOD ((size_t)1048573)

void bench_fill(enum dtype dtype, void *to, size_t elements)
{
  uint64_t state = 0x9E3779B97F4A7C15u;
  size_t width = dtype_size(dtype);
  unsigned char *bytes = to;
  for (size_t i = 0; i < elements && i < FILL_PERIOD; i++) {
    state ^= state << 13; /* Marsaglia's xorshift64 */
    state ^= state >> 7;
    state ^= state << 17;
    uint32_t bits = tame_bits(dtype, (uint32_t)(state >> 32));
    if (width == 4) {
      memcpy(bytes + 4 * i, &bits, 4);
    } else {
      uint16_t half = (uint16_t)bits;
      memcpy(bytes + 2 * i, &half, 2);
    }
  }
  for (size_t i = FILL_PERIOD; i < elements; i += FILL_PERIOD) {
    size_t count = elements - i < FILL_PERIOD ? elements - i : FILL_PERIOD;
    memcpy(bytes + width * i, bytes, width * count);
  }
}

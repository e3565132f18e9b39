#include "command/bench_measure.h"

#include "base/progress.h"
#include "peak.h"

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

#define BURST_FLOP 1e8 /* about a millisecond of one core */

static void peak_task(void *context, size_t index, int worker)
{
  const struct peak *peak = context;
  volatile float sink = peak->run((size_t)(BURST_FLOP / peak->flop));
  (void)sink;
  (void)index;
  (void)worker;
}

double bench_window(const struct threads *threads)
{
  return threads_count(threads) > 1 ? 0.05 : 0.02;
}

double peak_sample(const struct kernels *kernels, struct threads *threads)
{
  const struct peak *peak = peak_of(kernels);
  /* Several bursts a thread, so that one that starts late does not decide. */
  size_t bursts = 4 * (size_t)threads_count(threads);
  double flop = 0, start = bench_clock(threads), elapsed;
  do {
    threads_run(threads, bursts, peak_task, (void *)(uintptr_t)peak);
    flop += (double)bursts * BURST_FLOP;
    elapsed = bench_clock(threads) - start;
  } while (elapsed < bench_window(threads));
  return 1e-9 * flop / elapsed;
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

/* The kernels that work on rows: nanoseconds an element and bytes that go through them. */
#include "base/json.h"
#include "base/memory.h"
#include "command/bench.h"
#include "command/bench_measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 64 /* 2 MiB of the widest: the second-level cache, as in a pass */
#define ROUNDS 9
#define QUICK_ROUNDS 5
#define WIDEST 8192

/* A row of x (and for some y, w) of n elements. */
typedef void row_work(const struct kernels *k, float *x, float *y, const float *w, size_t n);

static void do_softmax(const struct kernels *k, float *x, float *y, const float *w, size_t n)
{
  (void)y, (void)w;
  k->softmax(x, n, 0.0883883476f);
}
static void do_layer_norm(const struct kernels *k, float *x, float *y, const float *w, size_t n)
{
  k->layer_norm(x, w, w, y, n, 1e-5f);
}
static void do_rms_norm(const struct kernels *k, float *x, float *y, const float *w, size_t n)
{
  k->rms_norm(x, w, y, n, 1e-5f);
}
static void do_gelu(const struct kernels *k, float *x, float *y, const float *w, size_t n)
{
  (void)y, (void)w;
  k->gelu(x, n);
}
static void do_gelu_tanh(const struct kernels *k, float *x, float *y, const float *w, size_t n)
{
  (void)y, (void)w;
  k->gelu_tanh(x, n);
}
static void do_silu_mul(const struct kernels *k, float *x, float *y, const float *w, size_t n)
{
  (void)w;
  k->silu_mul(x, y, x, n);
}
static void do_rope(const struct kernels *k, float *x, float *y, const float *w, size_t n)
{
  (void)y;
  k->rope(x, w, w + n / 2, n / 2);
}
static void do_add(const struct kernels *k, float *x, float *y, const float *w, size_t n)
{
  (void)w;
  k->add(x, y, n);
}
static void do_add3(const struct kernels *k, float *x, float *y, const float *w, size_t n)
{
  k->add3(x, w, y, n);
}
static void do_scale_add(const struct kernels *k, float *x, float *y, const float *w, size_t n)
{
  (void)w;
  k->scale_add(0.5f, x, y, n);
}
static void do_clip(const struct kernels *k, float *x, float *y, const float *w, size_t n)
{
  (void)y, (void)w;
  k->clip(x, n, 0.03f);
}
static void do_all_finite(const struct kernels *k, float *x, float *y, const float *w, size_t n)
{
  (void)w;
  y[0] = k->all_finite(x, n) ? 1.0f : 0.0f;
}

/* The widths of the published shapes; bytes: read and written in the row's own data. */
static const struct row_kernel {
  const char *name;
  size_t n;
  double bytes; /* an element */
  row_work *work;
} row_kernels[] = {
    {"softmax", 256, 8, do_softmax},
    {"layer_norm", 2048, 8, do_layer_norm},
    {"rms_norm", 2048, 8, do_rms_norm},
    {"gelu", 8192, 8, do_gelu},
    {"gelu_tanh", 8192, 8, do_gelu_tanh},
    {"silu_mul", 8192, 12, do_silu_mul},
    {"rope", 128, 8, do_rope},
    {"add", 2048, 12, do_add},
    {"add3", 2048, 16, do_add3},
    {"scale_add", 2048, 12, do_scale_add},
    {"clip", 6144, 8, do_clip},
    {"all_finite", 2048, 4, do_all_finite},
};
#define ROW_KERNELS (sizeof row_kernels / sizeof *row_kernels)

struct bench_rows {
  float *fresh, *x, *y, *weights; /* [ROWS][WIDEST], weights [WIDEST] */
  struct threads *threads;        /* one */
};

/* Seconds an element. Every pass starts from fresh rows, or some kernels would shrink theirs to
 * subnormal numbers. */
static double sample(const struct bench_rows *r, const struct kernels *kernels,
                     const struct row_kernel *k, int passes)
{
  double seconds = 0;
  for (int pass = 0; pass < passes; pass++) {
    memcpy(r->x, r->fresh, ROWS * k->n * sizeof *r->x);
    memcpy(r->y, r->fresh, ROWS * k->n * sizeof *r->y);
    double start = bench_clock(r->threads);
    for (size_t row = 0; row < ROWS; row++)
      k->work(kernels, r->x + row * k->n, r->y + row * k->n, r->weights, k->n);
    seconds += bench_clock(r->threads) - start;
  }
  return seconds / ((double)passes * ROWS * (double)k->n);
}

static void report(struct bench *b, const struct kernels *isa, const struct row_kernel *k,
                   const struct samples *samples)
{
  struct spread s = samples_spread(samples);
  char range[32];
  if (b->text)
    printf("  %-12s %-8s %7zu %9.3f %16s %9.1f\n", k->name, isa->name, k->n, s.median,
           spread_range(&s, 3, range), k->bytes / s.median);
  json_add(b->rows, json_pack("{s:s, s:s, s:I, s:f, s:o, s:f}", "kernel", k->name, "isa", isa->name,
                              "n", (json_int_t)k->n, "ns_per_element", s.median, "ns_range",
                              spread_json(&s), "gb_per_second", k->bytes / s.median));
}

static void measure(struct bench *b, const struct bench_rows *r, const struct row_kernel *k)
{
  struct samples samples[4] = {0};
  int rounds = b->quick ? QUICK_ROUNDS : ROUNDS;
  int passes = b->shrink > 1 ? 1 : (int)(4 * WIDEST / k->n); /* as many elements for each */
  for (int round = 0; bench_round(b, round, rounds, 0.8); round++)
    for (size_t i = 0; i < b->isa_count; i++)
      samples_add(&samples[i], 1e9 * sample(r, b->isas[i], k, passes));
  for (size_t i = 0; i < b->isa_count; i++)
    report(b, b->isas[i], k, &samples[i]);
}

static int allocate(struct bench_rows *r, struct error *error)
{
  if (!(r->fresh = memory_alloc((size_t)ROWS * WIDEST, sizeof *r->fresh, "bench", error)) ||
      !(r->x = memory_alloc((size_t)ROWS * WIDEST, sizeof *r->x, "bench", error)) ||
      !(r->y = memory_alloc((size_t)ROWS * WIDEST, sizeof *r->y, "bench", error)) ||
      !(r->weights = memory_alloc(WIDEST, sizeof *r->weights, "bench", error)))
    return error->code;
  bench_fill(DTYPE_F32, r->fresh, (size_t)ROWS * WIDEST);
  bench_fill(DTYPE_F32, r->weights, WIDEST);
  return threads_start(1, &r->threads, error);
}

int bench_rows(struct bench *b, struct error *error)
{
  struct bench_rows r = {0};
  int status = allocate(&r, error);
  if (!status && b->text)
    printf("\nRow kernels, one thread, rows in the cache\n  %-12s %-8s %7s %9s %16s %9s\n",
           "kernel", "isa", "width", "ns/elem.", "min..max", "GB/s");
  for (size_t i = 0; i < ROW_KERNELS && !status; i++)
    measure(b, &r, &row_kernels[i]);
  threads_stop(r.threads);
  free(r.fresh);
  free(r.x);
  free(r.y);
  free(r.weights);
  return status;
}

/* The kernels that work on rows: nanoseconds an element and bytes that go through them. */
#include "base/json.h"
#include "base/memory.h"
#include "bench/bench.h"
#include "bench/bench_measure.h"
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 64 /* 2 MiB of the widest: the second-level cache, as in a pass */
#define ROUNDS 9
#define QUICK_ROUNDS 5
#define WIDEST 8192

struct bench_rows {
  float *fresh, *weights;  /* [ROWS][WIDEST], [WIDEST] */
  struct case_data data;   /* [ROWS][WIDEST] each */
  struct threads *threads; /* one */
};

/* Rows of one call, and calls of a pass: as many rows as fit the memory. A case for fewer than
 * CASE_MOST_ROWS takes no more. */
static size_t rows_of(const struct row_case *c)
{
  return c->rows < CASE_MOST_ROWS ? c->rows : (size_t)ROWS * WIDEST / c->width / 2;
}
static size_t calls_of(const struct row_case *c)
{
  return c->rows == 1 ? ROWS : (size_t)ROWS * WIDEST / c->width / 2 / rows_of(c);
}

/* Seconds an element. Every pass starts from fresh rows, or some kernels would shrink theirs to
 * subnormal numbers. */
static double sample(const struct bench_rows *r, const struct kernels *kernels,
                     const struct row_case *c, int passes)
{
  size_t floats = rows_of(c) * c->width;
  double seconds = 0;
  for (int pass = 0; pass < passes; pass++) {
    for (const char *name = "xyzw"; *name; name++)
      memcpy(case_array(&r->data, *name), r->fresh, calls_of(c) * floats * sizeof *r->fresh);
    struct case_data d = r->data;
    d.rows = rows_of(c);
    d.n = c->width;
    double start = bench_clock(r->threads);
    for (size_t call = 0; call < calls_of(c); call++) {
      c->run(kernels, &d);
      d.x += floats;
      d.y += floats;
      d.z += floats;
      d.w += floats;
    }
    seconds += bench_clock(r->threads) - start;
  }
  return seconds / ((double)passes * (double)(calls_of(c) * floats));
}

static void report(struct bench *b, const struct kernels *isa, const struct row_case *c,
                   const struct samples *samples)
{
  struct spread s = samples_spread(samples);
  char range[32];
  if (b->text)
    printf("  %-24s %-8s %7zu %9.3f %16s %9.1f\n", c->name, isa->name, c->width, s.median,
           spread_range(&s, 3, range), c->bytes / s.median);
  json_add(b->rows, json_pack("{s:s, s:s, s:I, s:f, s:o, s:f}", "kernel", c->name, "isa", isa->name,
                              "n", (json_int_t)c->width, "ns_per_element", s.median, "ns_range",
                              spread_json(&s), "gb_per_second", c->bytes / s.median));
}

static void measure(struct bench *b, const struct bench_rows *r, const struct row_case *c)
{
  struct samples samples[4] = {0};
  int rounds = b->options.quick ? QUICK_ROUNDS : ROUNDS;
  int passes = b->options.shrink > 1
                   ? 1
                   : (int)(4 * WIDEST / c->width); /* about as many elements for each */
  for (int round = 0; bench_round(b, round, rounds, 0.8); round++)
    for (size_t i = 0; i < b->isa_count; i++)
      samples_add(&samples[i], 1e9 * sample(r, b->isas[i], c, passes));
  for (size_t i = 0; i < b->isa_count; i++)
    report(b, b->isas[i], c, &samples[i]);
}

static float *many_rows(struct error *error)
{
  return memory_alloc((size_t)ROWS * WIDEST, sizeof(float), "bench", error);
}

static int allocate(struct bench_rows *r, struct error *error)
{
  if (!(r->fresh = many_rows(error)) || !(r->data.x = many_rows(error)) ||
      !(r->data.y = many_rows(error)) || !(r->data.z = many_rows(error)) ||
      !(r->data.w = many_rows(error)) ||
      !(r->weights = memory_alloc(WIDEST, sizeof *r->weights, "bench", error)))
    return error->code;
  bench_fill(DTYPE_F32, r->fresh, (size_t)ROWS * WIDEST);
  bench_fill(DTYPE_F32, r->weights, WIDEST);
  r->data.a = r->weights;
  r->data.b = r->weights;
  return threads_start(1, &r->threads, error);
}

int bench_rows(struct bench *b, struct error *error)
{
  struct bench_rows r = {0};
  int status = allocate(&r, error);
  const struct row_case *c;
  if (!status && b->text)
    printf("\nRow kernels, one thread, rows in the cache\n  %-24s %-8s %7s %9s %16s %9s\n",
           "kernel", "isa", "width", "ns/elem.", "min..max", "GB/s");
  for (size_t i = 0; !status && (c = row_case_at(i)); i++)
    if (c->width)
      measure(b, &r, c);
  threads_stop(r.threads);
  free(r.fresh);
  for (const char *name = "xyzw"; *name; name++)
    free(case_array(&r.data, *name));
  free(r.weights);
  return status;
}

/* Matrix products as the forward pass and its gradients do them, against the peak and OpenBLAS. */
#include "base/json.h"
#include "base/memory.h"
#include "bench/bench.h"
#include "bench/bench_measure.h"
#include "cases.h"
#include "pass/packed.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 7
#define QUICK_ROUNDS 3
#define PRODUCT_SHARE 0.8 /* of the peak, about */
#define WINDOW 0.08       /* seconds that a contender takes at least, with the peak beside it */
#define SCALAR_MOST_M 256 /* products of more rows take the portable kernels too long */

/* Buffers for the largest product. Weights are taken slice after slice from all of theirs, so that
 * those of an expert come from memory as in a pass, and not from the cache. */
struct bench_gemm {
  struct bench *bench;
  struct threads *threads;
  size_t weights; /* elements */
  size_t next;    /* slice */
  float *wide;    /* weights in fp32: as stored, and what OpenBLAS gets in any case */
  uint16_t *half; /* weights as bf16; read as f16 they are tame numbers, too */
  float *x, *operand, *c;
  float *gradient; /* operand B where it is packed transposed */
  struct packed packed;
};

/* OpenBLAS with the kernels that were the fastest for a product. */
struct rival {
  const char *core; /* NULL = not installed */
  struct spread speed;
};

/* What one round of one contender gave, and the rounds together. */
struct contender {
  struct samples total, product, total_share, product_share, ratio;
};

/* Whether a case is measured, and at which sizes. */
static bool chosen(const struct bench *b, size_t i, struct product_case *p)
{
  *p = product_cases[i];
  p->m = (p->m + b->options.shrink - 1) / b->options.shrink;
  p->n /= b->options.shrink;
  p->k /= b->options.shrink;
  return p->bench == CASE_BENCH_QUICK || (p->bench == CASE_BENCH && !b->options.quick);
}

static enum dtype dtype_of(const struct product_case *p)
{
  return p->type == GEMM_F32 ? DTYPE_F32 : p->type == GEMM_BF16 ? DTYPE_BF16 : DTYPE_F16;
}

static size_t most(size_t a, size_t b)
{
  return a > b ? a : b;
}

static int allocate(struct bench_gemm *g, struct error *error)
{
  size_t x = 0, operand = 0, b = 0, c = 0;
  struct product_case p;
  for (size_t i = 0; i < product_case_count; i++) {
    if (!chosen(g->bench, i, &p))
      continue;
    g->weights = most(g->weights, p.n * p.k);
    x = most(x, p.m * p.k);
    operand = most(operand, (p.m + GEMM_MAX_MR) * p.k);
    c = most(c, p.m * p.n);
    if (p.transposed_b)
      b = most(b, (p.n + GEMM_MAX_NR) * p.k);
  }
  if (!(g->wide = memory_alloc(g->weights, sizeof *g->wide, "bench", error)) ||
      !(g->half = memory_alloc(g->weights, sizeof *g->half, "bench", error)) ||
      !(g->x = memory_alloc(x, sizeof *g->x, "bench", error)) ||
      !(g->operand = memory_zeroed(operand, sizeof *g->operand, "bench", error)) ||
      !(g->gradient = memory_zeroed(b, sizeof *g->gradient, "bench", error)) ||
      !(g->c = memory_zeroed(c, sizeof *g->c, "bench", error)))
    return error->code;
  bench_fill(DTYPE_F32, g->wide, g->weights);
  bench_fill(DTYPE_BF16, g->half, g->weights);
  bench_fill(DTYPE_F32, g->x, x);
  return 0;
}

static void release(struct bench_gemm *g)
{
  packed_free(&g->packed);
  free(g->wide);
  free(g->half);
  free(g->x);
  free(g->operand);
  free(g->gradient);
  free(g->c);
}

static struct tensor weights_of(const struct bench_gemm *g, const struct product_case *p, size_t at)
{
  const void *data = p->type == GEMM_F32 ? (const void *)(g->wide + at) : g->half + at;
  return (struct tensor){.name = p->name,
                         .file = "bench",
                         .dtype = dtype_of(p),
                         .rank = 2,
                         .shape = {(int64_t)p->n, (int64_t)p->k},
                         .elements = p->n * p->k,
                         .bytes = p->n * p->k * gemm_type_size(p->type),
                         .data = data};
}

/* The first touch of fresh memory is slow and no part of a screen, which packs layer after layer
 * into the same memory: the largest weights are packed once, uncounted. */
static int warm_up(struct bench_gemm *g, struct error *error)
{
  const struct bench *b = g->bench;
  struct product_case largest = {0}, p;
  for (size_t i = 0; i < product_case_count; i++)
    if (chosen(b, i, &p) && p.n * p.k > largest.n * largest.k)
      largest = p;
  struct tensor weight = weights_of(g, &largest, 0);
  struct linear linear = {.weight = &weight};
  for (size_t i = 0; i < b->isa_count && !error->code; i++)
    packed_fill(&g->packed, b->isas[i], g->threads, &(struct segment){&linear, 0, largest.n, false},
                1, error);
  return error->code;
}

static double product_gflop(const struct product_case *p)
{
  return 2e-9 * (double)p->m * (double)p->n * (double)p->k;
}

static size_t next_slice(struct bench_gemm *g, const struct product_case *p)
{
  size_t slices = g->weights / (p->n * p->k);
  return g->next++ % slices * p->n * p->k;
}

static void pack_rows(struct bench_gemm *g, const struct kernels *kernels,
                      const struct product_case *p)
{
  if (p->transposed_a)
    gemm_pack_transposed_threaded(kernels, g->threads, GEMM_F32, g->x, p->m, p->m, p->k,
                                  kernels->mr, g->operand);
  else
    gemm_pack_rows_threaded(kernels, g->threads, g->x, p->k, p->m, p->k, kernels->mr, g->operand);
}

/* The product of a gradient: B is stored the other way round, and nothing is packed for later. */
static void gradient_once(struct bench_gemm *g, struct gemm *gemm, const struct product_case *p,
                          double *all, double *product)
{
  const void *stored = weights_of(g, p, next_slice(g, p)).data;
  double start = bench_clock(g->threads);
  gemm_pack_transposed_threaded(gemm->kernels, g->threads, p->type, stored, p->n, p->n, p->k,
                                gemm_nr(gemm->kernels, p->n), g->gradient);
  pack_rows(g, gemm->kernels, p);
  double packed = bench_clock(g->threads);
  gemm->n = gemm->b_n = p->n;
  gemm->k = gemm->b_k = p->k;
  gemm->b = g->gradient;
  gemm->accumulate = p->accumulate;
  gemm_run(gemm, g->threads);
  double end = bench_clock(g->threads);
  *all += end - start;
  *product += end - packed;
}

/* Packs weights and rows and multiplies; seconds of all, and of the product alone. Of few rows the
 * weights are packed within the product, as an expert's. */
static int ours_once(struct bench_gemm *g, const struct kernels *kernels,
                     const struct product_case *p, double *all, double *product,
                     struct error *error)
{
  struct tensor weight = weights_of(g, p, next_slice(g, p));
  struct linear linear = {.weight = &weight};
  struct segment segment = {&linear, 0, p->n, false};
  struct gemm gemm = {.kernels = kernels, .m = p->m, .a = g->operand, .c = g->c, .ldc = p->n};
  bool once = p->m <= GEMM_DIRECT_ROWS;
  if (p->transposed_b) {
    gradient_once(g, &gemm, p, all, product);
    return 0;
  }
  double start = bench_clock(g->threads);
  if (!once && packed_fill(&g->packed, kernels, g->threads, &segment, 1, error))
    return error->code;
  pack_rows(g, kernels, p);
  double packed = bench_clock(g->threads);
  if (!once)
    packed_product(&g->packed, &gemm, g->threads);
  else if (packed_product_once(&g->packed, &gemm, g->threads, &segment, 1, error))
    return error->code;
  double end = bench_clock(g->threads);
  *all += end - start;
  *product += end - packed;
  return 0;
}

static int ours_round(struct bench_gemm *g, const struct kernels *kernels,
                      const struct product_case *p, struct contender *c, struct error *error)
{
  double peak = peak_sample(kernels, g->threads), gflop = 0, all = 0, product = 0;
  do {
    if (ours_once(g, kernels, p, &all, &product, error))
      return error->code;
    gflop += product_gflop(p);
  } while (all < bench_window(g->threads));
  /* Neighbours come and go: the peak is that of before and after. */
  peak = (peak + peak_sample(kernels, g->threads)) / 2;
  samples_add(&c->total, gflop / all);
  samples_add(&c->product, gflop / product);
  samples_add(&c->total_share, gflop / all / peak);
  samples_add(&c->product_share, gflop / product / peak);
  return 0;
}

/* Weights are fp32 already: that it would have to widen those of 16 bits is not counted. */
static double blas_round(struct bench_gemm *g, const struct blas *blas,
                         const struct product_case *p)
{
  double gflop = 0, seconds = 0;
  int threads = threads_count(g->threads);
  do {
    const float *weights = g->wide + next_slice(g, p);
    double start = bench_clock(g->threads);
    blas_product(blas, threads, p, g->x, weights, g->c);
    seconds += bench_clock(g->threads) - start;
    gflop += product_gflop(p);
  } while (seconds < bench_window(g->threads));
  blas_settle(threads);
  return gflop / seconds;
}

static void report(const struct bench_gemm *g, const struct kernels *isa,
                   const struct product_case *p, const struct contender *c,
                   const struct rival *rival)
{
  struct spread total = samples_spread(&c->total), alone = samples_spread(&c->product);
  struct spread share = samples_spread(&c->total_share), ratio = samples_spread(&c->ratio);
  struct spread product_share = samples_spread(&c->product_share), other = rival->speed;
  int threads = threads_count(g->threads);
  char range[32], ratios[32];
  if (g->bench->text) {
    printf("  %-16s %-4s %-6s %2d %4zu %5zu %4zu %7.1f %12s %5.1f %% %7.1f %5.1f %%", p->name,
           dtype_name(dtype_of(p)), isa->name, threads, p->m, p->n, p->k, total.median,
           spread_range(&total, 1, range), 100 * share.median, alone.median,
           100 * product_share.median);
    if (rival->core)
      printf(" %7.1f %5.2f %10s %s", other.median, ratio.median, spread_range(&ratio, 2, ratios),
             rival->core);
    printf("\n");
  }
  json_add(
      g->bench->gemm,
      json_pack("{s:s, s:i, s:I, s:I, s:I, s:f, s:f, s:o, s:s, s:s, s:o, s:f, s:f, s:o, s:o, s:s?}",
                "isa", isa->name, "threads", threads, "m", (json_int_t)p->m, "n", (json_int_t)p->n,
                "k", (json_int_t)p->k, "gflops", total.median, "fraction_of_peak", share.median,
                "openblas_ratio", rival->core ? json_real(ratio.median) : json_null(), "layer",
                p->name, "weights", dtype_name(dtype_of(p)), "gflops_range", spread_json(&total),
                "product_gflops", alone.median, "product_fraction_of_peak", product_share.median,
                "openblas_gflops", rival->core ? json_real(other.median) : json_null(),
                "openblas_ratio_range", rival->core ? spread_json(&ratio) : json_null(),
                "openblas_core", rival->core));
}

static bool takes_part(const struct bench *b, const struct kernels *isa,
                       const struct product_case *p)
{
  if (isa == b->best)
    return true;
  return !b->options.quick && (isa->isa != ISA_SCALAR || p->m * b->options.shrink <= SCALAR_MOST_M);
}

/* A round of OpenBLAS; the best of its sets of kernels. */
static double rival_round(struct bench_gemm *g, const struct product_case *p,
                          struct samples samples[BLAS_MOST])
{
  double best = 0;
  for (size_t i = 0; i < g->bench->blas_count; i++) {
    double speed = blas_round(g, &g->bench->blas[i], p);
    samples_add(&samples[i], speed);
    best = speed > best ? speed : best;
  }
  return best;
}

static struct rival rival_of(const struct bench *b, const struct samples samples[BLAS_MOST])
{
  struct rival rival = {0};
  for (size_t i = 0; i < b->blas_count; i++) {
    struct spread speed = samples_spread(&samples[i]);
    if (speed.median > rival.speed.median)
      rival = (struct rival){b->blas[i].core, speed};
  }
  return rival;
}

static int compare(struct bench_gemm *g, const struct product_case *p, struct error *error)
{
  const struct bench *b = g->bench;
  struct contender contenders[4] = {0};
  struct samples blas[BLAS_MOST] = {0};
  int rounds = b->options.quick ? QUICK_ROUNDS : ROUNDS;
  for (int round = 0; bench_round(b, round, rounds, 0.6); round++) {
    for (size_t i = 0; i < b->isa_count; i++)
      if (takes_part(b, b->isas[i], p) && ours_round(g, b->isas[i], p, &contenders[i], error))
        return error->code;
    double theirs = rival_round(g, p, blas);
    for (size_t i = 0; theirs > 0 && i < b->isa_count; i++)
      if (contenders[i].total.count)
        samples_add(&contenders[i].ratio,
                    contenders[i].total.value[contenders[i].total.count - 1] / theirs);
  }
  struct rival rival = rival_of(b, blas);
  for (size_t i = 0; i < b->isa_count; i++)
    if (contenders[i].total.count)
      report(g, b->isas[i], p, &contenders[i], &rival);
  return 0;
}

static void print_head(const struct bench_gemm *g)
{
  printf("\nMatrix products: GFLOP/s with the packing of rows and weights counted, and of the "
         "product alone\n");
  if (g->bench->blas_count)
    printf("  OpenBLAS: the faster of its kernels in each round, weights widened to fp32 "
           "beforehand\n");
  else
    printf("  OpenBLAS: not installed (package libopenblas0-pthread)\n");
  printf("  %-16s %-4s %-6s %2s %4s %5s %4s %7s %12s %7s %7s %7s%s\n", "layer", "type", "isa", "th",
         "m", "n", "k", "GFLOP/s", "min..max", "of peak", "alone", "of peak",
         g->bench->blas_count ? " OpenBL. ratio   min..max kernels" : "");
}

static int measure(struct bench_gemm *g, struct error *error)
{
  struct bench *b = g->bench;
  if (allocate(g, error))
    return error->code;
  if (b->text)
    print_head(g);
  for (size_t setting = 0; setting < b->settings; setting++) {
    if (threads_start(b->threads[setting], &g->threads, error))
      return error->code;
    warm_up(g, error);
    for (size_t i = 0; i < product_case_count && !error->code; i++) {
      struct product_case p;
      if (chosen(b, i, &p))
        compare(g, &p, error);
    }
    threads_stop(g->threads);
  }
  return error->code;
}

double bench_gemm_seconds(const struct bench *b)
{
  double seconds = 0;
  for (size_t setting = 0; setting < b->settings; setting++)
    for (size_t i = 0; i < product_case_count; i++) {
      struct product_case p;
      if (!chosen(b, i, &p))
        continue;
      double each = product_gflop(&p) / (PRODUCT_SHARE * b->speed[setting]);
      size_t contenders = b->blas_count;
      for (size_t k = 0; k < b->isa_count; k++)
        contenders += takes_part(b, b->isas[k], &p);
      seconds += ROUNDS * (double)contenders * (each > WINDOW ? each : WINDOW);
    }
  return seconds;
}

int bench_gemm(struct bench *bench, struct error *error)
{
  struct bench_gemm g = {.bench = bench};
  int status = measure(&g, error);
  release(&g);
  return status;
}

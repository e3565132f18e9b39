#include "check.h"

#include "base/memory.h"
#include "gemm.h"
#include "pack_c.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 1100 /* of a row */
#define MOST_ROWS 70 /* of a matrix product, and its other sizes */
#define MOST_COLUMNS 210
#define MOST_DEPTH 600

struct check {
  const struct kernels *k;
  uint64_t state;
  float *a, *b, *got, *want;
  size_t cases, failures;
};

static uint32_t next(struct check *check)
{
  check->state = check->state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(check->state >> 32);
}

/* Mostly near 1, now and then tiny, large, zero or minus zero; never so large that a sum overflows.
 */
static float value(struct check *check)
{
  uint32_t bits = next(check), kind = next(check) % 64;
  float unit = (float)(int32_t)bits * 0x1p-31f;
  switch (kind) {
  case 0:
    return 0.0f;
  case 1:
    return -0.0f;
  case 2:
    return unit * 0x1p-140f;
  case 3:
    return unit * 0x1p40f;
  case 4:
    return unit * 100.0f;
  default:
    return unit * 4.0f;
  }
}

static void fill(struct check *check, float *x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    x[i] = value(check);
}

static void compare(struct check *check, size_t n)
{
  check->cases++;
  check->failures += memcmp(check->got, check->want, n * sizeof(float)) != 0;
}

/* The contract, written down: blocks of 256, one chain a block, plain adds, bias or +0 last. */
static void product_reference(const float *a, const float *b, const float *bias, float *c, size_t m,
                              size_t n, size_t k)
{
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      float total = 0;
      for (size_t k0 = 0; k0 < k; k0 += GEMM_BLOCK) {
        float sum = 0;
        for (size_t l = k0; l < k && l < k0 + GEMM_BLOCK; l++)
          sum = fmaf(a[i * k + l], b[j * k + l], sum);
        total = k0 == 0 ? sum : total + sum;
      }
      c[i * n + j] = total + (bias ? bias[j] : 0.0f);
    }
}

struct matrix {
  const float *data;
  size_t width;
};

static const void *matrix_row(void *context, size_t index, enum gemm_type *type)
{
  const struct matrix *matrix = context;
  *type = GEMM_F32;
  return matrix->data + index * matrix->width;
}

/* B packed beforehand, and packed by the product. */
static bool check_product(struct check *check, struct threads *alone, size_t m, size_t n, size_t k,
                          bool with_bias)
{
  struct error error;
  const struct kernels *kernels = check->k;
  size_t nr = (size_t)kernels->nr;
  float *a = memory_alloc(gemm_packed_floats(m, k, kernels->mr), sizeof *a, "check", &error);
  float *b = memory_alloc(gemm_packed_floats(n, k, kernels->nr), sizeof *b, "check", &error);
  float bias[MOST_COLUMNS + GEMM_MAX_NR] = {0};
  struct gemm gemm = {.kernels = kernels,
                      .m = m,
                      .n = n,
                      .k = k,
                      .a = a,
                      .b = b,
                      .b_n = n,
                      .b_k = k,
                      .bias = with_bias ? bias : NULL,
                      .c = check->got,
                      .ldc = n};
  bool good = a && b;
  if (good) {
    fill(check, check->a, m * k);
    fill(check, check->b, n * k);
    fill(check, bias, n);
    gemm_pack_rows(kernels, check->a, k, m, k, kernels->mr, a);
    gemm_pack_rows(kernels, check->b, k, n, k, kernels->nr, b);
    memset(bias + n, 0, nr * sizeof *bias);
    product_reference(check->a, check->b, with_bias ? bias : NULL, check->want, m, n, k);
    gemm_run_here(&gemm);
    compare(check, m * n);
    memset(check->got, 0x55, m * n * sizeof(float));
    struct matrix matrix = {check->b, k};
    bool finite = gemm_run_direct(&gemm, &(struct gemm_source){&matrix, matrix_row}, alone);
    compare(check, m * n);
    check->failures += !finite;
  }
  free(a);
  free(b);
  return good;
}

static bool check_products(struct check *check)
{
  struct error error;
  struct threads *alone;
  if (threads_start(1, &alone, &error))
    return false;
  bool good = check_product(check, alone, MOST_ROWS, MOST_COLUMNS, MOST_DEPTH, true) &&
              check_product(check, alone, 1, 1, 1, false) &&
              check_product(check, alone, 1, 200, 257, true) &&
              check_product(check, alone, 48, 96, 512, false) &&
              check_product(check, alone, 9, 29, 4200, false);
  for (int i = 0; good && i < 12; i++)
    good = check_product(check, alone, 1 + next(check) % MOST_ROWS, 1 + next(check) % MOST_COLUMNS,
                         1 + next(check) % MOST_DEPTH, i % 2 == 0);
  threads_stop(alone);
  return good;
}

/* Panels of mr and of nr, all element types mixed, unaligned rows, odd depths, missing rows. */
static void check_pack(struct check *check)
{
  for (int i = 0; i < 60; i++) {
    int width = i % 2 ? check->k->mr : check->k->nr;
    int count = i % 3 ? width : 1 + (int)(next(check) % (uint32_t)width);
    size_t k0 = next(check) % 40, kc = 1 + next(check) % GEMM_BLOCK, stride = 2 * GEMM_BLOCK;
    const void *rows[GEMM_MAX_NR];
    enum gemm_type types[GEMM_MAX_NR];
    fill(check, check->a, (size_t)count * stride);
    for (int j = 0; j < count; j++) {
      types[j] = i < 30 ? (enum gemm_type)(i % 3) : (enum gemm_type)(next(check) % 3);
      rows[j] = (const char *)(check->a + (size_t)j * stride) + (i % 4);
    }
    memset(check->got, 0x55, (kc * (size_t)width + 1) * sizeof(float));
    memset(check->want, 0x55, (kc * (size_t)width + 1) * sizeof(float));
    bool far = i % 4 < 2;
    bool finite =
        (far ? check->k->pack_far : check->k->pack)(types, rows, count, k0, kc, width, check->got);
    bool reference = pack_c(types, rows, count, k0, kc, width, check->want);
    for (size_t j = 0; j < kc * (size_t)width; j++) /* payloads of NaN are nobody's business */
      if (!isfinite(check->want[j]) && !isfinite(check->got[j]))
        check->got[j] = check->want[j] = 0;
    compare(check, kc * (size_t)width + 1);
    check->cases++;
    check->failures += finite != reference;
  }
}

/* One kernel as reference and as candidate: works on got (candidate) or want (reference). */
typedef void row_case(struct check *check, const struct kernels *k, float *x, size_t n);

static void case_softmax(struct check *check, const struct kernels *k, float *x, size_t n)
{
  (void)check;
  k->softmax(x, n, 0.125f);
}
static void case_layer_norm(struct check *check, const struct kernels *k, float *x, size_t n)
{
  k->layer_norm(x, check->a, check->b, x, n, 1e-5f);
}
static void case_layer_norm_plain(struct check *check, const struct kernels *k, float *x, size_t n)
{
  (void)check;
  k->layer_norm(x, NULL, NULL, x, n, 1e-5f);
}
static void case_layer_norm_weight(struct check *check, const struct kernels *k, float *x, size_t n)
{
  k->layer_norm(x, check->a, NULL, x, n, 1e-5f);
}
static void case_rms_norm(struct check *check, const struct kernels *k, float *x, size_t n)
{
  k->rms_norm(x, check->a, x, n, 1e-5f);
}
static void case_gelu(struct check *check, const struct kernels *k, float *x, size_t n)
{
  (void)check;
  k->gelu(x, n);
}
static void case_gelu_tanh(struct check *check, const struct kernels *k, float *x, size_t n)
{
  (void)check;
  k->gelu_tanh(x, n);
}
static void case_silu_mul(struct check *check, const struct kernels *k, float *x, size_t n)
{
  k->silu_mul(x, check->a, x, n);
}
static void case_rope(struct check *check, const struct kernels *k, float *x, size_t n)
{
  k->rope(x, check->a, check->b, n / 2);
}
static void case_add(struct check *check, const struct kernels *k, float *x, size_t n)
{
  k->add(check->a, x, n);
}
static void case_add3(struct check *check, const struct kernels *k, float *x, size_t n)
{
  k->add3(check->a, check->b, x, n);
}
static void case_scale_add(struct check *check, const struct kernels *k, float *x, size_t n)
{
  k->scale_add(0.3f, check->a, x, n);
}
static void case_clip(struct check *check, const struct kernels *k, float *x, size_t n)
{
  (void)check;
  k->clip(x, n, 1.5f);
}
/* The answer becomes the row, for clean rows and for one bad value at any place. */
static void case_all_finite(struct check *check, const struct kernels *k, float *x, size_t n)
{
  float saved = x[n / 3];
  (void)check;
  bool clean = k->all_finite(x, n);
  x[n / 3] = INFINITY;
  bool infinite = k->all_finite(x, n);
  x[n / 3] = NAN;
  bool nan = k->all_finite(x, n);
  x[n / 3] = saved;
  x[0] = (float)(4 * clean + 2 * infinite + nan);
}

static void check_rows(struct check *check, row_case *run)
{
  static const size_t longer[] = {100, 255, 256, 511, 1024, LONGEST};
  for (size_t i = 1; i <= 67 + sizeof longer / sizeof *longer; i++) {
    size_t n = i <= 67 ? i : longer[i - 68];
    fill(check, check->a, n);
    fill(check, check->b, n);
    fill(check, check->want, n);
    check->want[n] = 12345.0f; /* one past the end: must stay as it is */
    memcpy(check->got, check->want, (n + 1) * sizeof(float));
    run(check, &kernels_scalar, check->want, n);
    run(check, check->k, check->got, n);
    compare(check, n + 1);
  }
}

static const struct {
  const char *name;
  row_case *run;
} row_cases[] = {
    {"softmax", case_softmax},
    {"layer_norm", case_layer_norm},
    {"layer_norm, no weight", case_layer_norm_plain},
    {"layer_norm, no bias", case_layer_norm_weight},
    {"rms_norm", case_rms_norm},
    {"gelu", case_gelu},
    {"gelu_tanh", case_gelu_tanh},
    {"silu_mul", case_silu_mul},
    {"rope", case_rope},
    {"add", case_add},
    {"add3", case_add3},
    {"scale_add", case_scale_add},
    {"clip", case_clip},
    {"all_finite", case_all_finite},
};

static size_t finish(struct check *check, const char *name, kernels_check_report *report,
                     void *context)
{
  size_t failures = check->failures;
  report(context, name, check->cases, failures);
  check->cases = check->failures = 0;
  return failures;
}

size_t kernels_check(const struct kernels *kernels, kernels_check_report *report, void *context)
{
  struct error error;
  size_t depth = MOST_DEPTH > LONGEST ? MOST_DEPTH : LONGEST, failures = 0;
  size_t floats = ((MOST_COLUMNS > MOST_ROWS ? MOST_COLUMNS : MOST_ROWS) * depth + 15) / 16 * 16;
  float *memory = memory_zeroed(4 * floats, sizeof *memory, "check", &error);
  if (!memory)
    return SIZE_MAX;
  struct check check = {.k = kernels,
                        .state = 20260609,
                        .a = memory,
                        .b = memory + floats,
                        .got = memory + 2 * floats,
                        .want = memory + 3 * floats};
  bool good = check_products(&check);
  failures += finish(&check, "matrix product", report, context);
  check_pack(&check);
  failures += finish(&check, "pack", report, context);
  for (size_t i = 0; good && i < sizeof row_cases / sizeof *row_cases; i++) {
    check_rows(&check, row_cases[i].run);
    failures += finish(&check, row_cases[i].name, report, context);
  }
  free(memory);
  return good ? failures : SIZE_MAX;
}

/* Every kernel that this CPU can run against the portable C reference, by memcmp, and the reference
 * itself against double precision. */
#include "support.h"

#include "check.h"
#include "gemm.h"
#include "pack_c.h"
#include "rows_c.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_kernel(void *context, const char *kernel, size_t cases, size_t failures)
{
  print_message("  %-8s %-24s %4zu cases, %zu failures\n", (const char *)context, kernel, cases,
                failures);
  assert_true(cases > 0);
}

static void test_same_bits(void **state)
{
  const struct kernels *list[4];
  size_t count = kernels_available(list);
  (void)state;
  assert_true(count >= 1);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(kernels_check(list[i], print_kernel, (void *)(uintptr_t)list[i]->name), 0);
}

/* A kernel that deviates in one bit must be found. */
static void broken_add(const float *x, float *y, size_t n)
{
  add_c(x, y, n);
  if (n == 33)
    y[32] = nextafterf(y[32], INFINITY);
}

static void count_failures(void *context, const char *kernel, size_t cases, size_t failures)
{
  (void)cases;
  if (failures) {
    assert_string_equal(kernel, "add");
    *(size_t *)context += failures;
  }
}

static void test_one_bit_is_found(void **state)
{
  struct kernels broken = kernels_scalar;
  size_t failures = 0;
  (void)state;
  broken.add = broken_add;
  assert_int_equal(kernels_check(&broken, count_failures, &failures), 1);
  assert_int_equal(failures, 1);
}

static const void *half_row(void *context, size_t index, enum gemm_type *type)
{
  *type = GEMM_BF16;
  return (const uint16_t *)context + index * 300;
}

/* Rows at the limit, on two threads, weights of 16 bits; and one that is not finite is told. */
static void test_direct_product(void **state)
{
  enum { M = GEMM_DIRECT_ROWS, COLUMNS = 230, K = 300 };
  const struct kernels *list[4];
  struct error error = {0};
  struct threads *threads;
  uint16_t *weights = calloc(COLUMNS * K, sizeof *weights);
  float *x = calloc(M * K, sizeof *x), *operand = calloc((M + GEMM_MAX_MR) * K, sizeof *operand);
  float *c = calloc(M * COLUMNS, sizeof *c), *want = calloc(M * COLUMNS, sizeof *want);
  (void)state;
  assert_int_equal(threads_start(2, &threads, &error), 0);
  for (size_t i = 0; i < COLUMNS * K; i++)
    weights[i] = (uint16_t)(0x3F00 + i * 7919 % 251 + (i % 3 ? 0x8000 : 0));
  for (size_t i = 0; i < M * K; i++)
    x[i] = (float)(i * 104729 % 1009) / 512.0f - 1.0f;
  struct gemm_source source = {weights, half_row};
  size_t count = kernels_available(list);
  for (size_t i = 0; i < count; i++) {
    struct gemm gemm = {list[i], M, COLUMNS, K, operand, NULL, 0, 0, NULL, c, COLUMNS};
    gemm_pack_rows(list[i], x, K, M, K, list[i]->mr, operand);
    assert_true(gemm_run_direct(&gemm, &source, threads));
    if (i == 0)
      memcpy(want, c, M * COLUMNS * sizeof *c);
    assert_memory_equal(c, want, M * COLUMNS * sizeof *c);
    uint16_t last = weights[COLUMNS * K - 1];
    weights[COLUMNS * K - 1] = 0x7F80; /* infinity */
    assert_false(gemm_run_direct(&gemm, &source, threads));
    weights[COLUMNS * K - 1] = last;
  }
  threads_stop(threads);
  free(weights);
  free(x);
  free(operand);
  free(c);
  free(want);
}

#define N 1000

static void fill(float *x, unsigned seed)
{
  for (int i = 0; i < N; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (float)(int32_t)seed * 0x1p-29f;
  }
}

static void assert_close(const float *got, const double *want, double bound)
{
  for (int i = 0; i < N; i++)
    if (!(fabs((double)got[i] - want[i]) <= bound * (1.0 + fabs(want[i]))))
      fail_msg("element %d: %.9g, want %.17g", i, (double)got[i], want[i]);
}

static void test_softmax_and_norms_against_double(void **state)
{
  float x[N], y[N], weight[N], bias[N];
  double want[N], top = -INFINITY, sum = 0, mean = 0, variance = 0, square = 0;
  (void)state;
  fill(x, 1);
  fill(weight, 2);
  fill(bias, 3);
  for (int i = 0; i < N; i++)
    top = 0.5 * (double)x[i] > top ? 0.5 * (double)x[i] : top;
  for (int i = 0; i < N; i++)
    want[i] = exp(0.5 * (double)x[i] - top);
  for (int i = 0; i < N; i++)
    sum += want[i];
  for (int i = 0; i < N; i++)
    want[i] /= sum;
  memcpy(y, x, sizeof y);
  softmax_c(y, N, 0.5f);
  assert_close(y, want, 1e-7);
  for (int i = 0; i < N; i++)
    mean += (double)x[i] / N;
  for (int i = 0; i < N; i++)
    variance += ((double)x[i] - mean) * ((double)x[i] - mean) / N;
  for (int i = 0; i < N; i++)
    square += (double)x[i] * (double)x[i] / N;
  for (int i = 0; i < N; i++)
    want[i] = ((double)x[i] - mean) / sqrt(variance + 0.5) * (double)weight[i] + (double)bias[i];
  layer_norm_c(x, weight, bias, y, N, 0.5f);
  assert_close(y, want, 1e-6);
  for (int i = 0; i < N; i++)
    want[i] = (double)x[i] / sqrt(square + 0.5) * (double)weight[i];
  rms_norm_c(x, weight, y, N, 0.5f);
  assert_close(y, want, 1e-6);
}

static void test_activations_against_double(void **state)
{
  float x[N], y[N], up[N];
  double want[N];
  (void)state;
  fill(x, 4);
  fill(up, 5);
  for (int i = 0; i < N; i++)
    want[i] = 0.5 * (double)x[i] * (1 + erf((double)x[i] / sqrt(2)));
  memcpy(y, x, sizeof y);
  gelu_c(y, N);
  assert_close(y, want, 5e-7);
  for (int i = 0; i < N; i++) {
    double v = (double)x[i];
    want[i] = 0.5 * v * (1 + tanh(sqrt(2 / acos(-1.0)) * (v + 0.044715 * v * v * v)));
  }
  memcpy(y, x, sizeof y);
  gelu_tanh_c(y, N);
  assert_close(y, want, 5e-7);
  for (int i = 0; i < N; i++)
    want[i] = (double)x[i] / (1 + exp(-(double)x[i])) * (double)up[i];
  silu_mul_c(x, up, y, N);
  assert_close(y, want, 5e-7);
}

/* All 65536 halves and brain floats, against the definition of the formats. */
static void test_widening_is_exact(void **state)
{
  (void)state;
  for (uint32_t bits = 0; bits < 65536; bits++) {
    uint16_t half = (uint16_t)bits;
    int exponent = (int)(bits >> 10 & 31), mantissa = (int)(bits & 1023);
    double want = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    float got;
    bool finite = widen_c(GEMM_F16, &half, 1, &got);
    assert_int_equal(finite, exponent != 31);
    if (finite) {
      assert_true((double)fabsf(got) == want);
      assert_int_equal(signbit(got) != 0, bits >> 15);
    } else {
      assert_true(isnan(got) || isinf(got));
    }
    uint32_t widened;
    finite = widen_c(GEMM_BF16, &half, 1, &got);
    memcpy(&widened, &got, sizeof widened);
    assert_int_equal(widened, bits << 16);
    assert_int_equal(finite, (bits >> 7 & 255) != 255);
  }
}

static void test_selection(void **state)
{
  struct error error = {0};
  const struct kernels *list[4], *kernels;
  enum isa isa;
  size_t count = kernels_available(list);
  (void)state;
  assert_int_equal(kernels_select(ISA_AUTO, &kernels, &error), 0);
  assert_ptr_equal(kernels, list[count - 1]);
  assert_int_equal(kernels_select(ISA_SCALAR, &kernels, &error), 0);
  assert_ptr_equal(kernels, &kernels_scalar);
#if defined(__x86_64__)
  assert_int_equal(kernels_select(ISA_NEON, &kernels, &error), EXIT_RUN);
#else
  assert_int_equal(kernels_select(ISA_AVX512, &kernels, &error), EXIT_RUN);
#endif
  support_assert_error(&error, EXIT_RUN, "--isa");
  assert_int_equal(kernels_parse_isa("avx512", &isa, &error), 0);
  assert_int_equal(isa, ISA_AVX512);
  assert_int_equal(kernels_parse_isa("sse", &isa, &error), EXIT_INPUT);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_bits),
      cmocka_unit_test(test_one_bit_is_found),
      cmocka_unit_test(test_direct_product),
      cmocka_unit_test(test_softmax_and_norms_against_double),
      cmocka_unit_test(test_activations_against_double),
      cmocka_unit_test(test_widening_is_exact),
      cmocka_unit_test(test_selection),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every kernel that this CPU can run against the portable C reference, by memcmp, and the reference
 * itself against double precision. */
#include "support.h"

#include "check.h"
#include "gemm.h"
#include "pack_c.h"
#include "rows_c.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void print_kernel(void *context, const struct kernels_outcome *o)
{
  print_message("  %-8s %-28s %4zu cases, %zu failures, error %.3f of %g\n", (const char *)context,
                o->kernel, o->cases, o->failures, o->error, o->bound);
  assert_true(o->cases > 0);
  assert_true(o->error <= o->bound);
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

static void count_failures(void *context, const struct kernels_outcome *o)
{
  if (o->failures) {
    assert_string_equal(o->kernel, "add");
    *(size_t *)context += o->failures;
  }
}

static void test_one_bit_is_found(void **state)
{
  struct kernels broken = kernels_scalar;
  size_t failures = 0;
  (void)state;
  broken.add = broken_add;
  /* In a row of tame numbers and in one of all sorts; the first may be told by its error, too. */
  size_t found = kernels_check(&broken, count_failures, &failures);
  assert_int_equal(found, failures);
  assert_in_range(found, 2, 3);
}

/* So must one whose bits are its own but whose formula is not what it says. */
static void find_excess(void *context, const struct kernels_outcome *o)
{
  if (o->error > o->bound) {
    assert_string_equal(o->kernel, "gelu");
    *(bool *)context = true;
  }
}

static void test_wrong_formula_is_found(void **state)
{
  struct kernels broken = kernels_scalar;
  bool found = false;
  (void)state;
  broken.gelu = gelu_tanh_c;
  assert_true(kernels_check(&broken, find_excess, &found) > 0);
  assert_true(found);
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
    struct gemm gemm = {
        .kernels = list[i], .m = M, .n = COLUMNS, .k = K, .a = operand, .c = c, .ldc = COLUMNS};
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

/* dW += dY^T X on two threads: the bits of one, and an operand that is not finite is told. */
static void test_gradient_on_threads(void **state)
{
  enum { ROWS = 300, OUT = 230, IN = 200 };
  static float dy[ROWS * OUT], x[ROWS * IN], c[2][OUT * IN];
  static float packed_a[2][ROWS * (OUT + GEMM_MAX_MR)];
  static _Alignas(64) float packed_b[ROWS * (IN + GEMM_MAX_NR)];
  const struct kernels *list[4];
  struct error error = {0};
  struct threads *threads;
  size_t count = kernels_available(list);
  (void)state;
  assert_int_equal(threads_start(2, &threads, &error), 0);
  for (size_t i = 0; i < ROWS * OUT; i++)
    dy[i] = (float)(i * 104729 % 1009) / 512.0f - 1.0f;
  for (size_t i = 0; i < ROWS * IN; i++)
    x[i] = (float)(i * 7919 % 1013) / 512.0f - 1.0f;
  for (size_t i = 0; i < count; i++) {
    const struct kernels *k = list[i];
    int nr = gemm_nr(k, IN);
    struct gemm gemm = {.kernels = k,
                        .m = OUT,
                        .n = IN,
                        .k = ROWS,
                        .b = packed_b,
                        .b_n = IN,
                        .b_k = ROWS,
                        .ldc = IN,
                        .accumulate = true};
    for (size_t j = 0; j < OUT * IN; j++)
      c[0][j] = c[1][j] = dy[j % 97];
    assert_true(gemm_pack_transposed(k, GEMM_F32, dy, OUT, OUT, ROWS, k->mr, packed_a[0]));
    assert_true(gemm_pack_transposed_threaded(k, threads, GEMM_F32, dy, OUT, OUT, ROWS, k->mr,
                                              packed_a[1]));
    assert_memory_equal(packed_a[0], packed_a[1],
                        gemm_packed_floats(OUT, ROWS, k->mr) * sizeof(float));
    assert_true(gemm_pack_transposed(k, GEMM_F32, x, IN, IN, ROWS, nr, packed_b));
    gemm.a = packed_a[0];
    gemm.c = c[0];
    gemm_run_here(&gemm);
    gemm.c = c[1];
    gemm_run(&gemm, threads);
    assert_memory_equal(c[0], c[1], sizeof c[0]);
    dy[ROWS * OUT - 1] = NAN;
    assert_false(gemm_pack_transposed_threaded(k, threads, GEMM_F32, dy, OUT, OUT, ROWS, k->mr,
                                               packed_a[1]));
    dy[ROWS * OUT - 1] = 0.5f;
  }
  threads_stop(threads);
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
      cmocka_unit_test(test_wrong_formula_is_found),
      cmocka_unit_test(test_direct_product),
      cmocka_unit_test(test_gradient_on_threads),
      cmocka_unit_test(test_widening_is_exact),
      cmocka_unit_test(test_selection),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

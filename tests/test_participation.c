/* Double-precision kernels, singular values and the participation ratio. */
#include "support.h"

#include "base/random.h"
#include "f64.h"
#include "probe/participation.h"
#include "probe/singular.h"
#include "spectrum.h"

#include <math.h>
#include <string.h>

static struct error error;

static double uniform(struct random *random)
{
  return (double)(random_u32(random) >> 8) * 0x1p-24 - 0.5;
}

static double plain_dot(size_t n, const double *x, const double *y)
{
  double lane[8] = {0};
  for (size_t i = 0; i < n; i++)
    lane[i % 8] = fma(x[i], y[i], lane[i % 8]);
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* Every length around the vector widths, at every alignment, against the header's definition. */
static void kernels(void **state)
{
  (void)state;
  double x[80], y[80], x2[80], y2[80];
  struct random random;
  random_seed(&random, 1);
  for (size_t n = 0; n <= 70; n++)
    for (size_t start = 0; start < 4; start++) {
      for (size_t i = 0; i < 80; i++) {
        x[i] = x2[i] = uniform(&random);
        y[i] = y2[i] = uniform(&random);
      }
      double dot = f64_dot(n, x + start, y + start), plain = plain_dot(n, x + start, y + start);
      assert_memory_equal(&dot, &plain, sizeof dot);
      f64_axpy(n, 0.3, x + start, y + start);
      for (size_t i = start; i < start + n; i++)
        y2[i] = fma(0.3, x[i], y2[i]);
      assert_memory_equal(y, y2, sizeof y);
      f64_rotate(n, 0.8, 0.6, x + start, y + start);
      for (size_t i = start; i < start + n; i++) {
        double old = x2[i];
        x2[i] = fma(0.8, old, -(0.6 * y2[i]));
        y2[i] = fma(0.6, old, 0.8 * y2[i]);
      }
      assert_memory_equal(x, x2, sizeof x);
      assert_memory_equal(y, y2, sizeof y);
    }
}

/* Element (i, j) of the Hadamard matrix: its rows and columns are orthogonal. */
static int hadamard(int i, int j)
{
  return __builtin_parity((unsigned)(i & j)) ? -1 : 1;
}

/* H64 diag(2^-k) H16' is exact in float and has the singular values 8 * 4 * 2^-k. */
static void exact_spectrum(void **state)
{
  (void)state;
  static float m[64 * 16], transposed[16 * 64];
  double s[16], s2[16];
  for (int i = 0; i < 64; i++)
    for (int j = 0; j < 16; j++) {
      double sum = 0;
      for (int k = 0; k < 16; k++)
        sum += ldexp(hadamard(i, k) * hadamard(k, j), -k);
      m[i * 16 + j] = transposed[j * 64 + i] = (float)sum;
      assert_true((double)m[i * 16 + j] == sum);
    }
  assert_int_equal(singular_values(m, 64, 16, s, &error), 0);
  for (int k = 0; k < 16; k++)
    assert_true(fabs(s[k] / ldexp(32, -k) - 1) < 1e-12);
  assert_int_equal(singular_values(transposed, 16, 64, s2, &error), 0);
  assert_memory_equal(s, s2, sizeof s);
}

static void against_gram_matrix(void **state)
{
  (void)state;
  static const int shapes[][2] = {{500, 64}, {64, 64}, {8, 24}, {9, 1}, {1, 9}, {31, 17}};
  static float m[500 * 64];
  struct random random;
  random_seed(&random, 2);
  for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
    int rows = shapes[k][0], cols = shapes[k][1], count = rows < cols ? rows : cols;
    double s[64], squares[64], pr;
    for (int i = 0; i < rows * cols; i++)
      m[i] = (float)(uniform(&random) * (1 + 20.0 * (i % cols % 7)));
    spectrum_of_gram(m, rows, cols, squares);
    assert_int_equal(singular_values(m, rows, cols, s, &error), 0);
    for (int i = 0; i < count; i++)
      assert_true(fabs(s[i] * s[i] - squares[i]) < 1e-12 * squares[0]);
    assert_int_equal(participation_ratio(m, rows, cols, &pr, &error), 0);
    assert_true(fabs(pr / spectrum_pr(squares, count) - 1) < 1e-11);
  }
}

static double pr_of(const float *m, int64_t rows, int64_t cols)
{
  double pr = -1;
  assert_int_equal(participation_ratio(m, rows, cols, &pr, &error), 0);
  return pr;
}

static void known_ratios(void **state)
{
  (void)state;
  static float m[64 * 16];
  assert_true(pr_of(m, 64, 16) == 1); /* zero: no p, exp(0) */
  for (int i = 0; i < 64; i++)
    for (int j = 0; j < 16; j++)
      m[i * 16 + j] = (float)(3 * hadamard(i, j));
  assert_true(fabs(pr_of(m, 64, 16) - 16) < 1e-9); /* orthogonal columns of equal norm */
  for (int i = 0; i < 64; i++)
    for (int j = 0; j < 16; j++)
      m[i * 16 + j] = (float)((i + 1) * (2 * j + 1));
  assert_true(fabs(pr_of(m, 64, 16) - 1) < 1e-10); /* rank one */
  assert_true(fabs(pr_of(m, 1, 16) - 1) < 1e-10);
  assert_true(fabs(pr_of(m, 1, 1) - 1) < 1e-10);
  for (int i = 0; i < 64 * 16; i++)
    m[i] = i / 16 == i % 16 ? 0x1p-30f : 0; /* the sum of squares, 16 * 2^-60, is under its floor */
  double p = 0x1p-60 / 1e-12;
  assert_true(fabs(pr_of(m, 64, 16) / exp(-16 * p * log(p + 1e-12)) - 1) < 1e-12);
}

/* The largest and smallest floats neither overflow nor stall. */
static void extreme_scales(void **state)
{
  (void)state;
  static const float scales[] = {0x1.fffffep127f, 1e-38f, 0x1p-149f};
  float m[32 * 8];
  for (size_t k = 0; k < 3; k++) {
    double s[8];
    for (int i = 0; i < 32; i++)
      for (int j = 0; j < 8; j++)
        m[i * 8 + j] = scales[k] * (float)(i % 8 == j || i % 5 == j % 3);
    assert_int_equal(singular_values(m, 32, 8, s, &error), 0);
    assert_true(isfinite(s[0]) && s[0] > (double)scales[k] && s[7] >= 0);
  }
}

/* Our own result, not an outside reference: it pins the bits for every compiler and instruction
 * set. Column j is scaled by 0.8^j and the last ones repeat the first, so small and zero singular
 * values occur. */
static void golden_bits(void **state)
{
  (void)state;
  static float m[200 * 48];
  double s[48], pr;
  struct random random;
  random_seed(&random, 12345);
  for (int i = 0; i < 200; i++) {
    double scale = 1;
    for (int j = 0; j < 48; j++, scale *= 0.8)
      m[i * 48 + j] = j < 44 ? (float)(uniform(&random) * scale) : m[i * 48 + j - 44];
  }
  assert_int_equal(singular_values(m, 200, 48, s, &error), 0);
  assert_int_equal(participation_ratio(m, 200, 48, &pr, &error), 0);
  uint64_t hash = 0xcbf29ce484222325u, bits;
  for (size_t i = 0; i < 48; i++) {
    memcpy(&bits, &s[i], sizeof bits);
    hash = (hash ^ bits) * 0x100000001b3u;
  }
  memcpy(&bits, &pr, sizeof bits);
  assert_int_equal(hash, UINT64_C(0xfeed59f92602d8ff));
  assert_int_equal(bits, UINT64_C(0x4014465706e296df));
}

static void refusals(void **state)
{
  (void)state;
  static float m[8 * 4];
  double s[4], pr = -1;
  assert_int_equal(singular_values(m, 0, 4, s, &error), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "empty");
  assert_int_equal(participation_ratio(m, 4, -1, &pr, &error), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "empty");
  assert_int_equal(singular_values(m, INT64_MAX, 4, s, &error), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "too large");
  assert_int_equal(singular_values(m, INT64_C(1) << 58, 4, s, &error), EXIT_RUN);
  assert_int_equal(participation_ratio(m, INT64_MAX, INT64_MAX, &pr, &error), EXIT_RUN);
  static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
  for (size_t i = 0; i < 4; i++) {
    m[6 * 4 + 3] = bad[i];
    assert_int_equal(participation_ratio(m, 8, 4, &pr, &error), EXIT_RUN);
    support_assert_error(&error, EXIT_RUN, "row 6, column 3");
    assert_int_equal(participation_ratio(m, 4, 8, &pr, &error), EXIT_RUN);
    support_assert_error(&error, EXIT_RUN, "row 3, column 3");
  }
  assert_true(pr == -1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kernels),
      cmocka_unit_test(exact_spectrum),
      cmocka_unit_test(against_gram_matrix),
      cmocka_unit_test(known_ratios),
      cmocka_unit_test(extreme_scales),
      cmocka_unit_test(golden_bits),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The row kernels over sixteen lanes, written once; a file that includes this has defined v16 and
 * its operations for one instruction set and ROWS(name) = name with the suffix of that set. The
 * tail of a row is a partial vector: the lanes past the end hold a value that leaves the result
 * alone. */
#include "f32.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

static inline v16 rows_tail(const float *x, size_t n, size_t at, float fill)
{
  return n - at >= 16 ? v16_load(x + at) : v16_load_part(x + at, n - at, v16_set1(fill));
}

static inline void rows_put(float *x, size_t n, size_t at, v16 value)
{
  if (n - at >= 16)
    v16_store(x + at, value);
  else
    v16_store_part(x + at, n - at, value);
}

static void ROWS(softmax)(float *x, size_t n, float scale)
{
  v16 s = v16_set1(scale), top = v16_set1(-INFINITY), sum = v16_set1(0.0f);
  for (size_t i = 0; i < n; i += 16) {
    v16 t = v16_mul(rows_tail(x, n, i, -INFINITY), s);
    top = v16_max(t, top);
    rows_put(x, n, i, t);
  }
  top = v16_set1(v16_fold_max(top));
  for (size_t i = 0; i < n; i += 16) {
    v16 e = v16_exp(v16_sub(rows_tail(x, n, i, -INFINITY), top)); /* exp(-inf) adds +0 */
    sum = v16_add(sum, e);
    rows_put(x, n, i, e);
  }
  v16 total = v16_set1(v16_fold_sum(sum));
  for (size_t i = 0; i < n; i += 16)
    rows_put(x, n, i, v16_div(rows_tail(x, n, i, 0.0f), total));
}

/* A row's mean and 1 / sqrt(variance + eps). */
static inline float ROWS(moments)(const float *x, size_t n, float eps, float *mean)
{
  v16 sum = v16_set1(0.0f), squares = v16_set1(0.0f);
  for (size_t i = 0; i < n; i += 16)
    sum = v16_add(sum, rows_tail(x, n, i, 0.0f));
  *mean = v16_fold_sum(sum) / (float)n;
  v16 center = v16_set1(*mean);
  for (size_t i = 0; i < n; i += 16) {
    v16 d = v16_sub(rows_tail(x, n, i, *mean), center);
    squares = v16_fma(d, d, squares);
  }
  return 1.0f / sqrtf(v16_fold_sum(squares) / (float)n + eps);
}

/* 1 / sqrt(mean square + eps) */
static inline float ROWS(mean_square)(const float *x, size_t n, float eps)
{
  v16 squares = v16_set1(0.0f);
  for (size_t i = 0; i < n; i += 16) {
    v16 v = rows_tail(x, n, i, 0.0f);
    squares = v16_fma(v, v, squares);
  }
  return 1.0f / sqrtf(v16_fold_sum(squares) / (float)n + eps);
}

static void ROWS(layer_norm)(const float *x, const float *weight, const float *bias, float *y,
                             size_t n, float eps)
{
  float mean;
  v16 r = v16_set1(ROWS(moments)(x, n, eps, &mean)), center = v16_set1(mean);
  for (size_t i = 0; i < n; i += 16) {
    v16 normed = v16_mul(v16_sub(rows_tail(x, n, i, 0.0f), center), r);
    if (weight && bias)
      normed = v16_fma(normed, rows_tail(weight, n, i, 0.0f), rows_tail(bias, n, i, 0.0f));
    else if (weight)
      normed = v16_mul(normed, rows_tail(weight, n, i, 0.0f));
    rows_put(y, n, i, normed);
  }
}

static void ROWS(rms_norm)(const float *x, const float *weight, float *y, size_t n, float eps)
{
  v16 r = v16_set1(ROWS(mean_square)(x, n, eps));
  for (size_t i = 0; i < n; i += 16)
    rows_put(y, n, i, v16_mul(v16_mul(rows_tail(x, n, i, 0.0f), r), rows_tail(weight, n, i, 0.0f)));
}

static void ROWS(gelu)(float *x, size_t n)
{
  v16 half = v16_set1(0.5f), one = v16_set1(1.0f), root = v16_set1(F32_SQRT_HALF);
  for (size_t i = 0; i < n; i += 16) {
    v16 v = rows_tail(x, n, i, 0.0f);
    v16 e = v16_erf(v16_mul(v, root));
    rows_put(x, n, i, v16_mul(v16_mul(half, v), v16_add(one, e)));
  }
}

static void ROWS(gelu_tanh)(float *x, size_t n)
{
  v16 half = v16_set1(0.5f), one = v16_set1(1.0f);
  v16 root = v16_set1(F32_SQRT_2_OVER_PI), factor = v16_set1(F32_GELU_CUBIC);
  for (size_t i = 0; i < n; i += 16) {
    v16 v = rows_tail(x, n, i, 0.0f);
    v16 cubic = v16_fma(v16_mul(factor, v16_mul(v, v)), v, v);
    v16 t = v16_tanh(v16_mul(root, cubic));
    rows_put(x, n, i, v16_mul(v16_mul(half, v), v16_add(one, t)));
  }
}

static void ROWS(silu_mul)(const float *gate, const float *up, float *y, size_t n)
{
  v16 zero = v16_set1(0.0f), one = v16_set1(1.0f);
  for (size_t i = 0; i < n; i += 16) {
    v16 g = rows_tail(gate, n, i, 0.0f), u = rows_tail(up, n, i, 0.0f);
    v16 e = v16_exp(v16_sub(zero, g));
    rows_put(y, n, i, v16_mul(v16_div(g, v16_add(one, e)), u));
  }
}

static void ROWS(rope)(float *x, const float *cosine, const float *sine, size_t half)
{
  for (size_t i = 0; i < half; i += 16) {
    v16 x1 = rows_tail(x, half, i, 0.0f), x2 = rows_tail(x + half, half, i, 0.0f);
    v16 c = rows_tail(cosine, half, i, 0.0f), s = rows_tail(sine, half, i, 0.0f);
    rows_put(x, half, i, v16_fms(x1, c, v16_mul(x2, s)));
    rows_put(x + half, half, i, v16_fma(x2, c, v16_mul(x1, s)));
  }
}

/* Pairs that lie side by side are left to the compiler: each is its own. */
static void ROWS(rope_pairs)(float *x, const float *cosine, const float *sine, size_t half)
{
  for (size_t i = 0; i < half; i++) {
    float x1 = x[2 * i], x2 = x[2 * i + 1];
    x[2 * i] = fmaf(x1, cosine[i], -(x2 * sine[i]));
    x[2 * i + 1] = fmaf(x2, cosine[i], x1 * sine[i]);
  }
}

static void ROWS(scale)(float factor, const float *x, float *y, size_t n)
{
  v16 f = v16_set1(factor);
  for (size_t i = 0; i < n; i += 16)
    rows_put(y, n, i, v16_mul(f, rows_tail(x, n, i, 0.0f)));
}

static void ROWS(add)(const float *x, float *y, size_t n)
{
  for (size_t i = 0; i < n; i += 16)
    rows_put(y, n, i, v16_add(rows_tail(y, n, i, 0.0f), rows_tail(x, n, i, 0.0f)));
}

static void ROWS(add3)(const float *a, const float *b, float *y, size_t n)
{
  for (size_t i = 0; i < n; i += 16) {
    v16 ab = v16_add(rows_tail(a, n, i, 0.0f), rows_tail(b, n, i, 0.0f));
    rows_put(y, n, i, v16_add(ab, rows_tail(y, n, i, 0.0f)));
  }
}

static void ROWS(scale_add)(float scale, const float *x, float *y, size_t n)
{
  v16 s = v16_set1(scale);
  for (size_t i = 0; i < n; i += 16)
    rows_put(y, n, i, v16_fma(s, rows_tail(x, n, i, 0.0f), rows_tail(y, n, i, 0.0f)));
}

static void ROWS(clip)(float *x, size_t n, float limit)
{
  v16 high = v16_set1(limit), low = v16_set1(-limit);
  for (size_t i = 0; i < n; i += 16)
    rows_put(x, n, i, v16_clip(rows_tail(x, n, i, 0.0f), low, high));
}

/* x * 0 is 0 for a finite x and NaN otherwise, and NaN stays in the sum. */
static bool ROWS(all_finite)(const float *x, size_t n)
{
  v16 zero = v16_set1(0.0f), sum = zero;
  for (size_t i = 0; i < n; i += 16)
    sum = v16_fma(rows_tail(x, n, i, 0.0f), zero, sum);
  return v16_fold_sum(sum) == 0.0f;
}

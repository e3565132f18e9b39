/* Adjoints and optimizers over sixteen lanes, written once; included after rows_body.h. */
#include "adjoint_c.h"

/* h = (x - mean) * r */
static inline v16 rows_normed(const float *x, size_t n, size_t at, v16 mean, v16 r)
{
  return v16_mul(v16_sub(rows_tail(x, n, at, 0.0f), mean), r);
}

/* g = dy * weight, or dy */
static inline v16 rows_weighted(const float *dy, const float *weight, size_t n, size_t at)
{
  v16 d = rows_tail(dy, n, at, 0.0f);
  return weight ? v16_mul(d, rows_tail(weight, n, at, 0.0f)) : d;
}

static void ROWS(layer_norm_backward)(const float *x, const float *weight, const float *dy,
                                      float *dx, float *gain, size_t n, float eps)
{
  float center;
  v16 r = v16_set1(ROWS(moments)(x, n, eps, &center)), mean = v16_set1(center);
  v16 sum = v16_set1(0.0f), product = v16_set1(0.0f);
  for (size_t i = 0; i < n; i += 16) {
    v16 g = rows_weighted(dy, weight, n, i); /* 0 past the end, and so is g * h */
    sum = v16_add(sum, g);
    product = v16_fma(g, rows_normed(x, n, i, mean, r), product);
  }
  v16 mg = v16_set1(v16_fold_sum(sum) / (float)n);
  v16 minus_mgh = v16_set1(-(v16_fold_sum(product) / (float)n));
  for (size_t i = 0; i < n; i += 16) {
    v16 h = rows_normed(x, n, i, mean, r), g = rows_weighted(dy, weight, n, i);
    if (gain)
      rows_put(gain, n, i, v16_mul(rows_tail(dy, n, i, 0.0f), h));
    rows_put(dx, n, i, v16_mul(v16_fma(h, minus_mgh, v16_sub(g, mg)), r));
  }
}

static void ROWS(rms_norm_backward)(const float *x, const float *weight, const float *dy, float *dx,
                                    float *gain, size_t n, float eps)
{
  v16 r = v16_set1(ROWS(mean_square)(x, n, eps)), product = v16_set1(0.0f);
  for (size_t i = 0; i < n; i += 16) {
    v16 h = v16_mul(rows_tail(x, n, i, 0.0f), r);
    product = v16_fma(rows_weighted(dy, weight, n, i), h, product);
  }
  v16 minus_mgh = v16_set1(-(v16_fold_sum(product) / (float)n));
  for (size_t i = 0; i < n; i += 16) {
    v16 h = v16_mul(rows_tail(x, n, i, 0.0f), r), g = rows_weighted(dy, weight, n, i);
    if (gain)
      rows_put(gain, n, i, v16_mul(rows_tail(dy, n, i, 0.0f), h));
    rows_put(dx, n, i, v16_mul(v16_fma(h, minus_mgh, g), r));
  }
}

static float ROWS(dot)(const float *x, const float *y, size_t n)
{
  v16 sum = v16_set1(0.0f);
  for (size_t i = 0; i < n; i += 16)
    sum = v16_fma(rows_tail(x, n, i, 0.0f), rows_tail(y, n, i, 0.0f), sum);
  return v16_fold_sum(sum);
}

static void ROWS(softmax_backward)(const float *p, float *dp, size_t n, float scale)
{
  v16 s = v16_set1(ROWS(dot)(p, dp, n)), factor = v16_set1(scale);
  for (size_t i = 0; i < n; i += 16) {
    v16 d = v16_sub(rows_tail(dp, n, i, 0.0f), s);
    rows_put(dp, n, i, v16_mul(v16_mul(rows_tail(p, n, i, 0.0f), d), factor));
  }
}

static void ROWS(gelu_slope)(float *x, float *slope, size_t n)
{
  v16 half = v16_set1(0.5f), minus_half = v16_set1(-0.5f), one = v16_set1(1.0f);
  v16 root = v16_set1(F32_SQRT_HALF), density = v16_set1(F32_SQRT_HALF_OVER_PI);
  for (size_t i = 0; i < n; i += 16) {
    v16 v = rows_tail(x, n, i, 0.0f);
    v16 twice = v16_add(one, v16_erf(v16_mul(v, root)));
    v16 e = v16_exp(v16_mul(v16_mul(v, v), minus_half));
    rows_put(x, n, i, v16_mul(v16_mul(half, v), twice));
    rows_put(slope, n, i, v16_fma(v16_mul(v, e), density, v16_mul(half, twice)));
  }
}

static void ROWS(gelu_tanh_slope)(float *x, float *slope, size_t n)
{
  v16 half = v16_set1(0.5f), one = v16_set1(1.0f), zero = v16_set1(0.0f);
  v16 root = v16_set1(F32_SQRT_2_OVER_PI), factor = v16_set1(F32_GELU_CUBIC);
  v16 triple = v16_set1(3.0f * F32_GELU_CUBIC);
  for (size_t i = 0; i < n; i += 16) {
    v16 v = rows_tail(x, n, i, 0.0f), q = v16_mul(v, v);
    v16 t = v16_tanh(v16_mul(root, v16_fma(v16_mul(factor, q), v, v)));
    v16 s = v16_mul(root, v16_fma(triple, q, one));
    v16 w = v16_mul(v16_mul(half, v), v16_fma(v16_sub(zero, t), t, one));
    rows_put(x, n, i, v16_mul(v16_mul(half, v), v16_add(one, t)));
    rows_put(slope, n, i, v16_fma(w, s, v16_mul(half, v16_add(one, t))));
  }
}

static void ROWS(multiply)(const float *x, float *y, size_t n)
{
  for (size_t i = 0; i < n; i += 16)
    rows_put(y, n, i, v16_mul(rows_tail(y, n, i, 0.0f), rows_tail(x, n, i, 0.0f)));
}

static void ROWS(silu_mul_backward)(const float *gate, const float *up, const float *dy,
                                    float *d_gate, float *d_up, size_t n)
{
  v16 zero = v16_set1(0.0f), one = v16_set1(1.0f);
  for (size_t i = 0; i < n; i += 16) {
    v16 g = rows_tail(gate, n, i, 0.0f), u = rows_tail(up, n, i, 0.0f);
    v16 d = rows_tail(dy, n, i, 0.0f);
    v16 r = v16_div(one, v16_add(one, v16_exp(v16_sub(zero, g))));
    v16 slope = v16_mul(r, v16_fma(g, v16_sub(one, r), one));
    rows_put(d_up, n, i, v16_mul(d, v16_mul(g, r)));
    rows_put(d_gate, n, i, v16_mul(v16_mul(d, u), slope));
  }
}

static void ROWS(rope_backward)(float *x, const float *cosine, const float *sine, size_t half)
{
  for (size_t i = 0; i < half; i += 16) {
    v16 x1 = rows_tail(x, half, i, 0.0f), x2 = rows_tail(x + half, half, i, 0.0f);
    v16 c = rows_tail(cosine, half, i, 0.0f), s = rows_tail(sine, half, i, 0.0f);
    rows_put(x, half, i, v16_fma(x1, c, v16_mul(x2, s)));
    rows_put(x + half, half, i, v16_fms(x2, c, v16_mul(x1, s)));
  }
}

static void ROWS(rope_pairs_backward)(float *x, const float *cosine, const float *sine, size_t half)
{
  for (size_t i = 0; i < half; i++) {
    float x1 = x[2 * i], x2 = x[2 * i + 1];
    x[2 * i] = fmaf(x1, cosine[i], x2 * sine[i]);
    x[2 * i + 1] = fmaf(x2, cosine[i], -(x1 * sine[i]));
  }
}

static void ROWS(clip_backward)(const float *x, float *dy, size_t n, float limit)
{
  v16 high = v16_set1(limit), low = v16_set1(-limit);
  for (size_t i = 0; i < n; i += 16) {
    v16 inside = v16_within(rows_tail(x, n, i, 0.0f), low, high, rows_tail(dy, n, i, 0.0f));
    rows_put(dy, n, i, inside);
  }
}

static double ROWS(cross_entropy)(float *x, size_t n, size_t target)
{
  v16 top = v16_set1(-INFINITY), sum = v16_set1(0.0f);
  float logit = x[target];
  for (size_t i = 0; i < n; i += 16)
    top = v16_max(rows_tail(x, n, i, -INFINITY), top);
  float most = v16_fold_max(top);
  top = v16_set1(most);
  for (size_t i = 0; i < n; i += 16) {
    v16 e = v16_exp(v16_sub(rows_tail(x, n, i, -INFINITY), top)); /* exp(-inf) adds +0 */
    sum = v16_add(sum, e);
    rows_put(x, n, i, e);
  }
  float total = v16_fold_sum(sum);
  for (size_t i = 0; i < n; i += 16)
    rows_put(x, n, i, v16_div(rows_tail(x, n, i, 0.0f), v16_set1(total)));
  return loss_c(total, most, logit);
}

static void ROWS(cross_entropy_backward)(float *p, size_t n, size_t target, float scale)
{
  float right = (p[target] - 1.0f) * scale;
  v16 factor = v16_set1(scale);
  for (size_t i = 0; i < n; i += 16)
    rows_put(p, n, i, v16_mul(rows_tail(p, n, i, 0.0f), factor));
  p[target] = right;
}

static void ROWS(scatter_add)(const int32_t *tokens, size_t rows, const float *x, size_t x_stride,
                              float *y, size_t y_stride, size_t n)
{
  for (size_t row = 0; row < rows; row++)
    ROWS(add)(x + row * x_stride, y + (size_t)tokens[row] * y_stride, n);
}

/* Four vectors of columns at a time: one chain of adds alone would wait for itself. */
static inline void ROWS(column_sum_of_64)(const float *x, size_t stride, size_t rows, float *y)
{
  for (size_t row0 = 0; row0 < rows; row0 += GEMM_BLOCK) {
    size_t end = rows - row0 < GEMM_BLOCK ? rows : row0 + GEMM_BLOCK;
    v16 zero = v16_set1(0.0f), sum[4] = {zero, zero, zero, zero};
    for (size_t row = row0; row < end; row++)
      for (size_t v = 0; v < 4; v++)
        sum[v] = v16_add(sum[v], v16_load(x + row * stride + 16 * v));
    for (size_t v = 0; v < 4; v++)
      v16_store(y + 16 * v, row0 ? v16_add(v16_load(y + 16 * v), sum[v]) : sum[v]);
  }
}

static void ROWS(column_sum)(const float *x, size_t stride, size_t rows, float *y, size_t n)
{
  size_t j = 0;
  for (; j + 64 <= n; j += 64)
    ROWS(column_sum_of_64)(x + j, stride, rows, y + j);
  for (; j < n; j += 16)
    for (size_t row0 = 0; row0 < rows; row0 += GEMM_BLOCK) {
      size_t end = rows - row0 < GEMM_BLOCK ? rows : row0 + GEMM_BLOCK;
      v16 sum = v16_set1(0.0f);
      for (size_t row = row0; row < end; row++)
        sum = v16_add(sum, rows_tail(x + row * stride, n, j, 0.0f));
      rows_put(y, n, j, row0 ? v16_add(rows_tail(y, n, j, 0.0f), sum) : sum);
    }
}

/* The lanes are left to the compiler: squares are exact in double, and the order is fixed. */
static double ROWS(square_sum)(const float *x, size_t n)
{
  double lanes[16] = {0};
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (size_t l = 0; l < 16; l++)
      lanes[l] = fma((double)x[i + l], (double)x[i + l], lanes[l]);
  for (size_t l = 0; i + l < n; l++)
    lanes[l] = fma((double)x[i + l], (double)x[i + l], lanes[l]);
  for (size_t half = 8; half >= 1; half /= 2)
    for (size_t l = 0; l < half; l++)
      lanes[l] += lanes[l + half];
  return lanes[0];
}

static void ROWS(adam)(const struct update *update, const float *g, float *p, float *m, float *v,
                       size_t n)
{
  v16 clip = v16_set1(update->clip), keep = v16_set1(update->keep), rate = v16_set1(update->rate);
  v16 b1 = v16_set1(update->b1), b1_rest = v16_set1(update->b1_rest);
  v16 b2 = v16_set1(update->b2), b2_rest = v16_set1(update->b2_rest);
  v16 root = v16_set1(update->root), eps = v16_set1(update->eps);
  for (size_t i = 0; i < n; i += 16) {
    v16 clipped = v16_mul(clip, rows_tail(g, n, i, 0.0f));
    v16 kept = v16_mul(rows_tail(p, n, i, 0.0f), keep);
    v16 first = v16_fma(b1, rows_tail(m, n, i, 0.0f), v16_mul(b1_rest, clipped));
    v16 square = v16_mul(v16_mul(b2_rest, clipped), clipped);
    v16 second = v16_fma(b2, rows_tail(v, n, i, 0.0f), square);
    v16 below = v16_add(v16_div(v16_sqrt(second), root), eps);
    rows_put(m, n, i, first);
    rows_put(v, n, i, second);
    rows_put(p, n, i, v16_sub(kept, v16_div(v16_mul(rate, first), below)));
  }
}

static void ROWS(sgd)(const struct update *update, const float *g, float *p, size_t n)
{
  v16 clip = v16_set1(update->clip), keep = v16_set1(update->keep), rate = v16_set1(update->rate);
  for (size_t i = 0; i < n; i += 16) {
    v16 kept = v16_mul(rows_tail(p, n, i, 0.0f), keep);
    v16 step = v16_mul(rate, v16_mul(clip, rows_tail(g, n, i, 0.0f)));
    rows_put(p, n, i, v16_sub(kept, step));
  }
}

/* The portable reference: plain C, one statement a step, no cleverness. */
#include "adjoint_c.h"

#include "f32.h"
#include "rows_c.h"
#include "sleef_scalar.h"

#include <math.h>

void layer_norm_backward_c(const float *x, const float *weight, const float *dy, float *dx,
                           float *gain, size_t n, float eps)
{
  float sum[16] = {0}, product[16] = {0}, mean, r = moments_c(x, n, eps, &mean);
  for (size_t i = 0; i < n; i++) {
    float h = (x[i] - mean) * r, g = weight ? dy[i] * weight[i] : dy[i];
    sum[i % 16] = sum[i % 16] + g;
    product[i % 16] = fmaf(g, h, product[i % 16]);
  }
  float mg = fold_sum_c(sum) / (float)n, mgh = fold_sum_c(product) / (float)n;
  for (size_t i = 0; i < n; i++) {
    float h = (x[i] - mean) * r, g = weight ? dy[i] * weight[i] : dy[i];
    if (gain)
      gain[i] = dy[i] * h;
    dx[i] = fmaf(h, -mgh, g - mg) * r;
  }
}

void rms_norm_backward_c(const float *x, const float *weight, const float *dy, float *dx,
                         float *gain, size_t n, float eps)
{
  float product[16] = {0}, r = mean_square_c(x, n, eps);
  for (size_t i = 0; i < n; i++)
    product[i % 16] = fmaf(dy[i] * weight[i], x[i] * r, product[i % 16]);
  float mgh = fold_sum_c(product) / (float)n;
  for (size_t i = 0; i < n; i++) {
    float h = x[i] * r, g = dy[i] * weight[i];
    if (gain)
      gain[i] = dy[i] * h;
    dx[i] = fmaf(h, -mgh, g) * r;
  }
}

void softmax_backward_c(const float *p, float *dp, size_t n, float scale)
{
  float s = dot_c(p, dp, n);
  for (size_t i = 0; i < n; i++)
    dp[i] = (p[i] * (dp[i] - s)) * scale;
}

void gelu_slope_c(float *x, float *slope, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    float v = x[i], twice = 1.0f + Sleef_finz_erff1_u10purecfma(v * F32_SQRT_HALF);
    float e = Sleef_finz_expf1_u10purecfma((v * v) * -0.5f);
    x[i] = (0.5f * v) * twice;
    slope[i] = fmaf(v * e, F32_SQRT_HALF_OVER_PI, 0.5f * twice);
  }
}

void gelu_tanh_slope_c(float *x, float *slope, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    float v = x[i], q = v * v;
    float t = Sleef_finz_tanhf1_u10purecfma(F32_SQRT_2_OVER_PI * fmaf(F32_GELU_CUBIC * q, v, v));
    float s = F32_SQRT_2_OVER_PI * fmaf(3.0f * F32_GELU_CUBIC, q, 1.0f);
    float w = (0.5f * v) * fmaf(0.0f - t, t, 1.0f);
    x[i] = (0.5f * v) * (1.0f + t);
    slope[i] = fmaf(w, s, 0.5f * (1.0f + t));
  }
}

void multiply_c(const float *x, float *y, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = y[i] * x[i];
}

void silu_mul_backward_c(const float *gate, const float *up, const float *dy, float *d_gate,
                         float *d_up, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    float g = gate[i], u = up[i], d = dy[i];
    float r = 1.0f / (1.0f + Sleef_finz_expf1_u10purecfma(0.0f - g));
    d_up[i] = d * (g * r);
    d_gate[i] = (d * u) * (r * fmaf(g, 1.0f - r, 1.0f));
  }
}

void rope_backward_c(float *x, const float *cosine, const float *sine, size_t half)
{
  for (size_t i = 0; i < half; i++) {
    float x1 = x[i], x2 = x[half + i];
    x[i] = fmaf(x1, cosine[i], x2 * sine[i]);
    x[half + i] = fmaf(x2, cosine[i], -(x1 * sine[i]));
  }
}

void rope_pairs_backward_c(float *x, const float *cosine, const float *sine, size_t half)
{
  for (size_t i = 0; i < half; i++) {
    float x1 = x[2 * i], x2 = x[2 * i + 1];
    x[2 * i] = fmaf(x1, cosine[i], x2 * sine[i]);
    x[2 * i + 1] = fmaf(x2, cosine[i], -(x1 * sine[i]));
  }
}

void clip_backward_c(const float *x, float *dy, size_t n, float limit)
{
  for (size_t i = 0; i < n; i++)
    dy[i] = -limit <= x[i] && x[i] <= limit ? dy[i] : 0.0f;
}

double loss_c(float sum, float top, float logit)
{
  return (Sleef_finz_logd1_u10purecfma((double)sum) + (double)top) - (double)logit;
}

double cross_entropy_c(float *x, size_t n, size_t target)
{
  float lanes[16] = {0}, top = x[0], logit = x[target];
  for (size_t i = 0; i < n; i++)
    top = x[i] > top ? x[i] : top;
  for (size_t i = 0; i < n; i++) {
    x[i] = Sleef_finz_expf1_u10purecfma(x[i] - top);
    lanes[i % 16] = lanes[i % 16] + x[i];
  }
  float sum = fold_sum_c(lanes);
  for (size_t i = 0; i < n; i++)
    x[i] = x[i] / sum;
  return loss_c(sum, top, logit);
}

void cross_entropy_backward_c(float *p, size_t n, size_t target, float scale)
{
  float right = (p[target] - 1.0f) * scale;
  for (size_t i = 0; i < n; i++)
    p[i] = p[i] * scale;
  p[target] = right;
}

void scatter_add_c(const int32_t *tokens, size_t rows, const float *x, size_t x_stride, float *y,
                   size_t y_stride, size_t n)
{
  for (size_t row = 0; row < rows; row++)
    add_c(x + row * x_stride, y + (size_t)tokens[row] * y_stride, n);
}

void column_sum_c(const float *x, size_t stride, size_t rows, float *y, size_t n)
{
  for (size_t j = 0; j < n; j++) {
    float total = 0.0f;
    for (size_t row0 = 0; row0 < rows; row0 += GEMM_BLOCK) {
      float sum = 0.0f;
      for (size_t row = row0; row < rows && row < row0 + GEMM_BLOCK; row++)
        sum = sum + x[row * stride + j];
      total = row0 == 0 ? sum : total + sum;
    }
    y[j] = total;
  }
}

float dot_c(const float *x, const float *y, size_t n)
{
  float lanes[16] = {0};
  for (size_t i = 0; i < n; i++)
    lanes[i % 16] = fmaf(x[i], y[i], lanes[i % 16]);
  return fold_sum_c(lanes);
}

double square_sum_c(const float *x, size_t n)
{
  double lanes[16] = {0};
  for (size_t i = 0; i < n; i++)
    lanes[i % 16] = fma((double)x[i], (double)x[i], lanes[i % 16]);
  for (int half = 8; half >= 1; half /= 2)
    for (int i = 0; i < half; i++)
      lanes[i] = lanes[i] + lanes[i + half];
  return lanes[0];
}

void adam_c(const struct update *update, const float *g, float *p, float *m, float *v, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    float clipped = update->clip * g[i], kept = p[i] * update->keep;
    m[i] = fmaf(update->b1, m[i], update->b1_rest * clipped);
    v[i] = fmaf(update->b2, v[i], (update->b2_rest * clipped) * clipped);
    p[i] = kept - (update->rate * m[i]) / (sqrtf(v[i]) / update->root + update->eps);
  }
}

void sgd_c(const struct update *update, const float *g, float *p, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    float kept = p[i] * update->keep;
    p[i] = kept - update->rate * (update->clip * g[i]);
  }
}

/* The portable reference: plain C, one statement a step, no cleverness. */
#include "rows_c.h"

#include "f32.h"
#include "sleef_scalar.h"

#include <math.h>

/* Lanes fold 16 -> 8 -> 4 -> 2 -> 1, lane i with lane i + half. */
float fold_sum_c(float lanes[16])
{
  for (int half = 8; half >= 1; half /= 2)
    for (int i = 0; i < half; i++)
      lanes[i] = lanes[i] + lanes[i + half];
  return lanes[0];
}

void softmax_c(float *x, size_t n, float scale)
{
  float lanes[16] = {0};
  float top = x[0] * scale;
  for (size_t i = 0; i < n; i++) {
    x[i] = x[i] * scale;
    top = x[i] > top ? x[i] : top;
  }
  for (size_t i = 0; i < n; i++) {
    x[i] = Sleef_finz_expf1_u10purecfma(x[i] - top);
    lanes[i % 16] = lanes[i % 16] + x[i];
  }
  float sum = fold_sum_c(lanes);
  for (size_t i = 0; i < n; i++)
    x[i] = x[i] / sum;
}

float moments_c(const float *x, size_t n, float eps, float *mean)
{
  float lanes[16] = {0}, squares[16] = {0};
  for (size_t i = 0; i < n; i++)
    lanes[i % 16] = lanes[i % 16] + x[i];
  *mean = fold_sum_c(lanes) / (float)n;
  for (size_t i = 0; i < n; i++) {
    float d = x[i] - *mean;
    squares[i % 16] = fmaf(d, d, squares[i % 16]);
  }
  return 1.0f / sqrtf(fold_sum_c(squares) / (float)n + eps);
}

float mean_square_c(const float *x, size_t n, float eps)
{
  float squares[16] = {0};
  for (size_t i = 0; i < n; i++)
    squares[i % 16] = fmaf(x[i], x[i], squares[i % 16]);
  return 1.0f / sqrtf(fold_sum_c(squares) / (float)n + eps);
}

void layer_norm_c(const float *x, const float *weight, const float *bias, float *y, size_t n,
                  float eps)
{
  float mean, r = moments_c(x, n, eps, &mean);
  for (size_t i = 0; i < n; i++) {
    float normed = (x[i] - mean) * r;
    if (weight && bias)
      y[i] = fmaf(normed, weight[i], bias[i]);
    else
      y[i] = weight ? normed * weight[i] : normed;
  }
}

void rms_norm_c(const float *x, const float *weight, float *y, size_t n, float eps)
{
  float r = mean_square_c(x, n, eps);
  for (size_t i = 0; i < n; i++)
    y[i] = (x[i] * r) * weight[i];
}

void gelu_c(float *x, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    float e = Sleef_finz_erff1_u10purecfma(x[i] * F32_SQRT_HALF);
    x[i] = (0.5f * x[i]) * (1.0f + e);
  }
}

void gelu_tanh_c(float *x, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    float cubic = fmaf(F32_GELU_CUBIC * (x[i] * x[i]), x[i], x[i]);
    float t = Sleef_finz_tanhf1_u10purecfma(F32_SQRT_2_OVER_PI * cubic);
    x[i] = (0.5f * x[i]) * (1.0f + t);
  }
}

void silu_mul_c(const float *gate, const float *up, float *y, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    float e = Sleef_finz_expf1_u10purecfma(0.0f - gate[i]);
    y[i] = (gate[i] / (1.0f + e)) * up[i];
  }
}

void rope_c(float *x, const float *cosine, const float *sine, size_t half)
{
  for (size_t i = 0; i < half; i++) {
    float x1 = x[i], x2 = x[half + i];
    x[i] = fmaf(x1, cosine[i], -(x2 * sine[i]));
    x[half + i] = fmaf(x2, cosine[i], x1 * sine[i]);
  }
}

void rope_pairs_c(float *x, const float *cosine, const float *sine, size_t half)
{
  for (size_t i = 0; i < half; i++) {
    float x1 = x[2 * i], x2 = x[2 * i + 1];
    x[2 * i] = fmaf(x1, cosine[i], -(x2 * sine[i]));
    x[2 * i + 1] = fmaf(x2, cosine[i], x1 * sine[i]);
  }
}

void scale_c(float factor, const float *x, float *y, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = factor * x[i];
}

void add_c(const float *x, float *y, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = y[i] + x[i];
}

void add3_c(const float *a, const float *b, float *y, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = (a[i] + b[i]) + y[i];
}

void scale_add_c(float scale, const float *x, float *y, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = fmaf(scale, x[i], y[i]);
}

void clip_c(float *x, size_t n, float limit)
{
  for (size_t i = 0; i < n; i++) {
    float low = x[i] > limit ? limit : x[i];
    x[i] = low < -limit ? -limit : low;
  }
}

bool all_finite_c(const float *x, size_t n)
{
  bool finite = true;
  for (size_t i = 0; i < n; i++)
    finite &= isfinite(x[i]) != 0;
  return finite;
}

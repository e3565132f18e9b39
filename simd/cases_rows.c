/* The row kernels of the forward pass. Widths in the bench are those of the published shapes. */
#include "cases_list.h"

#include <math.h>

static void softmax(const struct kernels *k, const struct case_data *d)
{
  k->softmax(d->x, d->n, CASE_SOFTMAX_SCALE);
}
static void softmax_exact(const struct case_data *d, char result, struct case_exact *e)
{
  double scale = (double)CASE_SOFTMAX_SCALE;
  struct case_peak peak = case_peak(d->x, d->n, scale);
  (void)result;
  for (size_t i = 0; i < d->n; i++) {
    double p = exp(scale * (double)d->x[i] - peak.top) / peak.sum;
    put(e, i, p, p * (1 + peak.most));
  }
}

#define EPS 1e-5f

static void layer_norm(const struct kernels *k, const struct case_data *d)
{
  k->layer_norm(d->x, d->a, d->b, d->y, d->n, EPS);
}
static void layer_norm_weight(const struct kernels *k, const struct case_data *d)
{
  k->layer_norm(d->x, d->a, NULL, d->y, d->n, EPS);
}
static void layer_norm_plain(const struct kernels *k, const struct case_data *d)
{
  k->layer_norm(d->x, NULL, NULL, d->x, d->n, EPS);
}
static void layer_norm_of(const struct case_data *d, const float *weight, const float *bias,
                          struct case_exact *e)
{
  struct case_moments m = case_moments(d->x, d->n, EPS);
  for (size_t i = 0; i < d->n; i++) {
    double x = (double)d->x[i], w = weight ? (double)weight[i] : 1, b = bias ? (double)bias[i] : 0;
    put(e, i, (x - m.mean) * m.r * w + b, (fabs(x) + m.mean_abs) * m.r * fabs(w) + fabs(b));
  }
}
static void layer_norm_exact(const struct case_data *d, char result, struct case_exact *e)
{
  (void)result;
  layer_norm_of(d, d->a, d->b, e);
}
static void layer_norm_weight_exact(const struct case_data *d, char result, struct case_exact *e)
{
  (void)result;
  layer_norm_of(d, d->a, NULL, e);
}
static void layer_norm_plain_exact(const struct case_data *d, char result, struct case_exact *e)
{
  (void)result;
  layer_norm_of(d, NULL, NULL, e);
}

static void rms_norm(const struct kernels *k, const struct case_data *d)
{
  k->rms_norm(d->x, d->a, d->y, d->n, EPS);
}
static void rms_norm_exact(const struct case_data *d, char result, struct case_exact *e)
{
  double r = case_moments(d->x, d->n, EPS).r_rms;
  (void)result;
  for (size_t i = 0; i < d->n; i++) {
    double y = (double)d->x[i] * r * (double)d->a[i];
    put(e, i, y, fabs(y));
  }
}

static void gelu(const struct kernels *k, const struct case_data *d)
{
  k->gelu(d->x, d->n);
}
static double gelu_at(const struct case_data *d, size_t i, char result, double *size)
{
  double x = (double)d->x[i];
  (void)result;
  *size = fabs(x);
  return 0.5 * x * (1 + erf(x * sqrt(0.5)));
}

static void gelu_tanh(const struct kernels *k, const struct case_data *d)
{
  k->gelu_tanh(d->x, d->n);
}
static double gelu_tanh_at(const struct case_data *d, size_t i, char result, double *size)
{
  double x = (double)d->x[i];
  (void)result;
  *size = fabs(x);
  return 0.5 * x * (1 + tanh(CASE_SQRT_2_OVER_PI * (x + 0.044715 * x * x * x)));
}

static void silu_mul(const struct kernels *k, const struct case_data *d)
{
  k->silu_mul(d->x, d->y, d->x, d->n);
}
static double silu_mul_at(const struct case_data *d, size_t i, char result, double *size)
{
  double gate = (double)d->x[i], y = gate / (1 + exp(-gate)) * (double)d->y[i];
  (void)result;
  *size = fabs(y);
  return y;
}

static void rope(const struct kernels *k, const struct case_data *d)
{
  k->rope(d->x, d->a, d->b, d->n / 2);
}
static double rope_at(const struct case_data *d, size_t i, char result, double *size)
{
  (void)result;
  return case_rope(d, i, false, 1, size);
}

static void rope_pairs(const struct kernels *k, const struct case_data *d)
{
  k->rope_pairs(d->x, d->a, d->b, d->n / 2);
}
static double rope_pairs_at(const struct case_data *d, size_t i, char result, double *size)
{
  (void)result;
  return case_rope(d, i, true, 1, size);
}

static void scale(const struct kernels *k, const struct case_data *d)
{
  k->scale(0.3f, d->x, d->y, d->n);
}
static double scale_at(const struct case_data *d, size_t i, char result, double *size)
{
  double y = (double)0.3f * (double)d->x[i];
  (void)result;
  *size = fabs(y);
  return y;
}

static void add(const struct kernels *k, const struct case_data *d)
{
  k->add(d->x, d->y, d->n);
}
static double add_at(const struct case_data *d, size_t i, char result, double *size)
{
  double y = (double)d->y[i] + (double)d->x[i];
  (void)result;
  *size = fabs(y);
  return y;
}

static void add3(const struct kernels *k, const struct case_data *d)
{
  k->add3(d->x, d->a, d->y, d->n);
}
static double add3_at(const struct case_data *d, size_t i, char result, double *size)
{
  double sum = (double)d->x[i] + (double)d->a[i], y = sum + (double)d->y[i];
  (void)result;
  *size = fabs(sum) + fabs(y);
  return y;
}

static void scale_add(const struct kernels *k, const struct case_data *d)
{
  k->scale_add(0.3f, d->x, d->y, d->n);
}
static double scale_add_at(const struct case_data *d, size_t i, char result, double *size)
{
  double y = (double)0.3f * (double)d->x[i] + (double)d->y[i];
  (void)result;
  *size = fabs(y);
  return y;
}

static void clip(const struct kernels *k, const struct case_data *d)
{
  k->clip(d->x, d->n, 0.03f);
}
static void all_finite(const struct kernels *k, const struct case_data *d)
{
  d->y[0] = k->all_finite(d->x, d->n) ? 1.0f : 0.0f;
}
/* One bad value at any place. */
static void all_finite_damaged(const struct kernels *k, const struct case_data *d)
{
  float *bad = d->x + d->n / 3, saved = *bad;
  *bad = INFINITY;
  d->y[0] = k->all_finite(d->x, d->n) ? 1.0f : 0.0f;
  *bad = NAN;
  d->z[0] = k->all_finite(d->x, d->n) ? 1.0f : 0.0f;
  *bad = saved;
}

const struct row_case cases_rows[] = {
    {"softmax", softmax, "x", softmax_exact, 4, 0, 1, 256, 8, NULL},
    {"layer_norm", layer_norm, "y", layer_norm_exact, 4, 0, 1, 2048, 8, NULL},
    {"layer_norm, no bias", layer_norm_weight, "y", layer_norm_weight_exact, 4, 0, 1, 0, 0, NULL},
    {"layer_norm, no weight", layer_norm_plain, "x", layer_norm_plain_exact, 4, 0, 1, 0, 0, NULL},
    {"rms_norm", rms_norm, "y", rms_norm_exact, 6, 0, 1, 2048, 8, NULL},
    {"gelu", gelu, "x", NULL, 3, 0, 1, 8192, 8, gelu_at},
    {"gelu_tanh", gelu_tanh, "x", NULL, 3, 0, 1, 8192, 8, gelu_tanh_at},
    {"silu_mul", silu_mul, "x", NULL, 4, 0, 1, 8192, 12, silu_mul_at},
    {"rope", rope, "x", NULL, 2, 0, 1, 128, 8, rope_at},
    {"rope_pairs", rope_pairs, "x", NULL, 2, 0, 1, 128, 8, rope_pairs_at},
    {"scale", scale, "y", NULL, 1, 0, 1, 2048, 8, scale_at},
    {"add", add, "y", NULL, 1, 0, 1, 2048, 12, add_at},
    {"add3", add3, "y", NULL, 1, 0, 1, 2048, 16, add3_at},
    {"scale_add", scale_add, "y", NULL, 1, 0, 1, 2048, 12, scale_add_at},
    {"clip", clip, NULL, NULL, 0, 0, 1, 6144, 8, NULL},
    {"all_finite", all_finite, NULL, NULL, 0, 0, 1, 2048, 4, NULL},
    {"all_finite, damaged", all_finite_damaged, NULL, NULL, 0, 0, 1, 0, 0, NULL},
};
const size_t cases_rows_count = sizeof cases_rows / sizeof *cases_rows;

/* Adjoints and optimizers. */
#include "cases_list.h"

#include <math.h>
#include <string.h>

#define EPS 1e-5f

/* x, dy in y; dx in z, gain in w. */
static void layer_norm(const struct kernels *k, const struct case_data *d)
{
  k->layer_norm_backward(d->x, d->a, d->y, d->z, d->w, d->n, EPS);
}
static void layer_norm_plain(const struct kernels *k, const struct case_data *d)
{
  k->layer_norm_backward(d->x, NULL, d->y, d->y, NULL, d->n, EPS);
}
static void layer_norm_of(const struct case_data *d, const float *weight, bool gain,
                          struct case_exact *e)
{
  struct case_moments m = case_moments(d->x, d->n, EPS);
  double mg = 0, mgh = 0, mg_size = 0, mgh_size = 0, n = (double)d->n;
  for (size_t i = 0; i < d->n; i++) {
    double h = ((double)d->x[i] - m.mean) * m.r, size = (fabs((double)d->x[i]) + m.mean_abs) * m.r;
    double g = (double)d->y[i] * (weight ? (double)weight[i] : 1);
    mg += g / n;
    mgh += g * h / n;
    mg_size += fabs(g) / n;
    mgh_size += fabs(g) * size / n;
  }
  for (size_t i = 0; i < d->n; i++) {
    double h = ((double)d->x[i] - m.mean) * m.r, size = (fabs((double)d->x[i]) + m.mean_abs) * m.r;
    double dy = (double)d->y[i], g = dy * (weight ? (double)weight[i] : 1);
    if (gain)
      put(e, i, dy * h, fabs(dy) * size);
    else
      put(e, i, m.r * (g - mg - h * mgh), m.r * (fabs(g) + mg_size + size * mgh_size));
  }
}
static void layer_norm_exact(const struct case_data *d, char result, struct case_exact *e)
{
  layer_norm_of(d, d->a, result == 'w', e);
}
static void layer_norm_plain_exact(const struct case_data *d, char result, struct case_exact *e)
{
  (void)result;
  layer_norm_of(d, NULL, false, e);
}

static void rms_norm(const struct kernels *k, const struct case_data *d)
{
  k->rms_norm_backward(d->x, d->a, d->y, d->z, d->w, d->n, EPS);
}
static void rms_norm_exact(const struct case_data *d, char result, struct case_exact *e)
{
  double r = case_moments(d->x, d->n, EPS).r_rms, mgh = 0, mgh_size = 0;
  for (size_t i = 0; i < d->n; i++) {
    double gh = (double)d->y[i] * (double)d->a[i] * (double)d->x[i] * r;
    mgh += gh / (double)d->n;
    mgh_size += fabs(gh) / (double)d->n;
  }
  for (size_t i = 0; i < d->n; i++) {
    double h = (double)d->x[i] * r, dy = (double)d->y[i], g = dy * (double)d->a[i];
    if (result == 'w')
      put(e, i, dy * h, fabs(dy * h));
    else
      put(e, i, r * (g - h * mgh), r * (fabs(g) + fabs(h) * mgh_size));
  }
}

static void softmax(const struct kernels *k, const struct case_data *d)
{
  k->softmax_backward(d->x, d->y, d->n, CASE_SOFTMAX_SCALE);
}
static void softmax_exact(const struct case_data *d, char result, struct case_exact *e)
{
  double s = 0, size = 0;
  (void)result;
  for (size_t i = 0; i < d->n; i++) {
    s += (double)d->x[i] * (double)d->y[i];
    size += fabs((double)d->x[i] * (double)d->y[i]);
  }
  for (size_t i = 0; i < d->n; i++) {
    double p = (double)CASE_SOFTMAX_SCALE * (double)d->x[i], dp = (double)d->y[i];
    put(e, i, p * (dp - s), fabs(p) * (fabs(dp) + size));
  }
}

/* x in place, the slope in y. */
static void gelu(const struct kernels *k, const struct case_data *d)
{
  k->gelu_slope(d->x, d->y, d->n);
}
static double gelu_at(const struct case_data *d, size_t i, char result, double *size)
{
  double x = (double)d->x[i], c = 0.5 * (1 + erf(x * sqrt(0.5)));
  double density = exp(-0.5 * x * x) * CASE_SQRT_2_OVER_PI / 2;
  *size = result == 'x' ? fabs(x) : 1;
  return result == 'x' ? x * c : c + x * density;
}

static void gelu_tanh(const struct kernels *k, const struct case_data *d)
{
  k->gelu_tanh_slope(d->x, d->y, d->n);
}
static double gelu_tanh_at(const struct case_data *d, size_t i, char result, double *size)
{
  double x = (double)d->x[i];
  double t = tanh(CASE_SQRT_2_OVER_PI * (x + 0.044715 * x * x * x));
  double slope = CASE_SQRT_2_OVER_PI * (1 + 3 * 0.044715 * x * x);
  *size = result == 'x' ? fabs(x) : 1 + fabs(x) * slope;
  return result == 'x' ? 0.5 * x * (1 + t) : 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope;
}

static void multiply(const struct kernels *k, const struct case_data *d)
{
  k->multiply(d->x, d->y, d->n);
}
static double multiply_at(const struct case_data *d, size_t i, char result, double *size)
{
  double y = (double)d->y[i] * (double)d->x[i];
  (void)result;
  *size = fabs(y);
  return y;
}

/* gate in x, up in y, dy in z; d_gate in x, d_up in w. */
static void silu_mul(const struct kernels *k, const struct case_data *d)
{
  k->silu_mul_backward(d->x, d->y, d->z, d->x, d->w, d->n);
}
static double silu_mul_at(const struct case_data *d, size_t i, char result, double *size)
{
  double gate = (double)d->x[i], up = (double)d->y[i], dy = (double)d->z[i];
  double r = 1 / (1 + exp(-gate));
  *size = result == 'w' ? fabs(dy * gate * r) : fabs(dy * up) * r * (1 + fabs(gate));
  return result == 'w' ? dy * gate * r : dy * up * r * (1 + gate / (1 + exp(gate)));
}

static void rope(const struct kernels *k, const struct case_data *d)
{
  k->rope_backward(d->x, d->a, d->b, d->n / 2);
}
static double rope_at(const struct case_data *d, size_t i, char result, double *size)
{
  (void)result;
  return case_rope(d, i, false, -1, size);
}

static void rope_pairs(const struct kernels *k, const struct case_data *d)
{
  k->rope_pairs_backward(d->x, d->a, d->b, d->n / 2);
}
static double rope_pairs_at(const struct case_data *d, size_t i, char result, double *size)
{
  (void)result;
  return case_rope(d, i, true, -1, size);
}

/* On the border, too. */
static void clip(const struct kernels *k, const struct case_data *d)
{
  d->x[0] = 1.5f;
  d->x[d->n - 1] = -1.5f;
  k->clip_backward(d->x, d->y, d->n, 1.5f);
}

static void cross_entropy(const struct kernels *k, const struct case_data *d)
{
  double loss = k->cross_entropy(d->x, d->n, d->n / 3);
  memcpy(d->z, &loss, sizeof loss); /* all its bits; there is room for one more element */
  d->y[0] = (float)loss;
}
static void cross_entropy_exact(const struct case_data *d, char result, struct case_exact *e)
{
  struct case_peak peak = case_peak(d->x, d->n, 1);
  double loss = log(peak.sum) + peak.top - (double)d->x[d->n / 3];
  if (result == 'y')
    put(e, 0, loss, 1 + fabs(loss));
  for (size_t i = 0; i < d->n && result == 'x'; i++) {
    double p = exp((double)d->x[i] - peak.top) / peak.sum;
    put(e, i, p, p * (1 + peak.most));
  }
}

static void cross_entropy_backward(const struct kernels *k, const struct case_data *d)
{
  k->cross_entropy_backward(d->x, d->n, d->n / 3, 0.3f);
}
static double cross_entropy_backward_at(const struct case_data *d, size_t i, char result,
                                        double *size)
{
  double p = (double)0.3f * ((double)d->x[i] - (i == d->n / 3));
  (void)result;
  *size = fabs(p);
  return p;
}

/* Some tokens often, some once, some never. */
static size_t token_of(size_t row, size_t rows)
{
  return row * row % (rows / 4 + 1);
}
static void scatter_add(const struct kernels *k, const struct case_data *d)
{
  int32_t tokens[CASE_MOST_ROWS];
  for (size_t row = 0; row < d->rows; row++)
    tokens[row] = (int32_t)token_of(row, d->rows);
  k->scatter_add(tokens, d->rows, d->x, d->n, d->y, d->n, d->n);
}
static void scatter_add_exact(const struct case_data *d, char result, struct case_exact *e)
{
  (void)result;
  for (size_t i = 0; i < d->rows * d->n; i++)
    put(e, i, (double)d->y[i], fabs((double)d->y[i]));
  for (size_t i = 0; i < d->rows * d->n; i++) {
    size_t at = token_of(i / d->n, d->rows) * d->n + i % d->n;
    put(e, at, e->want[at] + (double)d->x[i], e->size[at] + fabs((double)d->x[i]));
  }
}

static void column_sum(const struct kernels *k, const struct case_data *d)
{
  k->column_sum(d->x, d->n, d->rows, d->y, d->n);
}
static void column_sum_exact(const struct case_data *d, char result, struct case_exact *e)
{
  (void)result;
  for (size_t j = 0; j < d->n; j++)
    put(e, j, 0, 0);
  for (size_t i = 0; i < d->rows * d->n; i++)
    put(e, i % d->n, e->want[i % d->n] + (double)d->x[i],
        e->size[i % d->n] + fabs((double)d->x[i]));
}

static void dot(const struct kernels *k, const struct case_data *d)
{
  d->z[0] = k->dot(d->x, d->y, d->n);
}
static void dot_exact(const struct case_data *d, char result, struct case_exact *e)
{
  (void)result;
  put(e, 0, 0, 0);
  for (size_t i = 0; i < d->n; i++) {
    double product = (double)d->x[i] * (double)d->y[i];
    put(e, 0, e->want[0] + product, e->size[0] + fabs(product));
  }
}

static void square_sum(const struct kernels *k, const struct case_data *d)
{
  double sum = k->square_sum(d->x, d->n);
  memcpy(d->z, &sum, sizeof sum); /* as the loss above */
  d->y[0] = (float)sum;
}
static void square_sum_exact(const struct case_data *d, char result, struct case_exact *e)
{
  double sum = 0;
  (void)result;
  for (size_t i = 0; i < d->n; i++)
    sum += (double)d->x[i] * (double)d->x[i];
  put(e, 0, sum, sum);
}

static const struct update update = {.clip = 0.7f,
                                     .keep = 0.9995f,
                                     .rate = 0.05f,
                                     .b1 = 0.9f,
                                     .b1_rest = 0.1f,
                                     .b2 = 0.98f,
                                     .b2_rest = 0.02f,
                                     .root = 0.3f,
                                     .eps = 1e-8f};

/* p in x, m in y, v in z, g in w. */
static void adam(const struct kernels *k, const struct case_data *d)
{
  k->adam(&update, d->w, d->x, d->y, d->z, d->n);
}
static double adam_at(const struct case_data *d, size_t i, char result, double *size)
{
  double g = (double)update.clip * (double)d->w[i], kept = (double)d->x[i] * (double)update.keep;
  double old = (double)update.b1 * (double)d->y[i], new = (double)update.b1_rest *g;
  double v = (double)update.b2 * (double)d->z[i] + (double)update.b2_rest * g * g;
  double step = (double)update.rate / (sqrt(v) / (double)update.root + (double)update.eps);
  if (result == 'z')
    return *size = v;
  *size = (result == 'x' ? fabs(kept) : 0) + (result == 'x' ? step : 1) * (fabs(old) + fabs(new));
  return result == 'x' ? kept - step * (old + new) : old + new;
}

static void sgd(const struct kernels *k, const struct case_data *d)
{
  k->sgd(&update, d->y, d->x, d->n);
}
static double sgd_at(const struct case_data *d, size_t i, char result, double *size)
{
  double kept = (double)d->x[i] * (double)update.keep;
  double step = (double)update.rate * (double)update.clip * (double)d->y[i];
  (void)result;
  *size = fabs(kept) + fabs(step);
  return kept - step;
}

#define MANY CASE_MOST_ROWS

const struct row_case cases_adjoint[] = {
    {"layer_norm_backward", layer_norm, "zw", layer_norm_exact, 4, 0, 1, 2048, 16, NULL},
    {"layer_norm_backward, plain", layer_norm_plain, "y", layer_norm_plain_exact, 4, 0, 1, 0, 0,
     NULL},
    {"rms_norm_backward", rms_norm, "zw", rms_norm_exact, 6, 0, 1, 2048, 16, NULL},
    {"softmax_backward", softmax, "y", softmax_exact, 4, 0, 1, 256, 12, NULL},
    {"gelu_slope", gelu, "xy", NULL, 4, 0, 1, 8192, 12, gelu_at},
    {"gelu_tanh_slope", gelu_tanh, "xy", NULL, 3, 0, 1, 8192, 12, gelu_tanh_at},
    {"multiply", multiply, "y", NULL, 1, 0, 1, 8192, 12, multiply_at},
    {"silu_mul_backward", silu_mul, "xw", NULL, 6, 0, 1, 8192, 20, silu_mul_at},
    {"rope_backward", rope, "x", NULL, 2, 0, 1, 128, 8, rope_at},
    {"rope_pairs_backward", rope_pairs, "x", NULL, 2, 0, 1, 128, 8, rope_pairs_at},
    {"clip_backward", clip, NULL, NULL, 0, 0, 1, 6144, 12, NULL},
    {"cross_entropy", cross_entropy, "xy", cross_entropy_exact, 4, 0, 1, 8192, 8, NULL},
    {"cross_entropy_backward", cross_entropy_backward, "x", NULL, 2, 0, 1, 8192, 8,
     cross_entropy_backward_at},
    {"scatter_add", scatter_add, "y", scatter_add_exact, 4, 0, MANY, 1000, 12, NULL},
    {"column_sum", column_sum, "y", column_sum_exact, 4, 0, MANY, 1000, 4, NULL},
    {"dot", dot, "z", dot_exact, 4, 0, 1, 2048, 8, NULL},
    {"square_sum", square_sum, "y", square_sum_exact, 2, 0, 1, 2048, 4, NULL},
    {"adam", adam, "xyz", NULL, 4, 'z', 1, 2048, 28, adam_at},
    {"sgd", sgd, "x", NULL, 3, 0, 1, 2048, 12, sgd_at},
};
const size_t cases_adjoint_count = sizeof cases_adjoint / sizeof *cases_adjoint;

/* Cases of products, and what all lists need. */
#include "cases_list.h"

#include <math.h>

const struct row_case *row_case_at(size_t index)
{
  if (index < cases_rows_count)
    return &cases_rows[index];
  index -= cases_rows_count;
  if (index < cases_adjoint_count)
    return &cases_adjoint[index];
  index -= cases_adjoint_count;
  return index < cases_lanes_count ? &cases_lanes[index] : NULL;
}

float *case_array(const struct case_data *data, char name)
{
  return name == 'x' ? data->x : name == 'y' ? data->y : name == 'z' ? data->z : data->w;
}

struct case_moments case_moments(const float *x, size_t n, float eps)
{
  struct case_moments m = {0};
  double squares = 0, variance = 0;
  for (size_t i = 0; i < n; i++) {
    m.mean += (double)x[i] / (double)n;
    m.mean_abs += fabs((double)x[i]) / (double)n;
    squares += (double)x[i] * (double)x[i] / (double)n;
  }
  for (size_t i = 0; i < n; i++)
    variance += ((double)x[i] - m.mean) * ((double)x[i] - m.mean) / (double)n;
  m.r = 1 / sqrt(variance + (double)eps);
  m.r_rms = 1 / sqrt(squares + (double)eps);
  return m;
}

struct case_peak case_peak(const float *x, size_t n, double scale)
{
  struct case_peak peak = {.top = -INFINITY};
  for (size_t i = 0; i < n; i++) {
    double t = scale * (double)x[i];
    peak.top = t > peak.top ? t : peak.top; /* fmax crashes gcc 12 for AArch64 here */
    peak.most = fabs(t) > peak.most ? fabs(t) : peak.most;
  }
  for (size_t i = 0; i < n; i++)
    peak.sum += exp(scale * (double)x[i] - peak.top);
  return peak;
}

double case_rope(const struct case_data *d, size_t i, bool neighbours, double turn, double *size)
{
  size_t half = d->n / 2;
  if (i >= 2 * half) { /* of an odd width the last element stays */
    *size = -1;
    return 0;
  }
  size_t pair = neighbours ? i / 2 : i % half;
  size_t first = neighbours ? 2 * pair : pair, second = neighbours ? first + 1 : half + pair;
  double x1 = (double)d->x[first], x2 = (double)d->x[second], c = (double)d->a[pair];
  double s = turn * (double)d->b[pair];
  *size = i == second ? fabs(x2 * c) + fabs(x1 * s) : fabs(x1 * c) + fabs(x2 * s);
  return i == second ? x2 * c + x1 * s : x1 * c - x2 * s;
}

void row_case_exact(const struct row_case *row_case, const struct case_data *before, char result,
                    struct case_exact *exact)
{
  if (row_case->exact) {
    row_case->exact(before, result, exact);
    return;
  }
  for (size_t i = 0; i < before->n; i++)
    exact->want[i] = row_case->formula(before, i, result, &exact->size[i]);
}

#define FORWARD(name, type, m, n, k, bench)                                                        \
  {                                                                                                \
    name, type, m, n, k, bench, false, false, false, false                                         \
  }

/* The layers of the three published models; dX = dY W is m = tokens, n = inputs, k = outputs, dW =
 * dY^T X is m = outputs, n = inputs, k = tokens. Then edges. */
const struct product_case product_cases[] = {
    FORWARD("qkv", GEMM_F16, 1024, 6144, 2048, CASE_BENCH_QUICK),
    FORWARD("attention out", GEMM_F32, 1024, 2048, 2048, CASE_BENCH),
    FORWARD("up", GEMM_F16, 1024, 8192, 2048, CASE_BENCH_QUICK),
    FORWARD("gate + up", GEMM_F32, 1024, 16384, 2048, CASE_BENCH),
    FORWARD("down", GEMM_F32, 1024, 2048, 8192, CASE_BENCH_QUICK),
    FORWARD("qkv", GEMM_F16, 2048, 6144, 2048, CASE_BENCH),
    FORWARD("attention out", GEMM_F32, 2048, 2048, 2048, CASE_BENCH),
    FORWARD("up", GEMM_F16, 2048, 8192, 2048, CASE_BENCH),
    FORWARD("gate + up", GEMM_F32, 2048, 16384, 2048, CASE_BENCH),
    FORWARD("down", GEMM_F32, 2048, 2048, 8192, CASE_BENCH),
    FORWARD("expert gate + up", GEMM_BF16, 16, 2048, 2048, CASE_BENCH),
    FORWARD("expert gate + up", GEMM_BF16, 32, 2048, 2048, CASE_BENCH),
    FORWARD("expert gate + up", GEMM_BF16, 64, 2048, 2048, CASE_BENCH_QUICK),
    FORWARD("expert gate + up", GEMM_BF16, 128, 2048, 2048, CASE_BENCH),
    FORWARD("expert gate + up", GEMM_BF16, 256, 2048, 2048, CASE_BENCH_QUICK),
    FORWARD("expert gate + up", GEMM_BF16, 1024, 2048, 2048, CASE_BENCH),
    FORWARD("expert down", GEMM_BF16, 16, 2048, 1024, CASE_BENCH),
    FORWARD("expert down", GEMM_BF16, 32, 2048, 1024, CASE_BENCH),
    FORWARD("expert down", GEMM_BF16, 64, 2048, 1024, CASE_BENCH),
    FORWARD("expert down", GEMM_BF16, 128, 2048, 1024, CASE_BENCH),
    FORWARD("expert down", GEMM_BF16, 256, 2048, 1024, CASE_BENCH_QUICK),
    FORWARD("expert down", GEMM_BF16, 1024, 2048, 1024, CASE_BENCH),
    {"input gradient", GEMM_F32, 1024, 2048, 2048, CASE_BENCH, false, true, false, false},
    {"input gradient", GEMM_BF16, 1024, 2048, 2048, CASE_BENCH, false, true, false, true},
    {"input gradient", GEMM_F16, 1024, 2048, 6144, CASE_BENCH, false, true, false, true},
    {"weight gradient", GEMM_F32, 2048, 2048, 1024, CASE_BENCH_QUICK, true, true, false, false},
    {"weight gradient", GEMM_F32, 6144, 2048, 1024, CASE_BENCH, true, true, false, true},
    FORWARD("nursery qkv", GEMM_F32, 1024, 192, 64, CASE_BENCH),
    FORWARD("nursery out", GEMM_F32, 1024, 64, 64, CASE_BENCH_QUICK),
    FORWARD("nursery gate+up", GEMM_F32, 1024, 352, 64, CASE_BENCH),
    FORWARD("nursery down", GEMM_F32, 1024, 64, 256, CASE_BENCH),
    FORWARD("nursery expert", GEMM_F32, 256, 32, 64, CASE_BENCH),
    FORWARD("nursery head", GEMM_F32, 64, 16, 64, CASE_CHECK_ONLY),
    {"nursery dX", GEMM_F32, 1024, 64, 256, CASE_BENCH, false, true, false, true},
    {"nursery dW", GEMM_F32, 256, 64, 1024, CASE_BENCH, true, true, false, true},
    {"one by one", GEMM_F32, 1, 1, 1, CASE_CHECK_ONLY, false, false, false, false},
    {"one by one, added", GEMM_F32, 1, 1, 1, CASE_CHECK_ONLY, true, true, true, true},
    {"one row", GEMM_BF16, 1, 200, 257, CASE_CHECK_ONLY, false, false, true, false},
    {"whole tiles", GEMM_F32, 48, 96, 512, CASE_CHECK_ONLY, false, false, false, true},
    {"deep", GEMM_F32, 9, 29, 4200, CASE_CHECK_ONLY, false, false, false, false},
    {"deep, added", GEMM_F16, 9, 29, 4200, CASE_CHECK_ONLY, true, true, true, true},
    {"ragged", GEMM_F16, 70, 205, 600, CASE_CHECK_ONLY, false, false, true, false},
    {"ragged, added", GEMM_BF16, 69, 203, 599, CASE_CHECK_ONLY, false, true, true, true},
    {"rows transposed", GEMM_F32, 67, 31, 300, CASE_CHECK_ONLY, true, false, true, true},
};
const size_t product_case_count = sizeof product_cases / sizeof *product_cases;

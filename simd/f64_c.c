#include "f64.h"

#include <math.h>

#define LANES 8

/* The fixed trip count of the lane loops lets the compiler keep the lanes in vector registers. */
double f64_dot(size_t n, const double *x, const double *y)
{
  double lane[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t l = 0; l < LANES; l++)
      lane[l] = fma(x[i + l], y[i + l], lane[l]);
  for (size_t l = 0; i + l < n; l++)
    lane[l] = fma(x[i + l], y[i + l], lane[l]);
  for (size_t half = LANES / 2; half > 0; half /= 2)
    for (size_t l = 0; l < half; l++)
      lane[l] += lane[l + half];
  return lane[0];
}

void f64_axpy(size_t n, double a, const double *restrict x, double *restrict y)
{
  for (size_t i = 0; i < n; i++)
    y[i] = fma(a, x[i], y[i]);
}

void f64_rotate(size_t n, double c, double s, double *restrict x, double *restrict y)
{
  for (size_t i = 0; i < n; i++) {
    double old_x = x[i], old_y = y[i];
    x[i] = fma(c, old_x, -(s * old_y));
    y[i] = fma(s, old_x, c * old_y);
  }
}

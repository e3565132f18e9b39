/* An independent way to the participation ratio, for tests: eigenvalues of the Gram matrix by the
 * two-sided Jacobi method, with libm. */
#ifndef ATTEST_TESTS_SPECTRUM_H
#define ATTEST_TESTS_SPECTRUM_H

#include "support.h"

#include <math.h>
#include <stdlib.h>

/* Turns the plane (p, q) of the symmetric g[n][n] so that g[p][q] becomes 0. */
static inline void spectrum_turn(double *g, int n, int p, int q)
{
  if (g[p * n + q] == 0)
    return;
  double angle = 0.5 * atan2(2 * g[p * n + q], g[q * n + q] - g[p * n + p]);
  double c = cos(angle), s = sin(angle);
  for (int k = 0; k < n; k++) { /* columns, then rows */
    double x = g[k * n + p], y = g[k * n + q];
    g[k * n + p] = c * x - s * y;
    g[k * n + q] = s * x + c * y;
  }
  for (int k = 0; k < n; k++) {
    double x = g[p * n + k], y = g[q * n + k];
    g[p * n + k] = c * x - s * y;
    g[q * n + k] = s * x + c * y;
  }
}

static inline int spectrum_descending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

/* The squared singular values of m[rows][cols], largest first, to squares[min(rows, cols)]. */
static inline void spectrum_of_gram(const float *m, int rows, int cols, double *squares)
{
  int n = rows < cols ? rows : cols, length = rows < cols ? cols : rows;
  int step = rows < cols ? cols : 1, stride = rows < cols ? 1 : cols;
  double *g = calloc((size_t)n * (size_t)n, sizeof *g);
  assert_non_null(g);
  for (int p = 0; p < n; p++)
    for (int q = 0; q < n; q++)
      for (int k = 0; k < length; k++)
        g[p * n + q] += (double)m[p * step + k * stride] * (double)m[q * step + k * stride];
  for (int sweep = 0; sweep < 20; sweep++)
    for (int p = 0; p < n; p++)
      for (int q = p + 1; q < n; q++)
        spectrum_turn(g, n, p, q);
  for (int p = 0; p < n; p++)
    squares[p] = fmax(g[p * n + p], 0);
  qsort(squares, (size_t)n, sizeof *squares, spectrum_descending);
  free(g);
}

/* The participation ratio of squared singular values. */
static inline double spectrum_pr(const double *squares, int count)
{
  double total = 0, entropy = 0;
  for (int i = 0; i < count; i++)
    total += squares[i];
  for (int i = 0; i < count; i++) {
    double p = squares[i] / fmax(total, 1e-12);
    entropy -= p * log(p + 1e-12);
  }
  return exp(entropy);
}

#endif

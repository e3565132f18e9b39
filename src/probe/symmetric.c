#include "probe/symmetric.h"

#include "f64.h"

#include <math.h>

#define STEPS 60
#define SPLIT 0x1p-52      /* of both diagonal elements */
#define NEGLIGIBLE 0x1p-60 /* of the sum of the magnitudes of all */

/* Turns x[count] into the vector v of a reflection I - scale v v' that zeroes all but the last
 * element, which it returns; scale 0: nothing to reflect. */
static double reflector(double *x, size_t count, double *scale)
{
  double last = x[count - 1], rest = f64_dot(count - 1, x, x);
  *scale = 0;
  if (rest == 0)
    return last;
  double square = fma(last, last, rest), norm = sqrt(square);
  double left = last < 0 ? norm : -norm; /* the other sign than the last: no cancellation */
  *scale = 1 / fma(fabs(last), norm, square);
  x[count - 1] = last - left;
  return left;
}

/* Applies the reflection to both sides of the leading count x count part; p[count] is scratch. */
static void reflect(double *a, size_t n, size_t count, const double *v, double scale, double *p)
{
  for (size_t r = 0; r < count; r++) {
    p[r] = f64_dot(r + 1, a + r * n, v);
    f64_axpy(r, v[r], a + r * n, p);
  }
  for (size_t r = 0; r < count; r++)
    p[r] *= scale;
  f64_axpy(count, -(0.5 * scale * f64_dot(count, p, v)), v, p);
  for (size_t r = 0; r < count; r++) {
    f64_axpy(r + 1, -v[r], p, a + r * n);
    f64_axpy(r + 1, -p[r], v, a + r * n);
  }
}

/* Leaves the diagonal in d[n] and what is beside it in e[n]: e[i] between d[i] and d[i + 1]. */
static void tridiagonal(double *a, size_t n, double *d, double *e)
{
  e[n - 1] = 0;
  for (size_t i = n - 1; i > 0; i--) {
    double *v = a + i * n, scale;
    double beside = reflector(v, i, &scale);
    if (scale != 0)
      reflect(a, n, i, v, scale, d); /* d[0 .. i - 1] is not in use yet */
    d[i] = v[i];
    e[i - 1] = beside;
  }
  d[0] = a[0];
}

/* The end of the block that begins at l: the first element beside the diagonal that counts as 0. */
static size_t block_end(const double *d, const double *e, size_t n, size_t l, double negligible)
{
  size_t m = l;
  while (m + 1 < n && fabs(e[m]) > SPLIT * (fabs(d[m]) + fabs(d[m + 1])) && fabs(e[m]) > negligible)
    m++;
  return m;
}

/* One implicit QL step on the block l .. m. */
static void step(double *d, double *e, size_t l, size_t m)
{
  double g = (d[l + 1] - d[l]) / (2 * e[l]), r = sqrt(fma(g, g, 1));
  double s = 1, c = 1, p = 0;
  g = d[m] - d[l] + e[l] / (g < 0 ? g - r : g + r);
  for (size_t i = m; i-- > l;) {
    double f = s * e[i], b = c * e[i];
    r = sqrt(fma(f, f, g * g));
    e[i + 1] = r;
    if (r == 0) { /* the block falls apart here */
      d[i + 1] -= p;
      e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1] - p;
    r = fma(d[i] - g, s, 2 * (c * b));
    p = s * r;
    d[i + 1] = g + p;
    g = fma(c, r, -b);
  }
  d[l] -= p;
  e[l] = g;
  e[m] = 0;
}

int symmetric_eigenvalues(double *a, size_t n, double *d, double *e, struct error *error)
{
  double total = 0;
  if (n == 0)
    return 0;
  tridiagonal(a, n, d, e);
  for (size_t i = 0; i < n; i++)
    total += fabs(d[i]);
  for (size_t l = 0; l < n; l++) {
    size_t m;
    for (int steps = 0; (m = block_end(d, e, n, l, NEGLIGIBLE * total)) != l; steps++) {
      if (steps == STEPS)
        return error_set(error, EXIT_RUN, "eigenvalues: no convergence within %d steps", STEPS);
      step(d, e, l, m);
    }
  }
  return 0;
}

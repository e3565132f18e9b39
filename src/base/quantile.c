#include "base/quantile.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void quantile_sort(double *values, size_t count)
{
  qsort(values, count, sizeof *values, ascending);
}

double quantile_sorted(const double *values, size_t count, double q)
{
  double position = q * (double)(count - 1), whole = floor(position), t = position - whole;
  size_t at = (size_t)whole;
  double a = values[at], b = values[at + 1 < count ? at + 1 : at];
  return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

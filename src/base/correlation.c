#include "base/correlation.h"

#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static double mean(const double *values, size_t count)
{
  double sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += values[i];
  return sum / (double)count;
}

static bool varies(const double *values, size_t count)
{
  for (size_t i = 1; i < count; i++)
    if (values[i] != values[0])
      return true;
  return false;
}

double correlation_pearson(const double *x, const double *y, size_t count)
{
  if (!varies(x, count) || !varies(y, count)) /* a mean of equal values may be off by rounding */
    return NAN;
  double mean_x = mean(x, count), mean_y = mean(y, count), xx = 0, xy = 0, yy = 0;
  for (size_t i = 0; i < count; i++) {
    double dx = x[i] - mean_x, dy = y[i] - mean_y;
    xx += dx * dx;
    xy += dx * dy;
    yy += dy * dy;
  }
  double r = xy / (sqrt(xx) * sqrt(yy));
  return r > 1 ? 1 : r < -1 ? -1 : r;
}

struct place {
  double value;
  size_t index;
};

static int by_value(const void *a, const void *b)
{
  const struct place *x = a, *y = b;
  if (x->value != y->value)
    return x->value < y->value ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

static void take_ranks(const double *values, size_t count, enum rank_ties ties,
                       struct place *places, double *ranks)
{
  for (size_t i = 0; i < count; i++)
    places[i] = (struct place){values[i], i};
  qsort(places, count, sizeof *places, by_value);
  for (size_t first = 0, end; first < count; first = end) {
    for (end = first + 1; end < count && places[end].value == places[first].value; end++)
      ;
    for (size_t i = first; i < end; i++)
      ranks[places[i].index] =
          ties == TIES_AVERAGED ? ((double)first + (double)(end - 1)) / 2 : (double)i;
  }
}

int correlation_spearman(const double *x, const double *y, size_t count, enum rank_ties ties,
                         double *r, struct error *error)
{
  struct place *places = memory_alloc(count, sizeof *places, "ranks", error);
  double *ranks = places ? memory_alloc(count, 2 * sizeof *ranks, "ranks", error) : NULL;
  if (ranks) {
    take_ranks(x, count, ties, places, ranks);
    take_ranks(y, count, ties, places, ranks + count);
    *r = correlation_pearson(ranks, ranks + count, count);
  }
  free(places);
  free(ranks);
  return ranks ? 0 : EXIT_RUN;
}

#include "report/spark.h"

#include <math.h>

#define LEVELS 8

static void find_ends(const double *values, size_t count, double *low, double *high)
{
  bool any = false;
  for (size_t i = 0; i < count; i++) {
    if (!isfinite(values[i]))
      continue;
    *low = !any || values[i] < *low ? values[i] : *low;
    *high = !any || values[i] > *high ? values[i] : *high;
    any = true;
  }
}

static int level_of(double value, double low, double high)
{
  double share = high > low ? (value - low) / (high - low) : 0;
  return share >= 1 ? LEVELS - 1 : share <= 0 ? 0 : (int)(share * LEVELS);
}

void spark_add(struct text *text, const double *values, size_t count, double low, double high,
               bool utf8)
{
  static const char *const blocks[LEVELS] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                             "\u2585", "\u2586", "\u2587", "\u2588"};
  static const char *const plain[LEVELS] = {"_", ".", ":", "-", "=", "+", "*", "#"};
  if (!(low < high))
    find_ends(values, count, &low, &high);
  for (size_t i = 0; i < count; i++)
    if (isfinite(values[i]))
      text_add(text, "%s", (utf8 ? blocks : plain)[level_of(values[i], low, high)]);
    else
      text_add(text, " ");
}

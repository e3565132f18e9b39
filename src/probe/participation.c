#include "probe/participation.h"

#include "base/memory.h"
#include "probe/singular.h"
#include "sleef_scalar.h"

#include <stdlib.h>

#define FLOOR 1e-12 /* of the sum of squares, and inside the logarithm */

static double ratio(const double *s, size_t count)
{
  double total = 0, sum = 0;
  for (size_t i = 0; i < count; i++)
    total += s[i] * s[i];
  if (total < FLOOR)
    total = FLOOR;
  for (size_t i = 0; i < count; i++) {
    double p = s[i] * s[i] / total;
    sum += p * Sleef_finz_logd1_u10purecfma(p + FLOOR);
  }
  return Sleef_finz_expd1_u10purecfma(-sum);
}

int participation_ratio(const float *m, int64_t rows, int64_t cols, double *pr, struct error *error)
{
  int64_t count = rows < cols ? rows : cols;
  double *s = memory_alloc(count > 0 ? (size_t)count : 0, sizeof *s, "participation ratio", error);
  if (!s)
    return EXIT_RUN;
  int code = singular_values(m, rows, cols, s, error);
  if (code == 0)
    *pr = ratio(s, (size_t)count);
  free(s);
  return code;
}

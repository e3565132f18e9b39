#include "probe/participation.h"

#include "base/memory.h"
#include "base/quantile.h"
#include "f64.h"
#include "probe/singular.h"
#include "probe/symmetric.h"
#include "sleef_scalar.h"

#include <stdlib.h>

#define FLOOR 1e-12 /* of the sum of squares, and inside the logarithm */

double participation_of_squares(const double *squares, size_t count)
{
  double total = 0, sum = 0;
  for (size_t i = 0; i < count; i++)
    total += squares[i];
  if (total < FLOOR)
    total = FLOOR;
  for (size_t i = 0; i < count; i++) {
    double p = squares[i] / total;
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
  for (int64_t i = 0; code == 0 && i < count; i++)
    s[i] *= s[i];
  if (code == 0)
    *pr = participation_of_squares(s, (size_t)count);
  free(s);
  return code;
}

/* Columns of the rows that occur and the same times their counts, Gram matrix, eigenvalues, scratch
 * of these. */
size_t participation_scratch(int64_t rows, int64_t cols)
{
  size_t count = (size_t)cols, length, total;
  if (__builtin_add_overflow(2 * (size_t)rows, count, &length) ||
      __builtin_add_overflow(length, 2, &length) || __builtin_mul_overflow(length, count, &total))
    return SIZE_MAX;
  return total;
}

/* Writes both sets of columns, each `rows` apart; returns how many rows occur. */
static size_t gather(const float *m, size_t rows, size_t cols, const uint32_t *counts,
                     double *columns, double *counted)
{
  size_t used = 0;
  for (size_t i = 0; i < rows; i++) {
    if (counts[i] == 0)
      continue;
    for (size_t j = 0; j < cols; j++) {
      double value = (double)m[i * cols + j];
      columns[j * rows + used] = value;
      counted[j * rows + used] = (double)counts[i] * value;
    }
    used++;
  }
  return used;
}

int participation_repeated(const float *m, int64_t rows, int64_t cols, const uint32_t *counts,
                           double *scratch, double *pr, struct error *error)
{
  size_t n = (size_t)cols, length = (size_t)rows;
  double *columns = scratch, *counted = columns + n * length, *gram = counted + n * length;
  double *values = gram + n * n;
  size_t used = gather(m, length, n, counts, columns, counted);
  for (size_t j = 0; j < n; j++)
    for (size_t k = 0; k <= j; k++)
      gram[j * n + k] = f64_dot(used, counted + j * length, columns + k * length);
  if (symmetric_eigenvalues(gram, n, values, values + n, error))
    return error->code;
  for (size_t j = 0; j < n; j++)
    values[j] = values[j] > 0 ? values[j] : 0;
  quantile_sort(values, n);
  for (size_t j = 0; j < n / 2; j++) { /* largest first */
    double value = values[j];
    values[j] = values[n - 1 - j];
    values[n - 1 - j] = value;
  }
  *pr = participation_of_squares(values, n);
  return 0;
}

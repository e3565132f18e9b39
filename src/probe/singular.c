#include "probe/singular.h"

#include "base/memory.h"
#include "f64.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define SWEEPS 60
#define ANGLE 0x1p-48 /* pairs with a smaller cosine count as orthogonal */
#define NOISE 0x1p-50 /* of the Frobenius norm */

/* Column j is at data + j * length. */
struct columns {
  double *data;
  size_t length, count; /* length >= count */
};

static double *column(const struct columns *m, size_t j)
{
  return m->data + j * m->length;
}

/* Widens m so that its longer side runs along the columns: m itself or its transpose. */
static int load(const float *m, size_t rows, size_t cols, struct columns *out, struct error *error)
{
  bool wide = rows < cols;
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < cols; j++) {
      float value = m[i * cols + j];
      if (!isfinite(value))
        return error_set(error, EXIT_RUN,
                         "singular values: the value at row %zu, column %zu is not finite", i, j);
      out->data[wide ? i * cols + j : j * rows + i] = (double)value;
    }
  return 0;
}

/* Replaces column k's part from the diagonal on by the vector v of the reflection I - scale v v'
 * that zeroes it below the diagonal. Returns the new diagonal element; scale 0 for a zero column.
 */
static double reflector(double *x, size_t n, double *scale)
{
  double square = f64_dot(n, x, x), norm = sqrt(square);
  *scale = 0;
  if (square == 0)
    return 0;
  double diagonal = x[0] < 0 ? norm : -norm; /* the other sign than x[0]: no cancellation */
  *scale = 1 / fma(fabs(x[0]), norm, square);
  x[0] -= diagonal;
  return diagonal;
}

/* Reduces m to R and writes row i of R to column i of `rows`. */
static void householder(struct columns *m, struct columns *rows)
{
  for (size_t k = 0; k < m->count; k++) {
    double *v = column(m, k) + k, scale;
    size_t n = m->length - k;
    for (size_t j = 0; j < k; j++)
      column(rows, k)[j] = 0;
    column(rows, k)[k] = reflector(v, n, &scale);
    for (size_t j = k + 1; j < m->count; j++) {
      double *x = column(m, j) + k;
      f64_axpy(n, -(scale * f64_dot(n, v, x)), v, x);
      column(rows, k)[j] = x[0];
    }
  }
}

/* Makes columns x and y orthogonal when they are not; xx and yy are their squared norms, updated
 * along. Returns whether it did. */
static bool turn(size_t n, double *x, double *y, double *xx, double *yy, double noise)
{
  if (*xx <= noise || *yy <= noise)
    return false;
  double xy = f64_dot(n, x, y);
  if (xy * xy <= ANGLE * ANGLE * *xx * *yy)
    return false;
  double cot2 = (*yy - *xx) / (2 * xy); /* of twice the angle; the smaller of both turns */
  double tangent = 1 / (fabs(cot2) + sqrt(fma(cot2, cot2, 1)));
  if (cot2 < 0)
    tangent = -tangent;
  double cosine = 1 / sqrt(fma(tangent, tangent, 1));
  f64_rotate(n, cosine, cosine * tangent, x, y);
  *xx = fma(-tangent, xy, *xx);
  *yy = fma(tangent, xy, *yy);
  return true;
}

/* Leaves the squared singular values of the square matrix m in `square`, unsorted. */
static int jacobi(struct columns *m, double *square, struct error *error)
{
  for (int sweep = 0; sweep < SWEEPS; sweep++) {
    double total = 0;
    size_t turned = 0;
    for (size_t j = 0; j < m->count; j++) {
      square[j] = f64_dot(m->length, column(m, j), column(m, j));
      total += square[j];
    }
    double noise = NOISE * NOISE * total;
    for (size_t i = 0; i < m->count; i++)
      for (size_t j = i + 1; j < m->count; j++)
        turned += turn(m->length, column(m, i), column(m, j), &square[i], &square[j], noise);
    if (turned == 0)
      return 0;
  }
  return error_set(error, EXIT_RUN, "singular values: no convergence within %d sweeps", SWEEPS);
}

static int descending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

static int with_memory(const float *m, size_t rows, size_t cols, struct columns *a,
                       struct columns *r, double *s, struct error *error)
{
  int code = load(m, rows, cols, a, error);
  if (code)
    return code;
  householder(a, r);
  code = jacobi(r, s, error);
  if (code)
    return code;
  for (size_t j = 0; j < r->count; j++)
    s[j] = sqrt(s[j]);
  qsort(s, r->count, sizeof *s, descending);
  return 0;
}

int singular_values(const float *m, int64_t rows, int64_t cols, double *s, struct error *error)
{
  if (rows <= 0 || cols <= 0)
    return error_set(error, EXIT_RUN, "singular values: the matrix is empty");
  size_t length = (size_t)(rows < cols ? cols : rows), count = (size_t)(rows < cols ? rows : cols);
  struct columns a = {NULL, length, count}, r = {NULL, count, count};
  size_t elements;
  if (__builtin_mul_overflow(length, count, &elements))
    return error_set(error, EXIT_RUN, "singular values: the matrix is too large");
  int code = EXIT_RUN;
  a.data = memory_alloc(elements, sizeof(double), "singular values", error);
  r.data = a.data ? memory_alloc(count * count, sizeof(double), "singular values", error) : NULL;
  if (r.data)
    code = with_memory(m, (size_t)rows, (size_t)cols, &a, &r, s, error);
  free(a.data);
  free(r.data);
  return code;
}

/* The portable reference of what lies in lanes side by side: a column is taken out as a row. */
#include "adjoint_c.h"
#include "rows_c.h"

#include <math.h>

void lane_products_c(const struct lane_products *p)
{
  for (size_t r = 0; r < p->rows; r++)
    for (size_t i = 0; i < p->n; i++) {
      float sum = 0, *y = p->y + r * p->y_row + i;
      for (size_t j = 0; j < p->k; j++)
        sum = fmaf(p->a[r * p->a_row + j * p->a_step + i], p->b[r * p->b_row + j * p->b_step + i],
                   sum);
      sum = sum + 0.0f;
      *y = p->add ? *y + sum : sum;
    }
}

static void take(const float *x, size_t stride, size_t rows, float *column)
{
  for (size_t row = 0; row < rows; row++)
    column[row] = x[row * stride];
}

static void put(const float *column, size_t rows, float *x, size_t stride)
{
  for (size_t row = 0; row < rows; row++)
    x[row * stride] = column[row];
}

void softmax_lanes_c(float *x, size_t stride, size_t rows, size_t n)
{
  float column[LANES_MOST_ROWS];
  for (size_t i = 0; i < n; i++) {
    take(x + i, stride, rows, column);
    softmax_c(column, rows, 1.0f);
    put(column, rows, x + i, stride);
  }
}

void softmax_lanes_backward_c(const float *p, float *dp, size_t stride, size_t rows, size_t n)
{
  float column[LANES_MOST_ROWS], gradient[LANES_MOST_ROWS];
  for (size_t i = 0; i < n; i++) {
    take(p + i, stride, rows, column);
    take(dp + i, stride, rows, gradient);
    softmax_backward_c(column, gradient, rows, 1.0f);
    put(gradient, rows, dp + i, stride);
  }
}

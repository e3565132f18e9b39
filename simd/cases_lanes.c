/* Short rows that lie in lanes side by side: a column of [rows][n] is what is summed over. */
#include "cases_list.h"

#include <math.h>

/* z[r] = sum over j of x[j] * y[r], in z. */
static void products(const struct kernels *k, const struct case_data *d)
{
  k->lane_products(&(struct lane_products){.a = d->x,
                                           .b = d->y,
                                           .y = d->z,
                                           .rows = d->rows,
                                           .k = d->rows,
                                           .n = d->n,
                                           .b_row = d->n,
                                           .y_row = d->n,
                                           .a_step = d->n});
}
static void products_exact(const struct case_data *d, char result, struct case_exact *e)
{
  (void)result;
  for (size_t i = 0; i < d->rows * d->n; i++) {
    double want = 0, size = 0;
    for (size_t j = 0; j < d->rows; j++) {
      double product = (double)d->x[j * d->n + i % d->n] * (double)d->y[i];
      want += product;
      size += fabs(product);
    }
    put(e, i, want, size);
  }
}

/* z[0] = z[0] + sum over j of x[j] * y[j] */
static void added(const struct kernels *k, const struct case_data *d)
{
  k->lane_products(&(struct lane_products){.a = d->x,
                                           .b = d->y,
                                           .y = d->z,
                                           .rows = 1,
                                           .k = d->rows,
                                           .n = d->n,
                                           .a_step = d->n,
                                           .b_step = d->n,
                                           .add = true});
}
static void added_exact(const struct case_data *d, char result, struct case_exact *e)
{
  (void)result;
  for (size_t i = 0; i < d->n; i++)
    put(e, i, (double)d->z[i], fabs((double)d->z[i]));
  for (size_t i = 0; i < d->rows * d->n; i++) {
    double product = (double)d->x[i] * (double)d->y[i];
    put(e, i % d->n, e->want[i % d->n] + product, e->size[i % d->n] + fabs(product));
  }
}

static void softmax(const struct kernels *k, const struct case_data *d)
{
  k->softmax_lanes(d->x, d->n, d->rows, d->n);
}
static void softmax_exact(const struct case_data *d, char result, struct case_exact *e)
{
  (void)result;
  for (size_t i = 0; i < d->n; i++) {
    float column[LANES_MOST_ROWS];
    for (size_t row = 0; row < d->rows; row++)
      column[row] = d->x[row * d->n + i];
    struct case_peak peak = case_peak(column, d->rows, 1);
    for (size_t row = 0; row < d->rows; row++) {
      double p = exp((double)column[row] - peak.top) / peak.sum;
      put(e, row * d->n + i, p, p * (1 + peak.most));
    }
  }
}

/* p in x, dp in y. */
static void softmax_backward(const struct kernels *k, const struct case_data *d)
{
  k->softmax_lanes_backward(d->x, d->y, d->n, d->rows, d->n);
}
static void softmax_backward_exact(const struct case_data *d, char result, struct case_exact *e)
{
  (void)result;
  for (size_t i = 0; i < d->n; i++) {
    double s = 0, size = 0;
    for (size_t at = i; at < d->rows * d->n; at += d->n) {
      s += (double)d->x[at] * (double)d->y[at];
      size += fabs((double)d->x[at] * (double)d->y[at]);
    }
    for (size_t at = i; at < d->rows * d->n; at += d->n) {
      double p = (double)d->x[at], dp = (double)d->y[at];
      put(e, at, p * (dp - s), fabs(p) * (fabs(dp) + size));
    }
  }
}

#define MOST LANES_MOST_ROWS

const struct row_case cases_lanes[] = {
    {"lane_products", products, "z", products_exact, 8, 0, MOST, 256, 12, NULL},
    {"lane_products, added", added, "z", added_exact, 8, 0, MOST, 0, 0, NULL},
    {"softmax_lanes", softmax, "x", softmax_exact, 4, 0, MOST, 256, 8, NULL},
    {"softmax_lanes_backward", softmax_backward, "y", softmax_backward_exact, 4, 0, MOST, 256, 12,
     NULL},
};
const size_t cases_lanes_count = sizeof cases_lanes / sizeof *cases_lanes;

/* Short rows that lie in lanes side by side, written once; included after adjoint_body.h. The
 * sixteen lanes of a sum over a row are sixteen vectors here, folded in the same order. */

static inline v16 lanes_fold(v16 lanes[16])
{
  for (size_t half = 8; half >= 1; half /= 2)
    for (size_t l = 0; l < half; l++)
      lanes[l] = v16_add(lanes[l], lanes[l + half]);
  return lanes[0];
}

/* Lanes i on of output r: `whole` sixteen of them. */
static inline void ROWS(lane_chain)(const struct lane_products *p, size_t r, size_t i, bool whole)
{
  const float *a = p->a + r * p->a_row + i, *b = p->b + r * p->b_row + i;
  float *y = p->y + r * p->y_row + i;
  v16 zero = v16_set1(0.0f), sum = zero;
  size_t n = whole ? 16 : p->n - i;
  for (size_t j = 0; j < p->k; j++, a += p->a_step, b += p->b_step)
    sum = whole ? v16_fma(v16_load(a), v16_load(b), sum)
                : v16_fma(rows_tail(a, n, 0, 0.0f), rows_tail(b, n, 0, 0.0f), sum);
  sum = v16_add(sum, zero);
  rows_put(y, n, 0, p->add ? v16_add(rows_tail(y, n, 0, 0.0f), sum) : sum);
}

static void ROWS(lane_products)(const struct lane_products *p)
{
  size_t i = 0;
  for (; i + 16 <= p->n; i += 16)
    for (size_t r = 0; r < p->rows; r++)
      ROWS(lane_chain)(p, r, i, true);
  for (size_t r = 0; r < p->rows && i < p->n; r++)
    ROWS(lane_chain)(p, r, i, false);
}

static void ROWS(softmax_lanes)(float *x, size_t stride, size_t rows, size_t n)
{
  for (size_t i = 0; i < n; i += 16) {
    v16 lanes[16], e[LANES_MOST_ROWS], top = v16_set1(-INFINITY);
    for (size_t row = 0; row < 16; row++)
      lanes[row] = v16_set1(0.0f);
    for (size_t row = 0; row < rows; row++)
      top = v16_max(rows_tail(x + row * stride, n, i, 0.0f), top);
    for (size_t row = 0; row < rows; row++)
      lanes[row] = e[row] = v16_exp(v16_sub(rows_tail(x + row * stride, n, i, 0.0f), top));
    v16 total = lanes_fold(lanes);
    for (size_t row = 0; row < rows; row++)
      rows_put(x + row * stride, n, i, v16_div(e[row], total));
  }
}

static void ROWS(softmax_lanes_backward)(const float *p, float *dp, size_t stride, size_t rows,
                                         size_t n)
{
  v16 zero = v16_set1(0.0f);
  for (size_t i = 0; i < n; i += 16) {
    v16 lanes[16];
    for (size_t row = 0; row < 16; row++)
      lanes[row] = zero;
    for (size_t row = 0; row < rows; row++)
      lanes[row] = v16_fma(rows_tail(p + row * stride, n, i, 0.0f),
                           rows_tail(dp + row * stride, n, i, 0.0f), zero);
    v16 sum = lanes_fold(lanes);
    for (size_t row = 0; row < rows; row++) {
      v16 d = v16_sub(rows_tail(dp + row * stride, n, i, 0.0f), sum);
      rows_put(dp + row * stride, n, i, v16_mul(rows_tail(p + row * stride, n, i, 0.0f), d));
    }
  }
}

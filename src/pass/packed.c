#include "pass/packed.h"

#include "base/memory.h"
#include "checkpoint/tensor_pages.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct fill {
  const struct packed *packed;
  const struct segment *segments;
  const struct kernels *kernels;
  size_t together; /* panels whose pages are dropped together */
  atomic_bool damaged;
};

#define DROP_BYTES ((size_t)16 << 20) /* of packed weights, between two drops of their pages */

/* The linear that holds row `row` of the stack, and the row within it; `left`, if not NULL: how
 * many rows of the segment there are from it on. */
static const struct linear *locate(const struct fill *fill, size_t *row, size_t *left)
{
  const struct segment *segment = fill->segments;
  while (*row >= segment->count)
    *row -= segment++->count;
  if (left)
    *left = segment->count - *row;
  *row += segment->first;
  return segment->linear;
}

/* Drops the pages of rows [from, to) of the stack. A thread that still reads some gets them back.
 */
static void drop_rows(const struct fill *fill, size_t from, size_t to)
{
  while (from < to) {
    size_t row = from, left;
    const struct tensor *weight = locate(fill, &row, &left)->weight;
    size_t count = left < to - from ? left : to - from;
    tensor_drop_part(weight, row * fill->packed->k, count * fill->packed->k);
    from += count;
  }
}

static const void *stored_row(void *context, size_t row, enum gemm_type *type)
{
  const struct fill *fill = context;
  const struct tensor *weight = locate(fill, &row, NULL)->weight;
  *type = model_weight_type(weight);
  return (const char *)weight->data + row * fill->packed->k * dtype_size(weight->dtype);
}

/* A panel of a matrix that is stored [in][out]. */
static void fill_panel_transposed(void *context, size_t panel, int worker)
{
  struct fill *fill = context;
  const struct packed *packed = fill->packed;
  const struct tensor *weight = fill->segments[0].linear->weight;
  size_t nr = (size_t)gemm_nr(fill->kernels, packed->n), padded = gemm_round_up(packed->n, nr);
  size_t stride = (size_t)weight->shape[1], first = panel * nr;
  size_t count = packed->n - first < nr ? packed->n - first : nr;
  (void)worker;
  for (size_t k0 = 0; k0 < packed->k; k0 += GEMM_BLOCK) {
    size_t kc = packed->k - k0 < GEMM_BLOCK ? packed->k - k0 : GEMM_BLOCK;
    size_t element = k0 * stride + fill->segments[0].first + first;
    const char *from = (const char *)weight->data + element * dtype_size(weight->dtype);
    if (!fill->kernels->pack_transposed(model_weight_type(weight), from, stride, (int)count, kc,
                                        (int)nr, packed->data + k0 * padded + first * kc))
      atomic_store(&fill->damaged, true);
  }
}

static void fill_panel(void *context, size_t panel, int worker)
{
  struct fill *fill = context;
  const struct packed *packed = fill->packed;
  size_t nr = (size_t)gemm_nr(fill->kernels, packed->n), padded = gemm_round_up(packed->n, nr);
  const void *rows[GEMM_MAX_NR];
  enum gemm_type types[GEMM_MAX_NR];
  int count = 0;
  (void)worker;
  for (size_t j = panel * nr; j < packed->n && count < (int)nr; j++, count++)
    rows[count] = stored_row(fill, j, &types[count]);
  for (size_t k0 = 0; k0 < packed->k; k0 += GEMM_BLOCK) {
    size_t kc = packed->k - k0 < GEMM_BLOCK ? packed->k - k0 : GEMM_BLOCK;
    float *out = packed->data + k0 * padded + panel * nr * kc;
    if (!fill->kernels->pack_streaming(types, rows, count, k0, kc, (int)nr, out))
      atomic_store(&fill->damaged, true);
  }
  fill->kernels->pack_fence();
  if ((panel + 1) % fill->together == 0)
    drop_rows(fill, (panel + 1 - fill->together) * nr,
              (panel + 1) * nr < packed->n ? (panel + 1) * nr : packed->n);
}

static int grow(float **data, size_t *capacity, size_t floats, struct error *error)
{
  if (floats <= *capacity)
    return 0;
  free(*data);
  *capacity = 0;
  *data = memory_alloc(floats, sizeof **data, "packed weights", error);
  if (!*data)
    return error->code;
  *capacity = floats;
  return 0;
}

static int fill_bias(struct packed *packed, const struct fill *fill, struct error *error)
{
  size_t nr = (size_t)gemm_nr(fill->kernels, packed->n), padded = gemm_round_up(packed->n, nr);
  if (grow(&packed->bias, &packed->bias_capacity, padded, error))
    return error->code;
  memset(packed->bias, 0, padded * sizeof *packed->bias);
  for (size_t j = 0; j < packed->n; j++) {
    size_t row = j;
    const struct tensor *bias = locate(fill, &row, NULL)->bias;
    if (bias && model_widen(bias, row, 1, packed->bias + j, error))
      return error->code;
  }
  return 0;
}

/* Slow, and only to name the tensor in a message. */
static int name_damaged(const struct fill *fill, size_t count, struct error *error)
{
  const struct segment *whole = fill->segments;
  if (whole->input_major) {
    const struct tensor *weight = whole->linear->weight;
    float *all = memory_alloc(weight->elements, sizeof *all, "weight", error);
    int status = all ? model_widen(weight, 0, (size_t)weight->elements, all, error) : error->code;
    free(all);
    return status;
  }
  size_t k = fill->packed->k;
  float *row_values = memory_alloc(k, sizeof *row_values, "row", error);
  for (size_t j = 0; row_values && j < count; j++) {
    size_t row = j;
    const struct tensor *weight = locate(fill, &row, NULL)->weight;
    if (model_widen(weight, row * k, k, row_values, error))
      break;
  }
  free(row_values);
  return error->code;
}

static struct fill describe(struct packed *packed, const struct kernels *kernels,
                            const struct segment *segments, size_t count)
{
  packed->n = 0;
  packed->k = (size_t)segments[0].linear->weight->shape[segments[0].input_major ? 0 : 1];
  for (size_t i = 0; i < count; i++)
    packed->n += segments[i].count;
  size_t panel = (size_t)gemm_nr(kernels, packed->n) * packed->k * sizeof(float);
  return (struct fill){packed, segments, kernels, 1 + DROP_BYTES / panel, false};
}

int packed_fill(struct packed *packed, const struct kernels *kernels, struct threads *threads,
                const struct segment *segments, size_t count, struct error *error)
{
  struct fill fill = describe(packed, kernels, segments, count);
  size_t nr = (size_t)gemm_nr(kernels, packed->n);
  size_t floats = gemm_packed_floats(packed->n, packed->k, (int)nr);
  if (grow(&packed->data, &packed->data_capacity, floats, error) || fill_bias(packed, &fill, error))
    return error->code;
  threads_run(threads, (packed->n + nr - 1) / nr,
              segments[0].input_major ? fill_panel_transposed : fill_panel, &fill);
  if (atomic_load(&fill.damaged))
    return name_damaged(&fill, packed->n, error);
  if (segments[0].input_major)
    tensor_drop(segments[0].linear->weight);
  else
    drop_rows(&fill, 0, packed->n);
  return 0;
}

static void multiply(const struct packed *packed, struct gemm *product)
{
  product->n = product->b_n = packed->n;
  product->k = product->b_k = packed->k;
  product->b = packed->data;
  product->bias = packed->bias;
}

void packed_product(const struct packed *packed, struct gemm *product, struct threads *threads)
{
  multiply(packed, product);
  gemm_run(product, threads);
}

int packed_product_once(struct packed *packed, struct gemm *product, struct threads *threads,
                        const struct segment *segments, size_t count, struct error *error)
{
  if (product->m > GEMM_DIRECT_ROWS) {
    if (packed_fill(packed, product->kernels, threads, segments, count, error))
      return error->code;
    packed_product(packed, product, threads);
    return 0;
  }
  struct fill fill = describe(packed, product->kernels, segments, count);
  if (fill_bias(packed, &fill, error))
    return error->code;
  multiply(packed, product);
  if (!gemm_run_direct(product, &(struct gemm_source){&fill, stored_row}, threads))
    return name_damaged(&fill, packed->n, error);
  drop_rows(&fill, 0, packed->n);
  return 0;
}

void packed_free(struct packed *packed)
{
  free(packed->data);
  free(packed->bias);
  *packed = (struct packed){0};
}

uint64_t packed_bytes(size_t rows, size_t k)
{
  return (uint64_t)(rows + GEMM_MAX_NR) * (k + 1) * sizeof(float);
}

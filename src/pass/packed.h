/* Weights widened and packed for the matrix product. */
#ifndef ATTEST_PASS_PACKED_H
#define ATTEST_PASS_PACKED_H

#include "base/threads.h"
#include "gemm.h"
#include "model/model.h"

/* Operand B of the matrix product with its bias; the buffers are reused from one pack to the next.
 */
struct packed {
  size_t n, k;
  float *data, *bias; /* owned */
  size_t data_capacity, bias_capacity;
};

/* Outputs [first, first + count) of a linear. */
struct segment {
  const struct linear *linear;
  size_t first, count;
  bool input_major; /* stored [in][out]; such a segment is packed alone */
};

/* Packs segments (all of one width) one under the other. Pages of mapped weights are dropped after
 * use. Errors: EXIT_INPUT for a weight that is not finite, named; EXIT_RUN without memory. */
int packed_fill(struct packed *packed, const struct kernels *kernels, struct threads *threads,
                const struct segment *segments, size_t count, struct error *error);
/* The product of packed weights: sets n, k, B and bias of `product`, whose other fields the caller
 * has set, and runs it. */
void packed_product(const struct packed *packed, struct gemm *product, struct threads *threads);

/* The same of weights that are needed only for this product; the buffers of `packed` serve where
 * all of it is packed first. Errors: those of packed_fill. */
int packed_product_once(struct packed *packed, struct gemm *product, struct threads *threads,
                        const struct segment *segments, size_t count, struct error *error);

void packed_free(struct packed *packed);

/* Bytes that packing a [rows][k] matrix takes, an upper bound for every instruction set. */
uint64_t packed_bytes(size_t rows, size_t k);

#endif

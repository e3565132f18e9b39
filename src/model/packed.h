/* Weights widened and packed for the matrix product. */
#ifndef ATTEST_MODEL_PACKED_H
#define ATTEST_MODEL_PACKED_H

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

/* Rows [first, first + count) of a linear. */
struct segment {
  const struct linear *linear;
  size_t first, count;
};

/* Packs segments (all of one width) one under the other. Pages of mapped weights are dropped after
 * use. Errors: EXIT_INPUT for a weight that is not finite, named; EXIT_RUN without memory. */
int packed_fill(struct packed *packed, const struct kernels *kernels, struct threads *threads,
                const struct segment *segments, size_t count, struct error *error);
void packed_free(struct packed *packed);

/* Bytes that packing a [rows][k] matrix takes, an upper bound for every instruction set. */
uint64_t packed_bytes(size_t rows, size_t k);

#endif

/* The matrix products of linear operations, forward and backward. */
#ifndef ATTEST_TAPE_PRODUCT_H
#define ATTEST_TAPE_PRODUCT_H

#include "gemm.h"
#include "tape/op.h"

/* Rows of a weight [out][in] and of its bias, by the operation's operands; bias TAPE_NONE = none.
 */
struct product_part {
  size_t weight, bias;
  size_t first, count;
};

/* y [rows][out] = x [rows][in] W^T + b, W being the parts one under the other; strides in floats.
 */
struct product {
  struct tape *tape;
  struct tape_op *op;
  const struct product_part *parts;
  size_t count, in, out;
  size_t column; /* of the weights, at which those for x begin */
  size_t rows;
  const float *x;
  size_t x_stride;
  float *y; /* or its gradient */
  size_t y_stride;
  float *scratch; /* product_scratch floats */
  bool here;      /* on the calling thread, which is one of several */
};

/* Floats of scratch for so many rows, with 64-byte alignment. */
size_t product_scratch(const struct tape *tape, size_t rows, size_t in, size_t out, bool backward);

void product_forward(const struct product *product);

/* dx = dy W, or dx + that. */
void product_input(const struct product *product, float *dx, size_t stride, bool add);

/* The gradients of the parts' weights and biases, to theirs; of no rows +0. */
void product_weights(const struct product *product);

#endif

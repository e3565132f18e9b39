/* The model of the few-shot task (arXiv 2404.07129): two attention layers without MLPs on five
 * tokens. Its sizes and its parameters, one flat vector in this order, each row by row:
 *
 *   We [D][width]  be [D]  Le [D][labels]                   embeddings of items and labels
 *   g0 [D]  b0 [D]  Wqkv0 [3D][D]  Wo0 [D][D]               layer 0
 *   g1 [D]  b1 [D]  Wqkv1 [3D][D]  Wo1 [D][D]               layer 1
 *   gf [D]  bf [D]  Wu [labels][D]  bu [labels]             final norm, unembedding
 *
 * Matrices are (out, in). Column l of Le is label l's. Rows of Wqkv: queries, keys, values; inside
 * each, head h has rows h * head_dim on. */
#ifndef ATTEST_FEW_SHOT_LAYOUT_H
#define ATTEST_FEW_SHOT_LAYOUT_H

#include "base/error.h"
#include "base/random.h"

#include <stddef.h>

#define FEW_LAYERS 2
#define FEW_POSITIONS 5
#define FEW_MOST_HEADS 64
#define FEW_MOST_HEAD_DIM 256
#define FEW_MOST_HIDDEN 1024
#define FEW_MOST_WIDTH 65536

struct few_sizes {
  size_t width;  /* of an item */
  size_t hidden; /* D, of which each head has an even share */
  size_t heads;
  size_t labels;
};

enum few_tensor {
  FEW_WE,
  FEW_BE,
  FEW_LE,
  FEW_G0,
  FEW_B0,
  FEW_WQKV0,
  FEW_WO0,
  FEW_G1,
  FEW_B1,
  FEW_WQKV1,
  FEW_WO1,
  FEW_GF,
  FEW_BF,
  FEW_WU,
  FEW_BU,
  FEW_TENSORS
};

/* rank 1: a vector of `columns`, rows = 1. */
struct few_place {
  const char *name; /* "We", ... */
  size_t offset, rows, columns;
  int rank;
};

struct few_place few_place(const struct few_sizes *sizes, enum few_tensor tensor);
size_t few_parameters(const struct few_sizes *sizes); /* elements of the whole vector */

/* Errors: EXIT_INPUT, `where` beginning the message. */
int few_sizes_check(const char *where, const struct few_sizes *sizes, struct error *error);

/* The parameters before the first update, from RandomState(seed), in their order, matrices row by
 * row. A truncated normal t is the next standard normal (random_normal) within +-2, others being
 * rejected. We, Wqkv, Wo, Wu: (float)(sqrt(1 / columns) / 0.87962566103423978 * t), the variance
 * 1 / columns of lecun-normal after the cut; Le: (float)(0.02 * t). Gains are 1, biases 0. */
void few_initial(const struct few_sizes *sizes, uint32_t seed, float *parameters);

#endif

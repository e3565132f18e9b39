/* The portable C reference: always linked, and what every other instruction set is tested against.
 */
#include "kernels.h"

#include "adjoint_c.h"
#include "pack_c.h"
#include "rows_c.h"

#include <math.h>

#define MR 4
#define NR 16

/* Each output: one chain of fmaf over k ascending from +0, then c + S, then c + bias. */
static void tile_c(size_t kc, const float *a, const float *b, const float *before, float *c,
                   size_t ldc, const float *bias, const void *ahead)
{
  (void)ahead;
  for (size_t i = 0; i < MR; i++) {
    float sum[NR] = {0};
    for (size_t k = 0; k < kc; k++)
      for (size_t j = 0; j < NR; j++)
        sum[j] = fmaf(a[k * MR + i], b[k * NR + j], sum[j]);
    for (size_t j = 0; j < NR; j++) {
      float value = before ? before[i * NR + j] + sum[j] : sum[j];
      c[i * ldc + j] = bias ? value + bias[j] : value;
    }
  }
}

const struct kernels kernels_scalar = {
    .name = "scalar",
    .isa = ISA_SCALAR,
    .mr = MR,
    .tiles = {{NR, 100, tile_c}},
    .pack = pack_c,
    .pack_streaming = pack_c,
    .pack_fence = pack_fence_c,
    .pack_transposed = pack_transposed_c,
    ROWS_TABLE(_c),
    ADJOINT_TABLE(_c),
};

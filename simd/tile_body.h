/* The register tile of the matrix product, written once; a file that includes this has defined the
 * tile's size and vector operations. Accumulation: each output is one chain of fused multiply-adds
 * over k ascending from +0; then c = S or c = before + S; then c + bias. Lanes run only across
 * columns.
 */
#include <stdbool.h>
#include <stddef.h>

/* gcc keeps the accumulators in registers only if every loop over them is unrolled. */
static void TILE_NAME(size_t kc, const float *a, const float *b, const float *before, float *c,
                      size_t ldc, const float *bias)
{
  TILE_VECTOR sum[TILE_MR][TILE_VECTORS];
#pragma GCC unroll 16
  for (int i = 0; i < TILE_MR; i++)
#pragma GCC unroll 4
    for (int v = 0; v < TILE_VECTORS; v++)
      sum[i][v] = TILE_ZERO();
#pragma GCC unroll 16
  for (int i = 0; i < TILE_MR; i++)
    __builtin_prefetch(c + (size_t)i * ldc, 1);
  for (size_t k = 0; k < kc; k++) {
    TILE_VECTOR column[TILE_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < TILE_VECTORS; v++)
      column[v] = TILE_LOAD(b + v * TILE_LANES);
#pragma GCC unroll 16
    for (int i = 0; i < TILE_MR; i++) {
      TILE_VECTOR row = TILE_BROADCAST(a + i);
#pragma GCC unroll 4
      for (int v = 0; v < TILE_VECTORS; v++)
        sum[i][v] = TILE_FMA(row, column[v], sum[i][v]);
    }
    a += TILE_MR;
    b += TILE_VECTORS * TILE_LANES;
  }
#pragma GCC unroll 16
  for (int i = 0; i < TILE_MR; i++)
#pragma GCC unroll 4
    for (int v = 0; v < TILE_VECTORS; v++) {
      float *out = c + (size_t)i * ldc + v * TILE_LANES;
      TILE_VECTOR value = sum[i][v];
      if (before)
        value = TILE_ADD(TILE_LOAD(before + (i * TILE_VECTORS + v) * TILE_LANES), value);
      if (bias)
        value = TILE_ADD(value, TILE_LOAD(bias + v * TILE_LANES));
      TILE_STORE(out, value);
    }
}

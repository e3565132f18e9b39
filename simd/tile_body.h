/* The register tile of the matrix product, written once; a file that includes this, once for each
 * width, has defined the tile's size and vector operations. Accumulation: each output is one chain
 * of fused multiply-adds over k ascending from +0; then c = S or c = before + S; then c + bias.
 * Lanes run only across columns.
 */
#include <stddef.h>

#ifndef TILE_FETCH_A
#define TILE_FETCH_A 256 /* floats of A fetched ahead: they come from the second-level cache */

/* One step of k: a row of B times a column of A. */
#define TILE_UPDATE()                                                                              \
  do {                                                                                             \
    TILE_VECTOR column[TILE_VECTORS];                                                              \
    _Pragma("GCC unroll 4") for (int v = 0; v < TILE_VECTORS; v++) column[v] =                     \
        TILE_LOAD(b + v * TILE_LANES);                                                             \
    _Pragma("GCC unroll 16") for (int i = 0; i < TILE_MR; i++)                                     \
    {                                                                                              \
      TILE_VECTOR row = TILE_BROADCAST(a + i);                                                     \
      _Pragma("GCC unroll 4") for (int v = 0; v < TILE_VECTORS; v++) sum[i][v] =                   \
          TILE_FMA(row, column[v], sum[i][v]);                                                     \
    }                                                                                              \
    a += TILE_MR;                                                                                  \
    b += TILE_VECTORS * TILE_LANES;                                                                \
  } while (0)
#endif

/* gcc keeps the accumulators in registers only if every loop over them is unrolled. */
static void TILE_NAME(size_t kc, const float *a, const float *b, const float *before, float *c,
                      size_t ldc, const float *bias, const void *ahead)
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
  const char *fetch = ahead;
  size_t k = 0;
  for (; k + TILE_STEP <= kc; k += TILE_STEP) {
    __builtin_prefetch(fetch, 0, 2);
    fetch += 64;
#pragma GCC unroll 8
    for (int line = 0; line < TILE_STEP * TILE_MR / 16; line++) {
      __builtin_prefetch(a + TILE_FETCH_A + 16 * line, 0, 3);
#ifdef TILE_FETCH_PANEL
      __builtin_prefetch(a + TILE_FETCH_PANEL + 16 * line, 0, 2);
#endif
    }
#pragma GCC unroll 16
    for (int step = 0; step < TILE_STEP; step++)
      TILE_UPDATE();
  }
  for (; k < kc; k++)
    TILE_UPDATE();
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

#undef TILE_VECTORS
#undef TILE_NAME

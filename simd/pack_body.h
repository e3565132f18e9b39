/* Packing by register transposes, written once; a file that includes this has defined, for
 * registers of PACK_W floats: PACK_VECTOR, PACK_ZERO(), PACK_LOAD(type, p) (PACK_W elements,
 * widened), PACK_STORE(p, x), PACK_FMA, PACK_TRANSPOSE(x) (in place, PACK_W x PACK_W) and
 * PACK_NAME, PACK_STEPS = how many registers of a row are read together (whole lines: rows are
 * often a power of two apart, and a line read by halves is evicted in between); and PACK_GROUPS =
 * how many groups of PACK_W rows are written together, with PACK_PUT(p, x).
 * Elements are moved and widened exactly; nothing is rounded. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifndef PACK_JOIN
#define PACK_FETCH 256 /* bytes of a row fetched ahead; more rows than a CPU follows by itself */
#define PACK_PASTE(a, b) a##b
#define PACK_JOIN(a, b) PACK_PASTE(a, b)
#endif

/* The last elements of a row, the rest zero. */
static PACK_VECTOR PACK_JOIN(PACK_NAME, _tail)(enum gemm_type type, const char *p, size_t count)
{
  float elements[PACK_W] = {0}; /* zero bits are zero in every type */
  memcpy(elements, p, count * gemm_type_size(type));
  return PACK_LOAD(type, (const char *)elements);
}

/* The last row of a panel narrower than the registers. */
static void PACK_JOIN(PACK_NAME, _last)(float *to, PACK_VECTOR x, int width)
{
  float lanes[PACK_W];
  PACK_STORE(lanes, x);
  memcpy(to, lanes, (size_t)width * sizeof *to);
}

/* Rows [k, k + PACK_W) of the panel, as far as it has them. */
static inline __attribute__((always_inline)) void
PACK_JOIN(PACK_NAME, _write)(PACK_VECTOR x[PACK_GROUPS][PACK_W], size_t k, size_t kc, int width,
                             float *out)
{
#pragma GCC unroll 4
  for (int group = 0; group < PACK_GROUPS; group++)
    PACK_TRANSPOSE(x[group]);
  float *to = out + k * (size_t)width;
#pragma GCC unroll 16
  for (size_t i = 0; i < PACK_W; i++)
    if (k + i < kc) {
      /* Narrow panels: a store spills into the next row, which is written after it. */
      if (width >= PACK_W || k + i + 1 < kc)
        for (int group = 0; group < PACK_GROUPS; group++)
          PACK_PUT(to + i * (size_t)width + group * PACK_W, x[group][i]);
      else
        PACK_JOIN(PACK_NAME, _last)(to + i * (size_t)width, x[0][i], width);
    }
}

static bool PACK_NAME(const enum gemm_type *types, const void *const *rows, int count, size_t k0,
                      size_t kc, int width, float *out)
{
  PACK_VECTOR check = PACK_ZERO(); /* x * 0 is NaN for an x that is not finite, and stays */
  for (int j0 = 0; j0 < width; j0 += PACK_W * PACK_GROUPS) {
    for (size_t k = 0; k < kc; k += PACK_W * PACK_STEPS) {
      PACK_VECTOR x[PACK_STEPS][PACK_GROUPS][PACK_W];
#pragma GCC unroll 32
      for (int j = 0; j < PACK_W * PACK_GROUPS; j++) {
        enum gemm_type type = j0 + j < count ? types[j0 + j] : GEMM_F32;
        size_t bytes = gemm_type_size(type);
        const char *row = j0 + j < count ? (const char *)rows[j0 + j] + (k0 + k) * bytes : NULL;
        if (row)
          __builtin_prefetch(row + PACK_FETCH, 0, 2);
#pragma GCC unroll 2
        for (size_t step = 0; step < PACK_STEPS; step++) {
          size_t at = k + step * PACK_W;
          PACK_VECTOR values = PACK_ZERO();
          if (row && at < kc)
            values = kc - at >= PACK_W
                         ? PACK_LOAD(type, row + step * PACK_W * bytes)
                         : PACK_JOIN(PACK_NAME, _tail)(type, row + step * PACK_W * bytes, kc - at);
          check = PACK_FMA(values, PACK_ZERO(), check);
          x[step][j / PACK_W][j % PACK_W] = values;
        }
      }
      for (size_t step = 0; step < PACK_STEPS && k + step * PACK_W < kc; step++)
        PACK_JOIN(PACK_NAME, _write)(x[step], k + step * PACK_W, kc, width, out + j0);
    }
  }
  float lanes[PACK_W];
  bool finite = true;
  PACK_STORE(lanes, check);
  for (int i = 0; i < PACK_W; i++)
    finite &= lanes[i] == 0.0f;
  return finite;
}

#undef PACK_NAME
#undef PACK_STEPS
#undef PACK_GROUPS
#undef PACK_PUT

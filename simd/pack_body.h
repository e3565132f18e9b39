/* Packing by register transposes, written once; a file that includes this has defined, for
 * registers of PACK_W floats: PACK_VECTOR, PACK_ZERO(), PACK_LOAD(type, p) (PACK_W elements,
 * widened), PACK_STORE(p, x), PACK_FMA, PACK_TRANSPOSE(x) (in place, PACK_W x PACK_W) and
 * PACK_NAME. Elements are moved and widened exactly; nothing is rounded. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define PACK_FETCH 256 /* bytes of a row fetched ahead; more rows than a CPU follows by itself */
#define PACK_PASTE(a, b) a##b
#define PACK_JOIN(a, b) PACK_PASTE(a, b)

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
PACK_JOIN(PACK_NAME, _write)(PACK_VECTOR x[PACK_W], size_t k, size_t kc, int width, float *out)
{
  PACK_TRANSPOSE(x);
  float *to = out + k * (size_t)width;
#pragma GCC unroll 16
  for (size_t i = 0; i < PACK_W; i++)
    if (k + i < kc) {
      /* Narrow panels: a store spills into the next row, which is written after it. */
      if (width >= PACK_W || k + i + 1 < kc)
        PACK_STORE(to + i * (size_t)width, x[i]);
      else
        PACK_JOIN(PACK_NAME, _last)(to + i * (size_t)width, x[i], width);
    }
}

static bool PACK_NAME(const enum gemm_type *types, const void *const *rows, int count, size_t k0,
                      size_t kc, int width, float *out)
{
  /* x * 0 is NaN for an x that is not finite, and stays; a chain for each row of a block. */
  PACK_VECTOR check[PACK_W];
  for (int j = 0; j < PACK_W; j++)
    check[j] = PACK_ZERO();
  for (int j0 = 0; j0 < width; j0 += PACK_W)
    for (size_t k = 0; k < kc; k += PACK_W) {
      PACK_VECTOR x[PACK_W];
#pragma GCC unroll 16
      for (int j = 0; j < PACK_W; j++) {
        x[j] = PACK_ZERO();
        if (j0 + j < count) {
          enum gemm_type type = types[j0 + j];
          const char *row = (const char *)rows[j0 + j] + (k0 + k) * gemm_type_size(type);
          __builtin_prefetch(row + PACK_FETCH, 0, 2);
          x[j] = kc - k >= PACK_W ? PACK_LOAD(type, row)
                                  : PACK_JOIN(PACK_NAME, _tail)(type, row, kc - k);
        }
        check[j] = PACK_FMA(x[j], PACK_ZERO(), check[j]);
      }
      PACK_JOIN(PACK_NAME, _write)(x, k, kc, width, out + j0);
    }
  bool finite = true;
  for (int j = 0; j < PACK_W; j++) {
    float lanes[PACK_W];
    PACK_STORE(lanes, check[j]);
    for (int i = 0; i < PACK_W; i++)
      finite &= lanes[i] == 0.0f;
  }
  return finite;
}

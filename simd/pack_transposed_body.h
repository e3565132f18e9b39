/* Packing of an operand that is stored the other way round, written once; a file that includes this
 * has defined, for registers of ROW_W floats (a divisor of every panel's width): ROW_VECTOR,
 * ROW_ZERO(), ROW_LOAD(type, p) (ROW_W elements, widened), ROW_STORE(p, x), ROW_FMA and ROW_NAME.
 * Nothing is transposed here: a row of the panel is a piece of a row as stored. */
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Elements [0, count) of a row; the rest of the panel is zero. */
static inline __attribute__((always_inline)) ROW_VECTOR
PACK_JOIN(ROW_NAME, _load)(enum gemm_type type, const char *p, int count)
{
  if (count >= ROW_W)
    return ROW_LOAD(type, p);
  float elements[ROW_W] = {0}; /* zero bits are zero in every type */
  if (count > 0)
    memcpy(elements, p, (size_t)count * gemm_type_size(type));
  return ROW_LOAD(type, (const char *)elements);
}

/* Row k of a panel, of which `count` columns are there. */
static inline __attribute__((always_inline)) ROW_VECTOR
PACK_JOIN(ROW_NAME, _row)(enum gemm_type type, const char *x, int count, int width, float *out,
                          ROW_VECTOR check)
{
  for (int j = 0; j < width; j += ROW_W) {
    ROW_VECTOR row =
        PACK_JOIN(ROW_NAME, _load)(type, x + (size_t)j * gemm_type_size(type), count - j);
    check = ROW_FMA(row, ROW_ZERO(), check);
    ROW_STORE(out + j, row);
  }
  return check;
}

/* x * 0 is NaN for an x that is not finite, and stays. Four rows at a time: one chain of checks
 * would be the bound. */
static inline __attribute__((always_inline)) bool
PACK_JOIN(ROW_NAME, _panel)(enum gemm_type type, const char *x, size_t stride, int count, size_t kc,
                            int width, float *out)
{
  size_t step = stride * gemm_type_size(type), k = 0;
  ROW_VECTOR check[4] = {ROW_ZERO(), ROW_ZERO(), ROW_ZERO(), ROW_ZERO()};
  for (; k + 4 <= kc; k += 4, x += 4 * step, out += 4 * width)
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) check[i] = PACK_JOIN(ROW_NAME, _row)(
        type, x + (size_t)i * step, count, width, out + i * width, check[i]);
  for (; k < kc; k++, x += step, out += width)
    check[0] = PACK_JOIN(ROW_NAME, _row)(type, x, count, width, out, check[0]);
  float lanes[ROW_W];
  bool finite = true;
  for (int i = 0; i < 4; i++) {
    ROW_STORE(lanes, check[i]);
    for (int l = 0; l < ROW_W; l++)
      finite &= lanes[l] == 0.0f;
  }
  return finite;
}

/* A loop of its own for each type. */
static bool ROW_NAME(enum gemm_type type, const void *x, size_t stride, int count, size_t kc,
                     int width, float *out)
{
  if (type == GEMM_F32 && count == width && width == 8) /* most panels */
    return PACK_JOIN(ROW_NAME, _panel)(GEMM_F32, x, stride, INT_MAX, kc, 8, out);
  if (type == GEMM_F32 && count == width && width == 32)
    return PACK_JOIN(ROW_NAME, _panel)(GEMM_F32, x, stride, INT_MAX, kc, 32, out);
  if (type == GEMM_F32 && count == width)
    return PACK_JOIN(ROW_NAME, _panel)(GEMM_F32, x, stride, INT_MAX, kc, width, out);
  if (type == GEMM_F32)
    return PACK_JOIN(ROW_NAME, _panel)(GEMM_F32, x, stride, count, kc, width, out);
  if (type == GEMM_BF16)
    return PACK_JOIN(ROW_NAME, _panel)(GEMM_BF16, x, stride, count, kc, width, out);
  return PACK_JOIN(ROW_NAME, _panel)(GEMM_F16, x, stride, count, kc, width, out);
}

#undef ROW_W
#undef ROW_VECTOR
#undef ROW_ZERO
#undef ROW_LOAD
#undef ROW_STORE
#undef ROW_FMA
#undef ROW_NAME

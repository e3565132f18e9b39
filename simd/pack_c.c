#include "pack_c.h"

#include <string.h>

static uint32_t widen_f16(uint16_t half)
{
  uint32_t sign = (uint32_t)(half & 0x8000u) << 16, magnitude = half & 0x7FFFu, bits;
  /* The exponent is rebiased by an exact product, which also normalises subnormal halves. */
  float value;
  bits = magnitude << 13;
  memcpy(&value, &bits, sizeof value);
  value *= 0x1p112f;
  memcpy(&bits, &value, sizeof bits);
  if (magnitude >= 0x7C00u)
    bits = 0x7F800000u | magnitude << 13;
  return sign | bits;
}

bool widen_c(enum gemm_type type, const void *from, size_t n, float *to)
{
  const unsigned char *bytes = from;
  uint32_t nonfinite = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    if (type == GEMM_F32) {
      memcpy(&bits, bytes + 4 * i, 4);
    } else {
      uint16_t half;
      memcpy(&half, bytes + 2 * i, 2);
      bits = type == GEMM_BF16 ? (uint32_t)half << 16 : widen_f16(half);
    }
    nonfinite |= (bits & 0x7F800000u) == 0x7F800000u;
    memcpy(to + i, &bits, 4);
  }
  return !nonfinite;
}

bool pack_c(const enum gemm_type *types, const void *const *rows, int count, size_t k0, size_t kc,
            int width, float *out)
{
  bool finite = true;
  float row[GEMM_BLOCK];
  memset(out, 0, kc * (size_t)width * sizeof *out);
  for (int j = 0; j < count; j++) {
    const char *from = (const char *)rows[j] + k0 * gemm_type_size(types[j]);
    finite &= widen_c(types[j], from, kc, row);
    for (size_t k = 0; k < kc; k++)
      out[k * (size_t)width + (size_t)j] = row[k];
  }
  return finite;
}

bool pack_transposed_c(enum gemm_type type, const void *x, size_t stride, int count, size_t kc,
                       int width, float *out)
{
  bool finite = true;
  memset(out, 0, kc * (size_t)width * sizeof *out);
  for (size_t k = 0; k < kc; k++) {
    const char *row = (const char *)x + k * stride * gemm_type_size(type);
    finite &= widen_c(type, row, (size_t)count, out + k * (size_t)width);
  }
  return finite;
}

void pack_fence_c(void)
{
}

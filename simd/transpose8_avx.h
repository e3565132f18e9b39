/* Packing with 8 x 8 transposes in 256-bit registers, for AVX2 and for the narrow panels of
 * AVX-512; PACK_W and what goes with it stay defined for the includer. Every CPU with AVX2 has
 * F16C. */
#include "kernels.h"

#include <immintrin.h>

static inline __m256 load8_avx(enum gemm_type type, const char *p)
{
  if (type == GEMM_F32)
    return _mm256_loadu_ps((const float *)(const void *)p);
  __m128i half = _mm_loadu_si128((const __m128i *)(const void *)p);
  if (type == GEMM_F16)
    return _mm256_cvtph_ps(half);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

static inline void transpose8_avx(__m256 x[8])
{
  __m256 t[8], u[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    u[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    u[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
    u[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    u[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
  }
  for (int i = 0; i < 4; i++) {
    x[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
    x[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
  }
}

#define PACK_W 8
#define PACK_VECTOR __m256
#define PACK_ZERO() _mm256_setzero_ps()
#define PACK_LOAD(type, p) load8_avx(type, p)
#define PACK_STORE(p, x) _mm256_storeu_ps(p, x)
#define PACK_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define PACK_TRANSPOSE(x) transpose8_avx(x)

#define PACK_NAME pack_avx_8
#define PACK_STEPS 1
#define PACK_GROUPS 1
#define PACK_PUT(p, x) PACK_STORE(p, x)
#include "pack_body.h"

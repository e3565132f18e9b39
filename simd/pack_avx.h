/* Packing in 256-bit registers, for AVX2 and AVX-512: a memory-bound job, which wider registers do
 * not hasten. Every CPU with AVX2 has F16C. Elements are moved and widened exactly. */
#include "kernels.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

INLINE __m256 widen8_avx(enum gemm_type type, __m128i half)
{
  if (type == GEMM_F16)
    return _mm256_cvtph_ps(half);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

static inline __m256 load8_avx(enum gemm_type type, const char *p)
{
  if (type == GEMM_F32)
    return _mm256_loadu_ps((const float *)(const void *)p);
  return widen8_avx(type, _mm_loadu_si128((const __m128i *)(const void *)p));
}

/* 4 x 4 within each half. */
INLINE void transpose4_avx(__m256 x[4])
{
  __m256 low01 = _mm256_unpacklo_ps(x[0], x[1]), high01 = _mm256_unpackhi_ps(x[0], x[1]);
  __m256 low23 = _mm256_unpacklo_ps(x[2], x[3]), high23 = _mm256_unpackhi_ps(x[2], x[3]);
  x[0] = _mm256_shuffle_ps(low01, low23, 0x44);
  x[1] = _mm256_shuffle_ps(low01, low23, 0xEE);
  x[2] = _mm256_shuffle_ps(high01, high23, 0x44);
  x[3] = _mm256_shuffle_ps(high01, high23, 0xEE);
}

INLINE void transpose8_avx(__m256 x[8])
{
  transpose4_avx(x);
  transpose4_avx(x + 4);
  for (int i = 0; i < 4; i++) {
    __m256 upper = x[i], lower = x[i + 4];
    x[i] = _mm256_permute2f128_ps(upper, lower, 0x20);
    x[i + 4] = _mm256_permute2f128_ps(upper, lower, 0x31);
  }
}

#define PACK_W 8
#define PACK_VECTOR __m256
#define PACK_ZERO() _mm256_setzero_ps()
#define PACK_LOAD(type, p) load8_avx(type, p)
#define PACK_STORE(p, x) _mm256_storeu_ps(p, x)
#define PACK_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define PACK_TRANSPOSE(x) transpose8_avx(x)
#define PACK_NAME pack_any_avx
#include "pack_body.h"

#define ROW_W 8
#define ROW_VECTOR __m256
#define ROW_ZERO() _mm256_setzero_ps()
#define ROW_LOAD(type, p) load8_avx(type, p)
#define ROW_STORE(p, x) _mm256_storeu_ps(p, x)
#define ROW_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define ROW_NAME pack_transposed8_avx
#include "pack_transposed_body.h"

/* x * 0 is NaN for an x that is not finite, and stays. Four chains: one would be the bound. */
INLINE void check4_avx(const __m256 x[4], __m256 check[4])
{
  for (int i = 0; i < 4; i++)
    check[i] = _mm256_fmadd_ps(x[i], _mm256_setzero_ps(), check[i]);
}

INLINE bool checked_avx(const __m256 check[4])
{
  __m256 sum = _mm256_add_ps(_mm256_add_ps(check[0], check[1]), _mm256_add_ps(check[2], check[3]));
  return _mm256_movemask_ps(_mm256_cmp_ps(sum, _mm256_setzero_ps(), _CMP_EQ_OQ)) == 0xFF;
}

INLINE void put8_avx(float *p, __m256 x, bool streaming)
{
  if (streaming)
    _mm256_stream_ps(p, x);
  else
    _mm256_storeu_ps(p, x);
}

/* Four elements of each of eight rows, from byte `at` on: x[i] = element i of all rows. */
INLINE void four_of_eight_avx(enum gemm_type type, const char *const *rows, size_t at, __m256 x[4])
{
  for (int i = 0; i < 4; i++) {
    const void *upper = rows[i] + at, *lower = rows[i + 4] + at;
    if (type == GEMM_F32)
      x[i] =
          _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(upper)), _mm_loadu_ps(lower), 1);
    else
      x[i] = widen8_avx(type, _mm_unpacklo_epi64(_mm_loadl_epi64(upper), _mm_loadl_epi64(lower)));
  }
}

/* Whole panels of rows of one type, kc a multiple of what a line holds. Rows are often a power of
 * two apart and so share a set of the first cache: a line is read whole before the next eight rows
 * evict it. What goes past the caches is put together nearby first, because it must leave line by
 * line. */
INLINE bool pack_panel_avx(enum gemm_type type, const char *const *rows, size_t k0, size_t kc,
                           int width, float *out, bool streaming)
{
  _Alignas(64) float nearby[32 * GEMM_MAX_NR];
  size_t size = gemm_type_size(type), step = 64 / size, columns = (size_t)width;
  __m256 check[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                     _mm256_setzero_ps()};
  for (size_t k = k0; k < k0 + kc; k += step, out += step * columns) {
    float *to = streaming && width > 8 ? nearby : out;
    for (size_t j = 0; j < columns; j += 8) {
      for (int i = 0; i < 8; i++)
        __builtin_prefetch(rows[j + (size_t)i] + k * size + PACK_FETCH, 0, 2);
      for (size_t s = 0; s < step; s += 4) {
        __m256 x[4];
        four_of_eight_avx(type, rows + j, (k + s) * size, x);
        check4_avx(x, check);
        transpose4_avx(x);
        for (size_t i = 0; i < 4; i++)
          put8_avx(to + (s + i) * columns + j, x[i], streaming && width == 8);
      }
    }
    for (size_t i = 0; to == nearby && i < step * columns; i += 8)
      put8_avx(out + i, _mm256_load_ps(nearby + i), true);
  }
  return checked_avx(check);
}

/* Panels of `width` rows, a constant that is a multiple of eight. */
INLINE bool pack_avx(const enum gemm_type *types, const void *const *rows, int count, size_t k0,
                     size_t kc, int width, float *out, bool streaming)
{
  const char *bytes[GEMM_MAX_NR];
  bool whole = count == width && kc % (64 / gemm_type_size(types[0])) == 0;
  for (int j = 0; j < count; j++) {
    whole &= types[j] == types[0];
    bytes[j] = rows[j];
  }
  if (!whole)
    return pack_any_avx(types, rows, count, k0, kc, width, out);
  if (types[0] == GEMM_F32)
    return pack_panel_avx(GEMM_F32, bytes, k0, kc, width, out, streaming);
  if (types[0] == GEMM_BF16)
    return pack_panel_avx(GEMM_BF16, bytes, k0, kc, width, out, streaming);
  return pack_panel_avx(GEMM_F16, bytes, k0, kc, width, out, streaming);
}

static void fence_avx(void)
{
  _mm_sfence();
}

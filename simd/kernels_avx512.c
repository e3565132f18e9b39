/* AVX-512F: sixteen lanes are one register. Tiles 8 x 48, 8 x 32 and 8 x 16. */
#include "kernels.h"

#include <immintrin.h>
#include <sleef.h>

typedef __m512 v16;

static inline v16 v16_set1(float x)
{
  return _mm512_set1_ps(x);
}
static inline v16 v16_load(const float *p)
{
  return _mm512_loadu_ps(p);
}
static inline v16 v16_load_part(const float *p, size_t n, v16 fill)
{
  return _mm512_mask_loadu_ps(fill, (__mmask16)((1u << n) - 1), p);
}
static inline void v16_store(float *p, v16 x)
{
  _mm512_storeu_ps(p, x);
}
static inline void v16_store_part(float *p, size_t n, v16 x)
{
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), x);
}
static inline v16 v16_add(v16 a, v16 b)
{
  return _mm512_add_ps(a, b);
}
static inline v16 v16_sub(v16 a, v16 b)
{
  return _mm512_sub_ps(a, b);
}
static inline v16 v16_mul(v16 a, v16 b)
{
  return _mm512_mul_ps(a, b);
}
static inline v16 v16_div(v16 a, v16 b)
{
  return _mm512_div_ps(a, b);
}
static inline v16 v16_fma(v16 a, v16 b, v16 c)
{
  return _mm512_fmadd_ps(a, b, c);
}
static inline v16 v16_fms(v16 a, v16 b, v16 c)
{
  return _mm512_fmsub_ps(a, b, c);
}
static inline v16 v16_max(v16 a, v16 b)
{
  return _mm512_max_ps(a, b);
}
static inline v16 v16_clip(v16 x, v16 low, v16 high)
{
  return _mm512_max_ps(low, _mm512_min_ps(high, x)); /* a NaN in x passes through both */
}
static inline v16 v16_sqrt(v16 x)
{
  return _mm512_sqrt_ps(x);
}
static inline v16 v16_within(v16 x, v16 low, v16 high, v16 y)
{
  __mmask16 inside = _mm512_cmp_ps_mask(x, low, _CMP_GE_OQ);
  return _mm512_maskz_mov_ps(_mm512_mask_cmp_ps_mask(inside, x, high, _CMP_LE_OQ), y);
}
static inline v16 v16_exp(v16 x)
{
  return Sleef_finz_expf16_u10avx512f(x);
}
static inline v16 v16_erf(v16 x)
{
  return Sleef_finz_erff16_u10avx512f(x);
}
static inline v16 v16_tanh(v16 x)
{
  return Sleef_finz_tanhf16_u10avx512f(x);
}
static inline float v16_fold_sum(v16 x)
{
  __m256 h = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
static inline float v16_fold_max(v16 x)
{
  return _mm512_reduce_max_ps(x);
}

#define ROWS(name) name##_avx512
#include "rows_body.h"

#include "adjoint_body.h"

#include "lanes_body.h"

#define TILE_MR 8
#define TILE_LANES 16
#define TILE_STEP 4 /* of k, a line fetched ahead each */
#define TILE_VECTOR __m512
#define TILE_ZERO() _mm512_setzero_ps()
#define TILE_LOAD(p) _mm512_loadu_ps(p)
#define TILE_STORE(p, x) _mm512_storeu_ps(p, x)
#define TILE_BROADCAST(p) _mm512_set1_ps(*(p))
#define TILE_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define TILE_ADD(a, b) _mm512_add_ps(a, b)
#define TILE_VECTORS 3
#define TILE_NAME tile_avx512_8x48
#include "tile_body.h"
#define TILE_VECTORS 2
#define TILE_NAME tile_avx512_8x32
#include "tile_body.h"
#define TILE_VECTORS 1
#define TILE_NAME tile_avx512_8x16
#include "tile_body.h"

#include "pack_avx.h"

static bool pack_avx512(const enum gemm_type *types, const void *const *rows, int count, size_t k0,
                        size_t kc, int width, float *out)
{
  return width == TILE_MR ? pack_avx(types, rows, count, k0, kc, TILE_MR, out, false)
         : width == 48    ? pack_avx(types, rows, count, k0, kc, 48, out, false)
         : width == 32    ? pack_avx(types, rows, count, k0, kc, 32, out, false)
                          : pack_avx(types, rows, count, k0, kc, 16, out, false);
}

static bool pack_streaming_avx512(const enum gemm_type *types, const void *const *rows, int count,
                                  size_t k0, size_t kc, int width, float *out)
{
  return width == TILE_MR ? pack_avx(types, rows, count, k0, kc, TILE_MR, out, true)
         : width == 48    ? pack_avx(types, rows, count, k0, kc, 48, out, true)
         : width == 32    ? pack_avx(types, rows, count, k0, kc, 32, out, true)
                          : pack_avx(types, rows, count, k0, kc, 16, out, true);
}

const struct kernels kernels_avx512 = {
    .name = "avx512",
    .isa = ISA_AVX512,
    .mr = TILE_MR,
    .tiles = {{48, 100, tile_avx512_8x48},
              {32, 102, tile_avx512_8x32},
              {16, 103, tile_avx512_8x16}},
    .pack = pack_avx512,
    .pack_streaming = pack_streaming_avx512,
    .pack_fence = fence_avx,
    .pack_transposed = pack_transposed8_avx,
    ROWS_TABLE(_avx512),
    ADJOINT_TABLE(_avx512),
};

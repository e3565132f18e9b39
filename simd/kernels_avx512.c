/* AVX-512F: sixteen lanes are one register. Tile 8 x 48. */
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

#define TILE_MR 8
#define TILE_VECTORS 3
#define TILE_LANES 16
#define TILE_STEP 4 /* of k, a line fetched ahead each */
#define TILE_VECTOR __m512
#define TILE_ZERO() _mm512_setzero_ps()
#define TILE_LOAD(p) _mm512_loadu_ps(p)
#define TILE_STORE(p, x) _mm512_storeu_ps(p, x)
#define TILE_BROADCAST(p) _mm512_set1_ps(*(p))
#define TILE_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define TILE_ADD(a, b) _mm512_add_ps(a, b)
#define TILE_NAME tile_avx512_8x48
#include "tile_body.h"

#include "transpose8_avx.h"

/* Whole lines past the caches. */
#define PACK_NAME pack_far_avx_8
#define PACK_STEPS 1
#define PACK_GROUPS 1
#define PACK_PUT(p, x) _mm256_stream_ps(p, x)
#include "pack_body.h"

static inline __m512 load16(enum gemm_type type, const char *p)
{
  if (type == GEMM_F32)
    return _mm512_loadu_ps(p);
  __m256i half = _mm256_loadu_si256((const __m256i *)(const void *)p);
  if (type == GEMM_F16)
    return _mm512_cvtph_ps(half);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* 16 x 16 in four rounds: pairs, quads, then 128-bit lanes twice. */
static inline void transpose16(__m512 x[16])
{
  __m512 t[16], u[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    u[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    u[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
    u[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    u[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    __m512 a = _mm512_shuffle_f32x4(u[i], u[i + 4], 0x88);
    __m512 b = _mm512_shuffle_f32x4(u[i + 8], u[i + 12], 0x88);
    __m512 c = _mm512_shuffle_f32x4(u[i], u[i + 4], 0xDD);
    __m512 d = _mm512_shuffle_f32x4(u[i + 8], u[i + 12], 0xDD);
    x[i] = _mm512_shuffle_f32x4(a, b, 0x88);
    x[i + 8] = _mm512_shuffle_f32x4(a, b, 0xDD);
    x[i + 4] = _mm512_shuffle_f32x4(c, d, 0x88);
    x[i + 12] = _mm512_shuffle_f32x4(c, d, 0xDD);
  }
}

#undef PACK_W
#undef PACK_VECTOR
#undef PACK_ZERO
#undef PACK_LOAD
#undef PACK_STORE
#undef PACK_FMA
#undef PACK_TRANSPOSE
#define PACK_W 16
#define PACK_VECTOR __m512
#define PACK_ZERO() _mm512_setzero_ps()
#define PACK_LOAD(type, p) load16(type, p)
#define PACK_STORE(p, x) _mm512_storeu_ps(p, x)
#define PACK_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define PACK_TRANSPOSE(x) transpose16(x)

#define PACK_NAME pack_avx512_16
#define PACK_STEPS 1
#define PACK_GROUPS 1
#define PACK_PUT(p, x) PACK_STORE(p, x)
#include "pack_body.h"

/* Whole lines past the caches. */
#define PACK_NAME pack_far_avx512_16
#define PACK_STEPS 1
#define PACK_GROUPS 1
#define PACK_PUT(p, x) _mm512_stream_ps(p, x)
#include "pack_body.h"

static bool pack_avx512(const enum gemm_type *types, const void *const *rows, int count, size_t k0,
                        size_t kc, int width, float *out)
{
  return width % 16 ? pack_avx_8(types, rows, count, k0, kc, width, out)
                    : pack_avx512_16(types, rows, count, k0, kc, width, out);
}

static bool pack_far_avx512(const enum gemm_type *types, const void *const *rows, int count,
                            size_t k0, size_t kc, int width, float *out)
{
  return width % 16 ? pack_far_avx_8(types, rows, count, k0, kc, width, out)
                    : pack_far_avx512_16(types, rows, count, k0, kc, width, out);
}

static void settle(void)
{
  _mm_sfence();
}

const struct kernels kernels_avx512 = {
    .name = "avx512",
    .isa = ISA_AVX512,
    .mr = TILE_MR,
    .nr = TILE_VECTORS * TILE_LANES,
    .tile = tile_avx512_8x48,
    .pack = pack_avx512,
    .pack_far = pack_far_avx512,
    .pack_settle = settle,
    ROWS_TABLE(_avx512),
};

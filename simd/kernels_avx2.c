/* AVX2 + FMA: sixteen lanes are two registers. Tiles 4 x 24 and 4 x 16; of the first: seven loads
 * for twelve fused multiply-adds, where 6 x 16 takes eight. */
#include "kernels.h"

#include <immintrin.h>
#include <sleef.h>

typedef struct {
  __m256 a, b; /* lanes 0-7 and 8-15 */
} v16;

#define EACH1(op, x) ((v16){op((x).a), op((x).b)})
#define EACH2(op, x, y) ((v16){op((x).a, (y).a), op((x).b, (y).b)})
#define EACH3(op, x, y, z) ((v16){op((x).a, (y).a, (z).a), op((x).b, (y).b, (z).b)})

static inline v16 v16_set1(float x)
{
  return (v16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
static inline v16 v16_load(const float *p)
{
  return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
static inline void v16_store(float *p, v16 x)
{
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
#include "v16_part.h"

static inline v16 v16_add(v16 x, v16 y)
{
  return EACH2(_mm256_add_ps, x, y);
}
static inline v16 v16_sub(v16 x, v16 y)
{
  return EACH2(_mm256_sub_ps, x, y);
}
static inline v16 v16_mul(v16 x, v16 y)
{
  return EACH2(_mm256_mul_ps, x, y);
}
static inline v16 v16_div(v16 x, v16 y)
{
  return EACH2(_mm256_div_ps, x, y);
}
static inline v16 v16_fma(v16 x, v16 y, v16 z)
{
  return EACH3(_mm256_fmadd_ps, x, y, z);
}
static inline v16 v16_fms(v16 x, v16 y, v16 z)
{
  return EACH3(_mm256_fmsub_ps, x, y, z);
}
static inline v16 v16_max(v16 x, v16 y)
{
  return EACH2(_mm256_max_ps, x, y);
}
static inline v16 v16_min(v16 x, v16 y)
{
  return EACH2(_mm256_min_ps, x, y);
}
static inline v16 v16_clip(v16 x, v16 low, v16 high)
{
  return v16_max(low, v16_min(high, x)); /* a NaN in x passes through both */
}
static inline v16 v16_sqrt(v16 x)
{
  return EACH1(_mm256_sqrt_ps, x);
}
static inline __m256 within(__m256 x, __m256 low, __m256 high, __m256 y)
{
  __m256 inside =
      _mm256_and_ps(_mm256_cmp_ps(x, low, _CMP_GE_OQ), _mm256_cmp_ps(x, high, _CMP_LE_OQ));
  return _mm256_and_ps(inside, y);
}
static inline v16 v16_within(v16 x, v16 low, v16 high, v16 y)
{
  return (v16){within(x.a, low.a, high.a, y.a), within(x.b, low.b, high.b, y.b)};
}
static inline v16 v16_exp(v16 x)
{
  return EACH1(Sleef_finz_expf8_u10avx2, x);
}
static inline v16 v16_erf(v16 x)
{
  return EACH1(Sleef_finz_erff8_u10avx2, x);
}
static inline v16 v16_tanh(v16 x)
{
  return EACH1(Sleef_finz_tanhf8_u10avx2, x);
}
static inline float v16_fold_sum(v16 x)
{
  __m256 h = _mm256_add_ps(x.a, x.b);
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
static inline float v16_fold_max(v16 x)
{
  __m256 h = _mm256_max_ps(x.a, x.b);
  __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

#define ROWS(name) name##_avx2
#include "rows_body.h"

#include "adjoint_body.h"

#include "lanes_body.h"

#define TILE_MR 4
#define TILE_LANES 8
#define TILE_STEP 16                     /* of k, a line fetched ahead each */
#define TILE_FETCH_PANEL (256 * TILE_MR) /* the next panel of A may be in memory */
#define TILE_VECTOR __m256
#define TILE_ZERO() _mm256_setzero_ps()
#define TILE_LOAD(p) _mm256_loadu_ps(p)
#define TILE_STORE(p, x) _mm256_storeu_ps(p, x)
#define TILE_BROADCAST(p) _mm256_broadcast_ss(p)
#define TILE_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define TILE_ADD(a, b) _mm256_add_ps(a, b)
#define TILE_VECTORS 3
#define TILE_NAME tile_avx2_4x24
#include "tile_body.h"
#define TILE_VECTORS 2
#define TILE_NAME tile_avx2_4x16
#include "tile_body.h"

#include "pack_avx.h"

static inline __m128 load4_avx(enum gemm_type type, const char *p)
{
  if (type == GEMM_F32)
    return _mm_loadu_ps((const float *)(const void *)p);
  __m128i half = _mm_loadl_epi64((const __m128i *)(const void *)p);
  if (type == GEMM_F16)
    return _mm_cvtph_ps(half);
  return _mm_castsi128_ps(_mm_slli_epi32(_mm_cvtepu16_epi32(half), 16));
}

#define ROW_W 4
#define ROW_VECTOR __m128
#define ROW_ZERO() _mm_setzero_ps()
#define ROW_LOAD(type, p) load4_avx(type, p)
#define ROW_STORE(p, x) _mm_storeu_ps(p, x)
#define ROW_FMA(a, b, c) _mm_fmadd_ps(a, b, c)
#define ROW_NAME pack_transposed4_avx
#include "pack_transposed_body.h"

/* Panels of four fp32 rows: eight elements of each become eight rows of four, two to a register. */
INLINE bool pack4(const void *const *rows, size_t k0, size_t kc, float *out, bool streaming)
{
  __m256 check[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                     _mm256_setzero_ps()};
  for (size_t k = k0; k < k0 + kc; k += 8, out += 32) {
    __m256 x[4];
    for (int j = 0; j < 4; j++)
      x[j] = load8_avx(GEMM_F32, (const char *)rows[j] + k * sizeof(float));
    check4_avx(x, check);
    transpose4_avx(x); /* elements 0 and 4, 1 and 5, 2 and 6, 3 and 7 */
    put8_avx(out, _mm256_permute2f128_ps(x[0], x[1], 0x20), streaming);
    put8_avx(out + 8, _mm256_permute2f128_ps(x[2], x[3], 0x20), streaming);
    put8_avx(out + 16, _mm256_permute2f128_ps(x[0], x[1], 0x31), streaming);
    put8_avx(out + 24, _mm256_permute2f128_ps(x[2], x[3], 0x31), streaming);
  }
  return checked_avx(check);
}

/* Rows of operand A are fp32. */
INLINE bool pack_rows4(const enum gemm_type *types, const void *const *rows, int count, size_t k0,
                       size_t kc, float *out, bool streaming)
{
  bool whole = count == 4 && kc % 8 == 0;
  for (int j = 0; j < count; j++)
    whole &= types[j] == GEMM_F32;
  return whole ? pack4(rows, k0, kc, out, streaming)
               : pack_any_avx(types, rows, count, k0, kc, 4, out);
}

static bool pack_avx2(const enum gemm_type *types, const void *const *rows, int count, size_t k0,
                      size_t kc, int width, float *out)
{
  return width == TILE_MR ? pack_rows4(types, rows, count, k0, kc, out, false)
         : width == 24    ? pack_avx(types, rows, count, k0, kc, 24, out, false)
                          : pack_avx(types, rows, count, k0, kc, 16, out, false);
}

static bool pack_streaming_avx2(const enum gemm_type *types, const void *const *rows, int count,
                                size_t k0, size_t kc, int width, float *out)
{
  return width == TILE_MR ? pack_rows4(types, rows, count, k0, kc, out, true)
         : width == 24    ? pack_avx(types, rows, count, k0, kc, 24, out, true)
                          : pack_avx(types, rows, count, k0, kc, 16, out, true);
}

/* Panels of operand A are half a register wide. */
static bool pack_transposed_avx2(enum gemm_type type, const void *x, size_t stride, int count,
                                 size_t kc, int width, float *out)
{
  return width % 8 ? pack_transposed4_avx(type, x, stride, count, kc, width, out)
                   : pack_transposed8_avx(type, x, stride, count, kc, width, out);
}

const struct kernels kernels_avx2 = {
    .name = "avx2",
    .isa = ISA_AVX2,
    .mr = TILE_MR,
    .tiles = {{24, 100, tile_avx2_4x24}, {16, 111, tile_avx2_4x16}},
    .pack = pack_avx2,
    .pack_streaming = pack_streaming_avx2,
    .pack_fence = fence_avx,
    .pack_transposed = pack_transposed_avx2,
    ROWS_TABLE(_avx2),
    ADJOINT_TABLE(_avx2),
};

/* NEON (AArch64): sixteen lanes are four registers. Tiles 8 x 12 and 8 x 8. */
#include "kernels.h"
#include "pack_c.h"

#include <arm_neon.h>
#include <sleef.h>

typedef float32x4x4_t v16;

#define EACH(expression)                                                                           \
  v16 out;                                                                                         \
  for (int i = 0; i < 4; i++)                                                                      \
    out.val[i] = (expression);                                                                     \
  return out

static inline v16 v16_set1(float x)
{
  EACH(vdupq_n_f32(x));
}
static inline v16 v16_load(const float *p)
{
  EACH(vld1q_f32(p + 4 * i));
}
static inline void v16_store(float *p, v16 x)
{
  for (int i = 0; i < 4; i++)
    vst1q_f32(p + 4 * i, x.val[i]);
}
#include "v16_part.h"

static inline v16 v16_add(v16 x, v16 y)
{
  EACH(vaddq_f32(x.val[i], y.val[i]));
}
static inline v16 v16_sub(v16 x, v16 y)
{
  EACH(vsubq_f32(x.val[i], y.val[i]));
}
static inline v16 v16_mul(v16 x, v16 y)
{
  EACH(vmulq_f32(x.val[i], y.val[i]));
}
static inline v16 v16_div(v16 x, v16 y)
{
  EACH(vdivq_f32(x.val[i], y.val[i]));
}
static inline v16 v16_fma(v16 x, v16 y, v16 z)
{
  EACH(vfmaq_f32(z.val[i], x.val[i], y.val[i]));
}
static inline v16 v16_fms(v16 x, v16 y, v16 z)
{
  EACH(vfmaq_f32(vnegq_f32(z.val[i]), x.val[i], y.val[i]));
}
/* vmaxq orders NaN and -0 in its own way: compare and select, as x86 does. */
static inline float32x4_t greater(float32x4_t x, float32x4_t y)
{
  return vbslq_f32(vcgtq_f32(x, y), x, y);
}
static inline v16 v16_max(v16 x, v16 y)
{
  EACH(greater(x.val[i], y.val[i]));
}
static inline v16 v16_clip(v16 x, v16 low, v16 high)
{
  v16 capped;
  for (int i = 0; i < 4; i++)
    capped.val[i] = vbslq_f32(vcltq_f32(high.val[i], x.val[i]), high.val[i], x.val[i]);
  return v16_max(low, capped);
}
static inline v16 v16_sqrt(v16 x)
{
  EACH(vsqrtq_f32(x.val[i]));
}
static inline v16 v16_within(v16 x, v16 low, v16 high, v16 y)
{
  v16 out;
  for (int i = 0; i < 4; i++) {
    uint32x4_t inside =
        vandq_u32(vcgeq_f32(x.val[i], low.val[i]), vcleq_f32(x.val[i], high.val[i]));
    out.val[i] = vreinterpretq_f32_u32(vandq_u32(inside, vreinterpretq_u32_f32(y.val[i])));
  }
  return out;
}
static inline v16 v16_exp(v16 x)
{
  EACH(Sleef_finz_expf4_u10advsimd(x.val[i]));
}
static inline v16 v16_erf(v16 x)
{
  EACH(Sleef_finz_erff4_u10advsimd(x.val[i]));
}
static inline v16 v16_tanh(v16 x)
{
  EACH(Sleef_finz_tanhf4_u10advsimd(x.val[i]));
}
static inline float v16_fold_sum(v16 x)
{
  float32x4_t low = vaddq_f32(x.val[0], x.val[2]), high = vaddq_f32(x.val[1], x.val[3]);
  float32x4_t q = vaddq_f32(low, high);
  float32x2_t pair = vadd_f32(vget_low_f32(q), vget_high_f32(q));
  return vget_lane_f32(pair, 0) + vget_lane_f32(pair, 1);
}
static inline float v16_fold_max(v16 x)
{
  float32x4_t q = greater(greater(x.val[0], x.val[2]), greater(x.val[1], x.val[3]));
  float lanes[4];
  vst1q_f32(lanes, q);
  float top = lanes[0];
  for (int i = 1; i < 4; i++)
    top = lanes[i] > top ? lanes[i] : top;
  return top;
}

#define ROWS(name) name##_neon
#include "rows_body.h"

#include "adjoint_body.h"

#include "lanes_body.h"

#define TILE_MR 8
#define TILE_LANES 4
#define TILE_STEP 16 /* of k, a line fetched ahead each */
#define TILE_VECTOR float32x4_t
#define TILE_ZERO() vdupq_n_f32(0.0f)
#define TILE_LOAD(p) vld1q_f32(p)
#define TILE_STORE(p, x) vst1q_f32(p, x)
#define TILE_BROADCAST(p) vld1q_dup_f32(p)
#define TILE_FMA(a, b, c) vfmaq_f32(c, a, b)
#define TILE_ADD(a, b) vaddq_f32(a, b)
#define TILE_VECTORS 3
#define TILE_NAME tile_neon_8x12
#include "tile_body.h"
#define TILE_VECTORS 2
#define TILE_NAME tile_neon_8x8
#include "tile_body.h"

static inline float32x4_t load4(enum gemm_type type, const char *p)
{
  if (type == GEMM_F32)
    return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)p));
  uint8x8_t half = vld1_u8((const uint8_t *)p);
  if (type == GEMM_F16)
    return vcvt_f32_f16(vreinterpret_f16_u8(half));
  return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(half), 16));
}

static inline void transpose4(float32x4_t x[4])
{
  float32x4x2_t low = vtrnq_f32(x[0], x[1]), high = vtrnq_f32(x[2], x[3]);
  x[0] = vcombine_f32(vget_low_f32(low.val[0]), vget_low_f32(high.val[0]));
  x[1] = vcombine_f32(vget_low_f32(low.val[1]), vget_low_f32(high.val[1]));
  x[2] = vcombine_f32(vget_high_f32(low.val[0]), vget_high_f32(high.val[0]));
  x[3] = vcombine_f32(vget_high_f32(low.val[1]), vget_high_f32(high.val[1]));
}

#define PACK_W 4
#define PACK_VECTOR float32x4_t
#define PACK_ZERO() vdupq_n_f32(0.0f)
#define PACK_LOAD(type, p) load4(type, p)
#define PACK_STORE(p, x) vst1q_f32(p, x)
#define PACK_FMA(a, b, c) vfmaq_f32(c, a, b)
#define PACK_TRANSPOSE(x) transpose4(x)
#define PACK_NAME pack_neon_4
#include "pack_body.h"

#define ROW_W 4
#define ROW_VECTOR float32x4_t
#define ROW_ZERO() vdupq_n_f32(0.0f)
#define ROW_LOAD(type, p) load4(type, p)
#define ROW_STORE(p, x) vst1q_f32(p, x)
#define ROW_FMA(a, b, c) vfmaq_f32(c, a, b)
#define ROW_NAME pack_transposed_neon
#include "pack_transposed_body.h"

const struct kernels kernels_neon = {
    .name = "neon",
    .isa = ISA_NEON,
    .mr = TILE_MR,
    .tiles = {{12, 100, tile_neon_8x12}, {8, 106, tile_neon_8x8}},
    .pack = pack_neon_4,
    .pack_streaming = pack_neon_4,
    .pack_fence = pack_fence_c,
    .pack_transposed = pack_transposed_neon,
    ROWS_TABLE(_neon),
    ADJOINT_TABLE(_neon),
};

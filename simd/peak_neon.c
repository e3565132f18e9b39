/* Twenty-four chains: up to four units with a latency of four cycles, and 32 registers. */
#include "peak.h"

#include <arm_neon.h>

#define PEAK_VECTOR float32x4_t
#define PEAK_LANES 4
#define PEAK_CHAINS 24
#define PEAK_SET1(x) vdupq_n_f32(x)
#define PEAK_FMA(a, b, c) vfmaq_f32(c, a, b)
#define PEAK_STORE(p, x) vst1q_f32(p, x)
#define PEAK_NAME peak_neon
#include "peak_body.h"

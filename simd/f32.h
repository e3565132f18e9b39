/* Constants of the activations and the guard against unsafe floating point. */
#ifndef ATTEST_SIMD_F32_H
#define ATTEST_SIMD_F32_H

#ifdef __FAST_MATH__
#error "attest needs IEEE arithmetic: build without -ffast-math"
#endif

#include <float.h>

_Static_assert(FLT_EVAL_METHOD == 0, "attest needs fp32 operations rounded to fp32");

#define F32_SQRT_HALF 0.70710678118654752440f
#define F32_SQRT_2_OVER_PI 0.79788456080286535588f
#define F32_SQRT_HALF_OVER_PI 0.39894228040143267794f
#define F32_GELU_CUBIC 0.044715f

#endif

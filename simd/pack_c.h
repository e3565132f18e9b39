/* The portable reference of packing, and exact widening. */
#ifndef ATTEST_SIMD_PACK_C_H
#define ATTEST_SIMD_PACK_C_H

#include "kernels.h"

/* struct kernels' pack. */
bool pack_c(const enum gemm_type *types, const void *const *rows, int count, size_t k0, size_t kc,
            int width, float *out);

/* struct kernels' pack_transposed. */
bool pack_transposed_c(enum gemm_type type, const void *x, size_t stride, int count, size_t kc,
                       int width, float *out);

/* struct kernels' pack_fence where writes need no more than the order that locks give. */
void pack_fence_c(void);

/* Widens n elements, which may be unaligned. Returns whether all were finite. */
bool widen_c(enum gemm_type type, const void *from, size_t n, float *to);

#endif

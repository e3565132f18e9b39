/* The portable reference of the row kernels; simd/kernels.h states their arithmetic. */
#ifndef ATTEST_SIMD_ROWS_C_H
#define ATTEST_SIMD_ROWS_C_H

#include <stdbool.h>
#include <stddef.h>

void softmax_c(float *x, size_t n, float scale);
void layer_norm_c(const float *x, const float *weight, const float *bias, float *y, size_t n,
                  float eps);
void rms_norm_c(const float *x, const float *weight, float *y, size_t n, float eps);
void gelu_c(float *x, size_t n);
void gelu_tanh_c(float *x, size_t n);
void silu_mul_c(const float *gate, const float *up, float *y, size_t n);
void rope_c(float *x, const float *cosine, const float *sine, size_t half);
void rope_pairs_c(float *x, const float *cosine, const float *sine, size_t half);
void scale_c(float factor, const float *x, float *y, size_t n);
void add_c(const float *x, float *y, size_t n);
void add3_c(const float *a, const float *b, float *y, size_t n);
void scale_add_c(float scale, const float *x, float *y, size_t n);
void clip_c(float *x, size_t n, float limit);
bool all_finite_c(const float *x, size_t n);

/* What several of them and their adjoints share: the fold of 16 lanes; a row's mean and
 * 1 / sqrt(variance + eps); 1 / sqrt(mean square + eps). */
float fold_sum_c(float lanes[16]);
float moments_c(const float *x, size_t n, float eps, float *mean);
float mean_square_c(const float *x, size_t n, float eps);

#endif

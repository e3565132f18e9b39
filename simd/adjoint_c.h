/* The portable reference of adjoints and optimizers; simd/kernels.h states their arithmetic. */
#ifndef ATTEST_SIMD_ADJOINT_C_H
#define ATTEST_SIMD_ADJOINT_C_H

#include "kernels.h"

void layer_norm_backward_c(const float *x, const float *weight, const float *dy, float *dx,
                           float *gain, size_t n, float eps);
void rms_norm_backward_c(const float *x, const float *weight, const float *dy, float *dx,
                         float *gain, size_t n, float eps);
void softmax_backward_c(const float *p, float *dp, size_t n, float scale);
void gelu_slope_c(float *x, float *slope, size_t n);
void gelu_tanh_slope_c(float *x, float *slope, size_t n);
void multiply_c(const float *x, float *y, size_t n);
void silu_mul_backward_c(const float *gate, const float *up, const float *dy, float *d_gate,
                         float *d_up, size_t n);
void rope_backward_c(float *x, const float *cosine, const float *sine, size_t half);
void rope_pairs_backward_c(float *x, const float *cosine, const float *sine, size_t half);
void clip_backward_c(const float *x, float *dy, size_t n, float limit);
double cross_entropy_c(float *x, size_t n, size_t target);
void cross_entropy_backward_c(float *p, size_t n, size_t target, float scale);
void scatter_add_c(const int32_t *tokens, size_t rows, const float *x, size_t x_stride, float *y,
                   size_t y_stride, size_t n);
void column_sum_c(const float *x, size_t stride, size_t rows, float *y, size_t n);
float dot_c(const float *x, const float *y, size_t n);
double square_sum_c(const float *x, size_t n);
void adam_c(const struct update *update, const float *g, float *p, float *m, float *v, size_t n);
void sgd_c(const struct update *update, const float *g, float *p, size_t n);
void lane_products_c(const struct lane_products *products);
void softmax_lanes_c(float *x, size_t stride, size_t rows, size_t n);
void softmax_lanes_backward_c(const float *p, float *dp, size_t stride, size_t rows, size_t n);

/* The last step of cross_entropy, the same for all: with clang a file cannot include both sleef.h
 * and sleef_scalar.h. */
double loss_c(float sum, float top, float logit);

#endif

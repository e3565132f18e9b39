/* The numeric kernels, and the exact arithmetic of each.
 *
 * Every instruction set gives the same bits as the portable C reference (kernels_scalar): tests
 * compare with memcmp. All values are finite fp32; a row sum uses 16 lanes: lane l adds the
 * elements l, l+16, l+32, ... in order, starting from +0, then the lanes fold 16 -> 8 -> 4 -> 2 ->
 * 1, lane i with lane i + half. fma(a, b, c) is one rounding; a * b + c are two. exp, erf and tanh
 * are SLEEF's bit-reproducible `Sleef_finz_..._u10` functions. Pointers need no alignment unless
 * said. Nothing fails.
 *
 * Error: of the result against the same formula in double from the same inputs, with u = 2^-24; a
 * sum over n elements could by theory be worse by (n / 16 + 4) u of the sum of magnitudes. The
 * check (check.h) asserts every bound on rows of 1 to 1,100 elements within +-4. */
#ifndef ATTEST_SIMD_KERNELS_H
#define ATTEST_SIMD_KERNELS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum isa { ISA_AUTO, ISA_SCALAR, ISA_AVX2, ISA_AVX512, ISA_NEON };

/* A chain of fused multiply-adds never runs longer than this along k. */
#define GEMM_BLOCK 256

/* Largest tile of any instruction set. */
#define GEMM_MAX_MR 16
#define GEMM_MAX_NR 64

/* Element types of weights as stored, little-endian; widened exactly. */
enum gemm_type { GEMM_F32, GEMM_BF16, GEMM_F16 };

static inline size_t gemm_type_size(enum gemm_type type)
{
  return type == GEMM_F32 ? 4 : 2;
}

/* The scalars of a step of an optimizer, each computed in double and rounded once. */
struct update {
  float clip;        /* factor of all gradients: 1, or less to clip their norm */
  float keep;        /* 1 - rate * weight decay; 1 for parameters that do not decay */
  float rate;        /* Adam: rate / (1 - b1^t) */
  float b1, b1_rest; /* b1, 1 - b1 */
  float b2, b2_rest;
  float root; /* sqrt(1 - b2^t) */
  float eps;
};

/* Products of short rows that lie in lanes side by side, n of them: of each of `rows` outputs
 * y[r][i] = fma chain over j < k ascending from +0 of a[r][j][i] * b[r][j][i], then + 0, which with
 * `add` is added to what y holds. Strides in floats; a stride may be 0. */
struct lane_products {
  const float *a, *b;
  float *y;
  size_t rows, k, n;
  size_t a_row, b_row, y_row; /* from one output to the next */
  size_t a_step, b_step;      /* along k */
  bool add;
};

#define LANES_MOST_ROWS 16 /* of a softmax across lanes */

/* A tile of the matrix product: mr rows of A, nr columns of B. */
struct tile {
  int nr;
  int cost; /* time that a column takes, the widest tile's being 100 */

  /* One tile over one block of k: S[i][j] = fma chain over k ascending from +0 of a[k][i] *
   * b[k][j]. a: [kc][mr] packed; b: [kc][nr] packed, 64-byte aligned; sum: [mr][nr], the blocks
   * before, or NULL for the first; c: [mr] rows of nr, stride ldc floats; c may be sum with ldc =
   * nr. c = S, or c = sum + S; then, if bias is not NULL, c = c + bias[j] (nr values). The memory
   * from `ahead` on is fetched into the cache meanwhile, for a later tile; any address will do. */
  void (*run)(size_t kc, const float *a, const float *b, const float *sum, float *c, size_t ldc,
              const float *bias, const void *ahead);
};
#define MOST_TILES 3

/* One instruction set: a field for every kernel, however many there are. */
struct kernels {
  const char *name; /* "scalar", "avx2", "avx512", "neon" */
  enum isa isa;
  int mr;

  /* The first is the widest; narrower ones are for products of few columns, which would be padding
   * for the most part (gemm_tile); nr is 0 past the last. Every width gives the same bits. */
  struct tile tiles[MOST_TILES];

  /* One panel of an operand for one block of k: out[k][j] = rows[j][k0 + k], widened exactly, for
   * j < count, and 0 for count <= j < width; width is mr or a nr. rows[j]: elements of types[j],
   * may be unaligned; out: [kc][width]. Returns whether all elements were finite. */
  bool (*pack)(const enum gemm_type *types, const void *const *rows, int count, size_t k0,
               size_t kc, int width, float *out);

  /* The same for an `out` of 32-byte alignment that is not read for a while: weights, and operands
   * that do not fit the caches. pack_fence, once after a thread's last one, lets other threads see
   * what it wrote. */
  bool (*pack_streaming)(const enum gemm_type *types, const void *const *rows, int count, size_t k0,
                         size_t kc, int width, float *out);
  void (*pack_fence)(void);

  /* A panel of an operand that is stored the other way round, for kc <= GEMM_BLOCK: out[k][j] =
   * element j of row k, widened exactly, for j < count, and 0 for count <= j < width; width is mr
   * or a nr. x: rows `stride` elements apart, may be unaligned. Returns whether all were finite. */
  bool (*pack_transposed)(enum gemm_type type, const void *x, size_t stride, int count, size_t kc,
                          int width, float *out);

  /* x[0..n) = softmax(scale * x): t = x * scale; m = max t; e = exp(t - m); s = 16-lane sum of e;
   * x = e / s. n >= 1. Error: 4 u x (1 + max |t|). */
  void (*softmax)(float *x, size_t n, float scale);

  /* y = fma((x - mean) * r, weight, bias): mean = sum(x) / n, d = x - mean, variance = 16-lane
   * chain of fma(d, d, lane) / n, r = 1 / sqrt(variance + eps). weight NULL: y = (x - mean) * r;
   * bias NULL: y = (x - mean) * r * weight. y may be x.
   * Error: 4 u ((|x| + mean of |x|) r |weight| + |bias|). */
  void (*layer_norm)(const float *x, const float *weight, const float *bias, float *y, size_t n,
                     float eps);

  /* y = (x * r) * weight: mean square = 16-lane chain of fma(x, x, lane) / n,
   * r = 1 / sqrt(mean square + eps). y may be x. Error: 6 u |y|. */
  void (*rms_norm)(const float *x, const float *weight, float *y, size_t n, float eps);

  /* x = (0.5 x) * (1 + erf(x * sqrt(1/2))). Error: 3 u |x|. */
  void (*gelu)(float *x, size_t n);

  /* x = (0.5 x) * (1 + tanh(sqrt(2/pi) * fma(0.044715 (x * x), x, x))). Error: 3 u |x|. */
  void (*gelu_tanh)(float *x, size_t n);

  /* y = (gate / (1 + exp(0 - gate))) * up; y may be gate or up. Error: 4 u |y|. */
  void (*silu_mul)(const float *gate, const float *up, float *y, size_t n);

  /* Rotates the pairs (x[i], x[half + i]) for i < half by an angle given as cos and sin:
   * x[i] = fma(x1, c, -(x2 * s)), x[half + i] = fma(x2, c, x1 * s).
   * Error: 2 u (|x1 c| + |x2 s|), 2 u (|x2 c| + |x1 s|). */
  void (*rope)(float *x, const float *cosine, const float *sine, size_t half);

  /* The same of the pairs (x[2i], x[2i + 1]). */
  void (*rope_pairs)(float *x, const float *cosine, const float *sine, size_t half);

  /* y = factor * x; y may be x. Error: u |y|. */
  void (*scale)(float factor, const float *x, float *y, size_t n);

  void (*add)(const float *x, float *y, size_t n); /* y = y + x. Error: u |y|. */

  /* y = (a + b) + y. Error: u (|a + b| + |y|). */
  void (*add3)(const float *a, const float *b, float *y, size_t n);

  /* y = fma(scale, x, y). Error: u |y|. */
  void (*scale_add)(float scale, const float *x, float *y, size_t n);

  void (*clip)(float *x, size_t n, float limit); /* x > limit -> limit; x < -limit -> -limit */
  bool (*all_finite)(const float *x, size_t n);

  /* Adjoints. dy is the gradient of the result, dx that of the input; what the forward pass can
   * compute again from its input it does, by the same steps. Nothing is added to what dx holds. */

  /* Of layer_norm, with its mean and r: h = (x - mean) * r, g = dy * weight (dy without weight),
   * mg = 16-lane sum of g / n, mgh = 16-lane chain of fma(g, h, lane) / n,
   * dx = fma(h, -mgh, g - mg) * r; gain = dy * h: a row whose column sum is the weight's gradient
   * (the bias' is that of dy). weight and gain may be NULL; dx may be dy.
   * Error, with H = (|x| + mean of |x|) r: 4 u r (|g| + mean of |g| + H mean of |g| H), 4 u |dy| H.
   */
  void (*layer_norm_backward)(const float *x, const float *weight, const float *dy, float *dx,
                              float *gain, size_t n, float eps);

  /* Of rms_norm, with its r: h = x * r, g = dy * weight, mgh as above, dx = fma(h, -mgh, g) * r;
   * gain = dy * h, may be NULL; dx may be dy.
   * Error: 6 u r (|g| + |h| mean of |g h|), 6 u |gain|. */
  void (*rms_norm_backward)(const float *x, const float *weight, const float *dy, float *dx,
                            float *gain, size_t n, float eps);

  /* Of p = softmax(scale * x), dp in place: s = 16-lane chain of fma(p, dp, lane),
   * dp = (p * (dp - s)) * scale. Error: 4 u |scale p| (|dp| + sum of |p dp|). */
  void (*softmax_backward)(const float *p, float *dp, size_t n, float scale);

  /* gelu in place, and its derivative, whose product with dy is dx: c = 0.5 * (1 + erf(x *
   * sqrt(1/2))), e = exp((x * x) * -0.5), slope = fma(x * e, 1/sqrt(2 pi), c).
   * Error: as gelu; 4 u. */
  void (*gelu_slope)(float *x, float *slope, size_t n);

  /* gelu_tanh in place, and its derivative: q = x * x, t = tanh(sqrt(2/pi) * fma(0.044715 q, x,
   * x)), s = sqrt(2/pi) * fma(3 * 0.044715, q, 1), w = (0.5 x) * fma(0 - t, t, 1),
   * slope = fma(w, s, 0.5 * (1 + t)). |x| < 2^60. Error: as gelu_tanh; 3 u (1 + |x| s). */
  void (*gelu_tanh_slope)(float *x, float *slope, size_t n);

  void (*multiply)(const float *x, float *y, size_t n); /* y = y * x. Error: u |y|. */

  /* Of silu_mul: r = 1 / (1 + exp(0 - gate)), d_up = dy * (gate * r),
   * d_gate = (dy * up) * (r * fma(gate, 1 - r, 1)). d_gate may be gate, d_up may be up or dy.
   * Error: 6 u |dy up| r (1 + |gate|), 6 u |d_up|. */
  void (*silu_mul_backward)(const float *gate, const float *up, const float *dy, float *d_gate,
                            float *d_up, size_t n);

  /* Of rope: turns back, x[i] = fma(x1, c, x2 * s), x[half + i] = fma(x2, c, -(x1 * s)).
   * Error: as rope. */
  void (*rope_backward)(float *x, const float *cosine, const float *sine, size_t half);

  /* Of rope_pairs, the same. */
  void (*rope_pairs_backward)(float *x, const float *cosine, const float *sine, size_t half);

  /* Of clip: dy stays where -limit <= x <= limit and is +0 elsewhere. */
  void (*clip_backward)(const float *x, float *dy, size_t n, float limit);

  /* The loss of a row of logits, and the row becomes their softmax p: m = max x, e = exp(x - m),
   * s = 16-lane sum of e, p = e / s; loss = (log(s) + m) - x[target] in double, log being
   * Sleef_finz_logd1_u10purecfma. target < n. Error: 4 u p (1 + max |x|), 4 u (1 + |loss|). */
  double (*cross_entropy)(float *x, size_t n, size_t target);

  /* From p to the logits' gradient, in place: p = p * scale, at the target (p - 1) * scale.
   * Error: 2 u |scale p|, 2 u |scale (p - 1)|. */
  void (*cross_entropy_backward)(float *p, size_t n, size_t target, float scale);

  /* Adds rows to those that tokens name, for row 0, 1, ... in order: y[tokens[row]] =
   * y[tokens[row]] + x[row], n elements; rows of x and y are that many elements apart.
   * Error: 4 u of the sum of magnitudes. */
  void (*scatter_add)(const int32_t *tokens, size_t rows, const float *x, size_t x_stride, float *y,
                      size_t y_stride, size_t n);

  /* y[j] = the sum of a column over rows: blocks of 256 rows (GEMM_BLOCK), each added up in order
   * from +0, the block sums added in order. rows >= 1. Any part of the columns can be summed by
   * itself. Error: 4 u of the sum of magnitudes. */
  void (*column_sum)(const float *x, size_t stride, size_t rows, float *y, size_t n);

  /* 16-lane chain of fma(x, y, lane). Error: 4 u of the sum of |x y|. */
  float (*dot)(const float *x, const float *y, size_t n);

  /* Sum of x * x in double: 16 lanes as everywhere, lane = fma(x, x, lane), folded in double.
   * Error: 2 u of it once it is rounded to fp32. */
  double (*square_sum)(const float *x, size_t n);

  /* One step of Adam and AdamW: g' = clip * g; p = p * keep; m = fma(b1, m, b1_rest * g');
   * v = fma(b2, v, (b2_rest * g') * g'); p = p - (rate * m) / (sqrt(v) / root + eps).
   * Error: 4 u (|b1 m| + |b1_rest g'|); 4 u v; 4 u (|p keep| + the last term, of magnitudes). */
  void (*adam)(const struct update *update, const float *g, float *p, float *m, float *v, size_t n);

  /* As struct lane_products says. Error: 8 u of the sum of |a b| and, with `add`, |y|. */
  void (*lane_products)(const struct lane_products *products);

  /* softmax (scale 1) of every column of x [rows][n], rows `stride` floats apart, rows <=
   * LANES_MOST_ROWS: the bits that `softmax` gives for the column as a row. Error: as there. */
  void (*softmax_lanes)(float *x, size_t stride, size_t rows, size_t n);

  /* Of softmax_lanes, dp in place: the bits of softmax_backward. Error: as there. */
  void (*softmax_lanes_backward)(const float *p, float *dp, size_t stride, size_t rows, size_t n);

  /* One step of gradient descent: p = p * keep; p = p - rate * (clip * g).
   * Error: 3 u (|p keep| + |rate clip g|). */
  void (*sgd)(const struct update *update, const float *g, float *p, size_t n);
};

/* The adjoints' and optimizers' part of it. */
#define ADJOINT_TABLE(suffix)                                                                      \
  .layer_norm_backward = layer_norm_backward##suffix,                                              \
  .rms_norm_backward = rms_norm_backward##suffix, .softmax_backward = softmax_backward##suffix,    \
  .gelu_slope = gelu_slope##suffix, .gelu_tanh_slope = gelu_tanh_slope##suffix,                    \
  .multiply = multiply##suffix, .silu_mul_backward = silu_mul_backward##suffix,                    \
  .rope_backward = rope_backward##suffix, .rope_pairs_backward = rope_pairs_backward##suffix,      \
  .clip_backward = clip_backward##suffix, .cross_entropy = cross_entropy##suffix,                  \
  .cross_entropy_backward = cross_entropy_backward##suffix, .scatter_add = scatter_add##suffix,    \
  .column_sum = column_sum##suffix, .dot = dot##suffix, .square_sum = square_sum##suffix,          \
  .adam = adam##suffix, .sgd = sgd##suffix, .lane_products = lane_products##suffix,                \
  .softmax_lanes = softmax_lanes##suffix, .softmax_lanes_backward = softmax_lanes_backward##suffix

/* The row kernels' part of a table: every function with the suffix of one instruction set. */
#define ROWS_TABLE(suffix)                                                                         \
  .softmax = softmax##suffix, .layer_norm = layer_norm##suffix, .rms_norm = rms_norm##suffix,      \
  .gelu = gelu##suffix, .gelu_tanh = gelu_tanh##suffix, .silu_mul = silu_mul##suffix,              \
  .rope = rope##suffix, .rope_pairs = rope_pairs##suffix, .scale = scale##suffix,                  \
  .add = add##suffix, .add3 = add3##suffix, .scale_add = scale_add##suffix, .clip = clip##suffix,  \
  .all_finite = all_finite##suffix

extern const struct kernels kernels_scalar, kernels_avx2, kernels_avx512, kernels_neon;

/* The kernels for an instruction set on this CPU; ISA_AUTO = the fastest it has. Checks the
 * arithmetic first: round to nearest, no flush-to-zero, FMA present. Errors: EXIT_RUN. */
int kernels_select(enum isa isa, const struct kernels **kernels, struct error *error);

/* "auto", "scalar", "avx2", "avx512", "neon" -> enum. Errors: EXIT_INPUT. */
int kernels_parse_isa(const char *name, enum isa *isa, struct error *error);

/* The kernels compiled into this binary that this CPU can run, the scalar ones first. */
size_t kernels_available(const struct kernels *list[4]);

#endif

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

  void (*add)(const float *x, float *y, size_t n); /* y = y + x. Error: u |y|. */

  /* y = (a + b) + y. Error: u (|a + b| + |y|). */
  void (*add3)(const float *a, const float *b, float *y, size_t n);

  /* y = fma(scale, x, y). Error: u |y|. */
  void (*scale_add)(float scale, const float *x, float *y, size_t n);

  void (*clip)(float *x, size_t n, float limit); /* x > limit -> limit; x < -limit -> -limit */
  bool (*all_finite)(const float *x, size_t n);
};

/* The row kernels' part of a table: every function with the suffix of one instruction set. */
#define ROWS_TABLE(suffix)                                                                         \
  .softmax = softmax##suffix, .layer_norm = layer_norm##suffix, .rms_norm = rms_norm##suffix,      \
  .gelu = gelu##suffix, .gelu_tanh = gelu_tanh##suffix, .silu_mul = silu_mul##suffix,              \
  .rope = rope##suffix, .add = add##suffix, .add3 = add3##suffix, .scale_add = scale_add##suffix,  \
  .clip = clip##suffix, .all_finite = all_finite##suffix

extern const struct kernels kernels_scalar, kernels_avx2, kernels_avx512, kernels_neon;

/* The kernels for an instruction set on this CPU; ISA_AUTO = the fastest it has. Checks the
 * arithmetic first: round to nearest, no flush-to-zero, FMA present. Errors: EXIT_RUN. */
int kernels_select(enum isa isa, const struct kernels **kernels, struct error *error);

/* "auto", "scalar", "avx2", "avx512", "neon" -> enum. Errors: EXIT_INPUT. */
int kernels_parse_isa(const char *name, enum isa *isa, struct error *error);

/* The kernels compiled into this binary that this CPU can run, the scalar ones first. */
size_t kernels_available(const struct kernels *list[4]);

#endif

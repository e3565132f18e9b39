/* Errors planted in kernels and operations, one at a time: each must fail the check that is named
 * beside it, which holds without it. */
#include "gradient_check.h"
#include "gradient_orders.h"

#include "adjoint_c.h"
#include "rows_c.h"
#include "tape/op.h"

#include <math.h>
#include <string.h>

/* --- kernels with an error --- */

/* dx = (g - mean of g h) r: the norm's mean is forgotten. */
static void norm_without_mean(const float *x, const float *weight, const float *dy, float *dx,
                              float *gain, size_t n, float eps)
{
  float mean, r = moments_c(x, n, eps, &mean), product = 0;
  for (size_t i = 0; i < n; i++)
    product += dy[i] * (weight ? weight[i] : 1) * (x[i] - mean) * r / (float)n;
  for (size_t i = 0; i < n; i++) {
    float h = (x[i] - mean) * r, g = dy[i] * (weight ? weight[i] : 1);
    if (gain)
      gain[i] = dy[i] * h;
    dx[i] = (g - h * product) * r;
  }
}

/* dx = (g - mean of g) r: and here its root. */
static void norm_without_root(const float *x, const float *weight, const float *dy, float *dx,
                              float *gain, size_t n, float eps)
{
  float mean, r = moments_c(x, n, eps, &mean), sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += dy[i] * (weight ? weight[i] : 1) / (float)n;
  for (size_t i = 0; i < n; i++) {
    float h = (x[i] - mean) * r, g = dy[i] * (weight ? weight[i] : 1);
    if (gain)
      gain[i] = dy[i] * h;
    dx[i] = (g - sum) * r;
  }
}

static void rms_without_root(const float *x, const float *weight, const float *dy, float *dx,
                             float *gain, size_t n, float eps)
{
  float r = mean_square_c(x, n, eps);
  for (size_t i = 0; i < n; i++) {
    float g = dy[i] * weight[i];
    if (gain)
      gain[i] = dy[i] * x[i] * r;
    dx[i] = g * r;
  }
}

static void softmax_without_sum(const float *p, float *dp, size_t n, float scale)
{
  for (size_t i = 0; i < n; i++)
    dp[i] = p[i] * dp[i] * scale;
}

static void clip_without_border(const float *x, float *dy, size_t n, float limit)
{
  for (size_t i = 0; i < n; i++)
    dy[i] = -limit < x[i] && x[i] < limit ? dy[i] : 0.0f;
}

static void clip_without_end(const float *x, float *dy, size_t n, float limit)
{
  for (size_t i = 0; i < n; i++)
    dy[i] = x[i] <= limit ? dy[i] : 0.0f;
}

static void scatter_last(const int32_t *tokens, size_t rows, const float *x, size_t x_stride,
                         float *y, size_t y_stride, size_t n)
{
  for (size_t row = 0; row < rows; row++)
    memcpy(y + (size_t)tokens[row] * y_stride, x + row * x_stride, n * sizeof *y);
}

static void scatter_backwards(const int32_t *tokens, size_t rows, const float *x, size_t x_stride,
                              float *y, size_t y_stride, size_t n)
{
  for (size_t row = rows; row-- > 0;)
    scatter_add_c(tokens + row, 1, x + row * x_stride, x_stride, y, y_stride, n);
}

static void sum_without_blocks(const float *x, size_t stride, size_t rows, float *y, size_t n)
{
  for (size_t j = 0; j < n; j++) {
    y[j] = 0;
    for (size_t row = 0; row < rows; row++)
      y[j] += x[row * stride + j];
  }
}

static void entropy_without_target(float *p, size_t n, size_t target, float scale)
{
  (void)target;
  scale_c(scale, p, p, n);
}

static void silu_of_forward(const float *gate, const float *up, const float *dy, float *d_gate,
                            float *d_up, size_t n)
{
  for (size_t i = 0; i < n; i++) { /* the slope without its second term */
    float r = 1.0f / (1.0f + expf(-gate[i])), d = dy[i], u = up[i];
    d_up[i] = d * gate[i] * r;
    d_gate[i] = d * u * r;
  }
}

/* A block of k in two chains. */
static void tile_in_halves(size_t kc, const float *a, const float *b, const float *sum, float *c,
                           size_t ldc, const float *bias, const void *ahead)
{
  const struct kernels *k = &kernels_scalar;
  const struct tile *tile = &k->tiles[0];
  size_t half = kc / 2, mr = (size_t)k->mr, nr = (size_t)tile->nr;
  float first[GEMM_MAX_MR * GEMM_MAX_NR];
  if (!half) {
    tile->run(kc, a, b, sum, c, ldc, bias, ahead);
    return;
  }
  tile->run(half, a, b, sum, first, nr, NULL, ahead);
  tile->run(kc - half, a + half * mr, b + half * nr, first, c, ldc, bias, ahead);
}

#define PLANT(name, member, wrong)                                                                 \
  static void name(struct kernels *k)                                                              \
  {                                                                                                \
    k->member = wrong;                                                                             \
  }
PLANT(plant_mean, layer_norm_backward, norm_without_mean)
PLANT(plant_root, layer_norm_backward, norm_without_root)
PLANT(plant_rms, rms_norm_backward, rms_without_root)
PLANT(plant_softmax, softmax_backward, softmax_without_sum)
PLANT(plant_border, clip_backward, clip_without_border)
PLANT(plant_end, clip_backward, clip_without_end)
PLANT(plant_gelu, gelu_slope, gelu_tanh_slope_c)
PLANT(plant_silu, silu_mul_backward, silu_of_forward)
PLANT(plant_turn, rope_backward, rope_c)
PLANT(plant_pairs, rope_pairs_backward, rope_backward_c)
PLANT(plant_last, scatter_add, scatter_last)
PLANT(plant_backwards, scatter_add, scatter_backwards)
PLANT(plant_blocks, column_sum, sum_without_blocks)
PLANT(plant_target, cross_entropy_backward, entropy_without_target)
PLANT(plant_halves, tiles[0].run, tile_in_halves)

/* --- operations with an error --- */

static struct tape_op_kind wrong_kind;
static const struct tape_op_kind *right_kind;

/* Gives all operations of this name another adjoint. */
static void plant_backward(struct tape *tape, const char *name,
                           void (*backward)(struct tape *tape, struct tape_op *op))
{
  for (size_t i = 0; i < tape->op_count; i++) {
    if (strcmp(tape->ops[i].kind->name, name) != 0)
      continue;
    right_kind = tape->ops[i].kind;
    wrong_kind = *right_kind;
    wrong_kind.backward = backward;
  }
  for (size_t i = 0; i < tape->op_count; i++)
    if (tape->ops[i].kind == right_kind)
      tape->ops[i].kind = &wrong_kind;
}

/* The gradient of a square matrix, the other way round. */
static void transpose(const struct tape_value *value)
{
  for (size_t i = 0; i < value->rows; i++)
    for (size_t j = 0; j < i; j++) {
      float *a = gradient_row(value, i) + j, *b = gradient_row(value, j) + i, kept = *a;
      *a = *b;
      *b = kept;
    }
}

static void transposed_weight(struct tape *tape, struct tape_op *op)
{
  right_kind->backward(tape, op);
  transpose(op_in(tape, op, 1));
}
static void plant_transposed(struct tape *tape)
{
  plant_backward(tape, "linear", transposed_weight);
}

/* dx = dy W^T */
static void transposed_input(struct tape *tape, struct tape_op *op)
{
  struct tape_value *weight = op_in(tape, op, 1);
  float *gradient = weight->gradient;
  weight->gradient = weight->data; /* turned in place, and back */
  transpose(weight);
  weight->gradient = gradient;
  right_kind->backward(tape, op);
  weight->gradient = weight->data;
  transpose(weight);
  weight->gradient = gradient;
}
static void plant_transposed_input(struct tape *tape)
{
  plant_backward(tape, "linear", transposed_input);
}

/* An expert's gradient counted twice. */
static void doubled_expert(struct tape *tape, struct tape_op *op)
{
  right_kind->backward(tape, op);
  const struct tape_value *weight = op_in(tape, op, 1);
  for (size_t row = 0; row < weight->rows && weight->wanted; row++)
    tape->kernels->scale(2, gradient_row(weight, row), gradient_row(weight, row), weight->columns);
}
static void plant_doubled(struct tape *tape)
{
  plant_backward(tape, "linear of experts", doubled_expert);
}

/* The first of a token's experts alone gives back what it got. */
static void lost_expert(struct tape *tape, struct tape_op *op)
{
  right_kind->backward(tape, op);
  const struct tape_value *x = op_in(tape, op, 0);
  memset(gradient_row(x, x->rows - 1), 0, x->columns * sizeof(float));
}
static void plant_lost(struct tape *tape)
{
  plant_backward(tape, "combine", lost_expert);
}

/* Written where it ought to be added. */
static void forgetful(struct tape *tape, struct tape_op *op)
{
  for (size_t k = 0; k < op->count; k++)
    if (tape->operands[op->first + k].mode == MODE_ADD)
      tape->operands[op->first + k].mode = MODE_WRITE;
  right_kind->backward(tape, op);
}
static void plant_forgetful(struct tape *tape)
{
  plant_backward(tape, "add", forgetful);
}

/* A replaced part that passes its gradient on. */
static void leaking(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *y = op_out(tape, op), *x = op_in(tape, op, 0);
  right_kind->backward(tape, op);
  for (size_t row = 0; row < y->rows; row++)
    memcpy(gradient_row(x, row), gradient_row(y, row), y->columns * sizeof(float));
}
static void plant_leak(struct tape *tape)
{
  plant_backward(tape, "replace", leaking);
}

/* --- checks --- */

/* At the border the gradient passes, past it there is none. */
static bool clip_border(const struct kernels *kernels)
{
  struct error error = {0};
  struct tape *tape;
  const float limit = 1.5f, ones[] = {1, 1, 1, 1};
  const float x[] = {limit, -limit, nextafterf(limit, 2), nextafterf(-limit, -2)};
  const float want[] = {1, 1, 0, 0};
  float dx[4];
  assert_int_equal(tape_create(kernels, NULL, &tape, &error), 0);
  size_t y = tape_clip(tape, tape_leaf(tape, 1, 4, x, dx), limit);
  (void)tape_weighted_sum(tape, y, tape_leaf(tape, 1, 4, ones, NULL), 1);
  assert_int_equal(tape_plan(tape, false, &error), 0);
  assert_int_equal(tape_allocate(tape, &error), 0);
  tape_forward(tape);
  tape_backward(tape, false);
  tape_free(tape);
  return memcmp(dx, want, sizeof want) == 0;
}

/* By the name of a case, of an order, or of the border. */
static bool holds(const char *name, const struct kernels *kernels, gradient_fault *fault)
{
  if (strcmp(name, "clip border") == 0)
    return clip_border(kernels);
  for (size_t i = 0; i < gradient_order_count; i++)
    if (strcmp(gradient_orders[i].name, name) == 0)
      return gradient_orders[i].holds(kernels);
  return gradient_check(gradient_case_find(name), kernels, NULL, fault) <= 1;
}

static const struct {
  const char *what, *check;
  void (*kernels)(struct kernels *k);
  gradient_fault *fault;
} planted[] = {
    {"layer norm without its mean", "layer norm", plant_mean, NULL},
    {"layer norm without its root", "layer norm", plant_root, NULL},
    {"plain layer norm without its mean", "layer norm, plain", plant_mean, NULL},
    {"rms norm without its root", "rms norm", plant_rms, NULL},
    {"softmax without its sum", "causal softmax", plant_softmax, NULL},
    {"route by a softmax without its sum", "route", plant_softmax, NULL},
    {"a clip that stops at its border", "clip border", plant_border, NULL},
    {"a clip with one end", "clip", plant_end, NULL},
    {"GELU by the slope of its tanh form", "GELU", plant_gelu, NULL},
    {"SiLU without the slope of its root", "SiLU times up", plant_silu, NULL},
    {"a rotation that turns on", "rotation", plant_turn, NULL},
    {"pairs turned back as halves", "rotation, pairs", plant_pairs, NULL},
    {"embedding rows of the last token", "embed", plant_last, NULL},
    {"embedding rows from the last token on", "embedding", plant_backwards, NULL},
    {"bias sums without blocks", "weights and biases", plant_blocks, NULL},
    {"products in halves of a block", "inputs", plant_halves, NULL},
    {"weights in halves of a block", "weights and biases", plant_halves, NULL},
    {"cross-entropy without its target", "cross-entropy", plant_target, NULL},
    {"a transposed weight gradient", "linear, square", NULL, plant_transposed},
    {"a product with the transposed weight", "linear, square", NULL, plant_transposed_input},
    {"a doubled expert", "experts", NULL, plant_doubled},
    {"a lost expert", "experts", NULL, plant_lost},
    {"a value used twice that counts once", "add", NULL, plant_forgetful},
    {"a replaced part that passes its gradient on", "replace", NULL, plant_leak},
};

static void test_each_is_found(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof planted / sizeof *planted; i++) {
    struct kernels kernels = kernels_scalar;
    if (!holds(planted[i].check, &kernels, NULL))
      fail_msg("%s: does not hold without an error", planted[i].check);
    if (planted[i].kernels)
      planted[i].kernels(&kernels);
    if (holds(planted[i].check, &kernels, planted[i].fault))
      fail_msg("%s: %s is not found", planted[i].check, planted[i].what);
    print_message("  %-46s fails \"%s\"\n", planted[i].what, planted[i].check);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

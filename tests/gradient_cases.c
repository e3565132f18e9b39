/* The cases of gradient_check.h: the formulas of tape/operations.h in double, written plainly. */
#include "gradient_check.h"

#include <math.h>
#include <string.h>

/* --- rows by number --- */

static const int32_t ids[] = {3, 0, 3, 3, 1}, to[] = {4, 0, 2}, others[] = {1, 5};

static size_t embed(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_embed(t, x[0], ids, 5);
}
static size_t select_rows(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_select_rows(t, x[0], ids, 5);
}
static void embed_exact(gcase *c, double *const *x, double *y)
{
  for (size_t i = 0; i < 5 * COLUMNS(0); i++)
    y[i] = x[0][(size_t)ids[i / COLUMNS(0)] * COLUMNS(0) + i % COLUMNS(0)];
}

static size_t place(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_place_rows(t, 6, (const struct tape_placed[]){{x[0], to}, {x[1], others}}, 2);
}
static void place_exact(gcase *c, double *const *x, double *y)
{
  memset(y, 0, 6 * COLUMNS(0) * sizeof *y);
  for (size_t j = 0; j < COLUMNS(0); j++) {
    for (size_t i = 0; i < 3; i++)
      y[(size_t)to[i] * COLUMNS(0) + j] = x[0][i * COLUMNS(0) + j];
    for (size_t i = 0; i < 2; i++)
      y[(size_t)others[i] * COLUMNS(0) + j] = x[1][i * COLUMNS(0) + j];
  }
}

static size_t transpose(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_transpose(t, x[0]);
}
static void transpose_exact(gcase *c, double *const *x, double *y)
{
  for (size_t i = 0; i < SIZE(0); i++)
    y[i] = x[0][i % ROWS(0) * COLUMNS(0) + i / ROWS(0)];
}

/* --- element by element --- */

/* (a + b) + a: a value used twice */
static size_t add(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_add(t, (const size_t[]){x[0], x[1], x[0]}, 3);
}
static void add_exact(gcase *c, double *const *x, double *y)
{
  for (size_t i = 0; i < SIZE(0); i++)
    y[i] = 2 * x[0][i] + x[1][i];
}

/* Views that lie apart, overlap, and leave columns out. */
static size_t views(gcase *c, struct tape *t, const size_t *x)
{
  size_t both = tape_add(t, (const size_t[]){x[0], x[0]}, 2), n = COLUMNS(0) / 2;
  size_t left = tape_view(t, both, 0, n), middle = tape_view(t, both, 1, n);
  return tape_add(t, (const size_t[]){left, middle, left}, 3);
}
static void views_exact(gcase *c, double *const *x, double *y)
{
  size_t n = COLUMNS(0) / 2;
  for (size_t i = 0; i < ROWS(0) * n; i++) {
    const double *row = x[0] + i / n * COLUMNS(0);
    y[i] = 4 * row[i % n] + 2 * row[i % n + 1];
  }
}

static size_t scale(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_scale(t, x[0], -1.5f);
}
static void scale_exact(gcase *c, double *const *x, double *y)
{
  for (size_t i = 0; i < SIZE(0); i++)
    y[i] = -1.5 * x[0][i];
}

static unsigned char mask_at(size_t i)
{
  return i % 3 == 1;
}
static size_t replace(gcase *c, struct tape *t, const size_t *x)
{
  unsigned char mask[256];
  for (size_t i = 0; i < SIZE(0); i++)
    mask[i] = mask_at(i);
  return tape_replace(t, x[0], mask, x[1]);
}
static void replace_exact(gcase *c, double *const *x, double *y)
{
  for (size_t i = 0; i < SIZE(0); i++)
    y[i] = x[mask_at(i)][i];
}

static void write_sevens(void *context, size_t row, float *data)
{
  for (size_t j = 0, n = *(const size_t *)context; j < n; j++)
    data[j] = mask_at(row * n + j) ? 7.0f : data[j];
}
static size_t rewrite(gcase *c, struct tape *t, const size_t *x)
{
  unsigned char mask[256];
  for (size_t i = 0; i < SIZE(0); i++)
    mask[i] = mask_at(i);
  return tape_rewrite(t, x[0], mask, write_sevens, (void *)(uintptr_t)&COLUMNS(0));
}
static void rewrite_exact(gcase *c, double *const *x, double *y)
{
  for (size_t i = 0; i < SIZE(0); i++)
    y[i] = mask_at(i) ? 7 : x[0][i];
}

static size_t outer(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_outer(t, x[0], x[1]);
}
static void outer_exact(gcase *c, double *const *x, double *y)
{
  for (size_t i = 0; i < SIZE(0) * SIZE(1); i++)
    y[i] = x[0][i / SIZE(1)] * x[1][i % SIZE(1)];
}

/* --- linear: x, a weight with bias, and another of which rows 1 .. are used, in two parts --- */

static size_t linear(gcase *c, struct tape *t, const size_t *x)
{
  size_t rest = ROWS(3) - 1;
  const struct tape_part parts[] = {
      {x[3], TAPE_NONE, rest, 1}, {x[1], x[2], 0, ROWS(1)}, {x[3], TAPE_NONE, 1, rest - 1}};
  return tape_linear(t, x[0], parts, 3);
}
static void linear_exact(gcase *c, double *const *x, double *y)
{
  size_t in = COLUMNS(0), rest = ROWS(3) - 1;
  for (size_t n = 0; n < ROWS(0); n++) {
    const double *row = x[0] + n * in;
    *y++ = row_product(row, x[3] + rest * in, in);
    for (size_t o = 0; o < ROWS(1); o++)
      *y++ = row_product(row, x[1] + o * in, in) + x[2][o];
    for (size_t o = 0; o < (rest - 1); o++)
      *y++ = row_product(row, x[3] + (1 + o) * in, in);
  }
}

static size_t product(gcase *c, struct tape *t, const size_t *x)
{
  return tape_linear(t, x[0], &(struct tape_part){x[1], TAPE_NONE, 0, ROWS(1)}, 1);
}
static void product_exact(gcase *c, double *const *x, double *y)
{
  for (size_t i = 0; i < ROWS(0) * ROWS(1); i++)
    y[i] =
        row_product(x[0] + i / ROWS(1) * COLUMNS(0), x[1] + i % ROWS(1) * COLUMNS(0), COLUMNS(0));
}

/* --- norms and activations --- */

/* Of `count` pieces of n. */
static void pieces_exact(size_t count, size_t n, const double *x, const double *gain,
                         const double *bias, bool rms, double *y)
{
  for (size_t piece = 0; piece < count; piece++, x += n, y += n) {
    double mean = 0, square = 0;
    for (size_t i = 0; i < n && !rms; i++)
      mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
      square += (x[i] - mean) * (x[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++)
      y[i] = (x[i] - mean) / sqrt(square + (double)1e-2f) * (gain ? gain[i] : 1) +
             (bias ? bias[i] : 0);
  }
}
static void norm_exact(gcase *c, const double *x, const double *gain, const double *bias, bool rms,
                       double *y)
{
  pieces_exact(ROWS(0), COLUMNS(0), x, gain, bias, rms, y);
}
static size_t layer_norm(gcase *c, struct tape *t, const size_t *x)
{
  bool plain = !ROWS(1);
  return tape_layer_norm(t, x[0], plain ? TAPE_NONE : x[1], plain ? TAPE_NONE : x[2], 1e-2f);
}
static void layer_norm_exact(gcase *c, double *const *x, double *y)
{
  norm_exact(c, x[0], x[1], x[2], false, y);
}
static size_t rms_norm(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_rms_norm(t, x[0], x[1], 1e-2f);
}
static void rms_norm_exact(gcase *c, double *const *x, double *y)
{
  norm_exact(c, x[0], x[1], NULL, true, y);
}

/* Rms norms of three heads with one gain; layer norms with a gain for each. */
static size_t shared_norm(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_head_norm(t, x[0], 3, x + 1, 1, true, 1e-2f);
}
static void shared_norm_exact(gcase *c, double *const *x, double *y)
{
  pieces_exact(3 * ROWS(0), COLUMNS(0) / 3, x[0], x[1], NULL, true, y);
}
static size_t own_norms(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_head_norm(t, x[0], 3, x + 1, 3, false, 1e-2f);
}
static void own_norms_exact(gcase *c, double *const *x, double *y)
{
  size_t n = COLUMNS(0) / 3;
  for (size_t i = 0; i < 3 * ROWS(0); i++)
    pieces_exact(1, n, x[0] + i * n, x[1 + i % 3], NULL, false, y + i * n);
}

static size_t clip(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_clip(t, x[0], 1.0004f);
}
static void clip_exact(gcase *c, double *const *x, double *y)
{
  for (size_t i = 0; i < SIZE(0); i++)
    y[i] = fmax(fmin(x[0][i], (double)1.0004f), -(double)1.0004f);
}
static size_t gelu(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_gelu(t, x[0]);
}
static void gelu_exact(gcase *c, double *const *x, double *y)
{
  for (size_t i = 0; i < SIZE(0); i++)
    y[i] = 0.5 * x[0][i] * (1 + erf(x[0][i] * sqrt(0.5)));
}
static size_t gelu_tanh(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_gelu_tanh(t, x[0]);
}
static void gelu_tanh_exact(gcase *c, double *const *x, double *y)
{
  for (size_t i = 0; i < SIZE(0); i++) {
    double v = x[0][i];
    y[i] = 0.5 * v * (1 + tanh(0.79788456080286535588 * (v + 0.044715 * v * v * v)));
  }
}
static size_t silu(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_silu_mul(t, x[0]);
}
static void silu_exact(gcase *c, double *const *x, double *y)
{
  size_t n = COLUMNS(0) / 2;
  for (size_t i = 0; i < ROWS(0) * n; i++) {
    const double *row = x[0] + i / n * 2 * n;
    y[i] = row[i % n] / (1 + exp(-row[i % n])) * row[n + i % n];
  }
}

#define NO_HEADS                                                                                   \
  {                                                                                                \
    {0}, 0, false                                                                                  \
  }
#define ONE                                                                                        \
  {                                                                                                \
    1, 1, false                                                                                    \
  }

const struct gradient_case gradient_cases_common[] = {
    {"embed", {{5, 7, false}}, NO_HEADS, embed, embed_exact, 1},
    {"select rows", {{4, 1, false}}, NO_HEADS, select_rows, embed_exact, 1},
    {"transpose", {{5, 3, false}}, NO_HEADS, transpose, transpose_exact, 1},
    {"place rows", {{3, 4, false}, {2, 4, false}}, NO_HEADS, place, place_exact, 3},
    {"add", {{6, 5, false}, {6, 5, false}}, NO_HEADS, add, add_exact, 3},
    {"add, one element", {ONE, ONE}, NO_HEADS, add, add_exact, 3},
    {"views", {{3, 12, false}}, NO_HEADS, views, views_exact, 1},
    {"scale", {{2, 19, false}}, NO_HEADS, scale, scale_exact, 1},
    {"replace", {{5, 6, false}, {5, 6, false}}, NO_HEADS, replace, replace_exact, 3},
    {"rewrite", {{4, 7, false}}, NO_HEADS, rewrite, rewrite_exact, 0},
    {"outer product", {{3, 2, false}, {1, 19, false}}, NO_HEADS, outer, outer_exact, 1},
    {"outer product, one row", {ONE, {5, 1, false}}, NO_HEADS, outer, outer_exact, 2},
    {"linear",
     {{9, 7, false}, {5, 7, false}, {1, 5, false}, {6, 7, false}},
     NO_HEADS,
     linear,
     linear_exact,
     0},
    {"linear, one of each", {ONE, ONE, ONE, {3, 1, false}}, NO_HEADS, linear, linear_exact, 0},
    {"linear, long sums",
     {{300, 3, false}, {2, 3, false}, {1, 2, false}, {3, 3, false}},
     NO_HEADS,
     linear,
     linear_exact,
     0},
    {"linear, wide", {{2, 300, false}, {270, 300, false}}, NO_HEADS, product, product_exact, 1},
    {"linear, in its weight",
     {{20, 33, true}, {17, 33, false}},
     NO_HEADS,
     product,
     product_exact,
     2},
    {"linear, square", {{6, 16, false}, {16, 16, false}}, NO_HEADS, product, product_exact, 1},
    {"layer norm",
     {{7, 33, false}, {1, 33, false}, {1, 33, false}},
     NO_HEADS,
     layer_norm,
     layer_norm_exact,
     0},
    {"layer norm, 300 rows",
     {{300, 5, false}, {1, 5, false}, {1, 5, false}},
     NO_HEADS,
     layer_norm,
     layer_norm_exact,
     0},
    {"layer norm, one column",
     {{4, 1, false}, ONE, ONE},
     NO_HEADS,
     layer_norm,
     layer_norm_exact,
     0},
    {"layer norm, plain", {{1, 20, false}}, NO_HEADS, layer_norm, layer_norm_exact, 0},
    {"layer norm, fixed input",
     {{7, 9, true}, {1, 9, false}, {1, 9, false}},
     NO_HEADS,
     layer_norm,
     layer_norm_exact,
     0},
    {"rms norm", {{5, 34, false}, {1, 34, false}}, NO_HEADS, rms_norm, rms_norm_exact, 0},
    {"rms norm, one column", {{3, 1, false}, ONE}, NO_HEADS, rms_norm, rms_norm_exact, 0},
    {"norms of heads, one gain",
     {{5, 24, false}, {1, 8, false}},
     NO_HEADS,
     shared_norm,
     shared_norm_exact,
     0},
    {"norms of heads",
     {{5, 24, false}, {1, 8, false}, {1, 8, false}, {1, 8, false}},
     NO_HEADS,
     own_norms,
     own_norms_exact,
     0},
    {"clip", {{4, 21, false}}, NO_HEADS, clip, clip_exact, 0},
    {"GELU", {{3, 37, false}}, NO_HEADS, gelu, gelu_exact, 0},
    {"GELU (tanh)", {{3, 37, false}}, NO_HEADS, gelu_tanh, gelu_tanh_exact, 0},
    {"SiLU times up", {{3, 34, false}}, NO_HEADS, silu, silu_exact, 0},
};
const size_t gradient_cases_common_count =
    sizeof gradient_cases_common / sizeof *gradient_cases_common;

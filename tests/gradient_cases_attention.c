/* Cases of attention: rotation, scores, softmax, mix. */
#include "gradient_check.h"

#include <math.h>
#include <string.h>

#define PAIRS 2
static const float cosines[] = {1, 1, 0.8f, 0.6f, -0.28f, 0, 0.96f, -1};
static const float sines[] = {0, 0, 0.6f, 0.8f, 0.96f, 1, -0.28f, 0};

static size_t rope(gcase *c, struct tape *t, const size_t *x)
{
  return tape_rope(t, x[0],
                   &(struct tape_rotation){.seq_len = c->shape.heads.seq_len,
                                           .head_dim = c->shape.heads.head_dim,
                                           .half = PAIRS,
                                           .heads = c->shape.heads.kv_heads,
                                           .interleaved = c->shape.flag,
                                           .cosine = cosines,
                                           .sine = sines});
}
static void rope_exact(gcase *c, double *const *x, double *y)
{
  size_t d = c->shape.heads.head_dim;
  memcpy(y, x[0], SIZE(0) * sizeof *y);
  for (size_t i = 0; i < SIZE(0) / d; i++)
    for (size_t j = 0; j < PAIRS && i % (COLUMNS(0) / d) < c->shape.heads.kv_heads; j++) {
      size_t at = i / (COLUMNS(0) / d) % c->shape.heads.seq_len * PAIRS + j;
      double *one = y + i * d + (c->shape.flag ? 2 * j : j);
      double *other = c->shape.flag ? one + 1 : one + PAIRS, a = *one, b = *other;
      *one = a * (double)cosines[at] - b * (double)sines[at];
      *other = b * (double)cosines[at] + a * (double)sines[at];
    }
}

/* Row (sequence, head, query), and the token of a position. */
static size_t query_row(gcase *c, size_t s, size_t h, size_t i)
{
  return (s * c->shape.heads.heads + h) * c->shape.heads.seq_len + i;
}
#define EACH_QUERY                                                                                 \
  const struct tape_heads *a = &c->shape.heads;                                                    \
  for (size_t s = 0; s < a->sequences; s++)                                                        \
    for (size_t h = 0, g = a->heads / a->kv_heads; h < a->heads; h++)                              \
      for (size_t i = 0; i < a->seq_len; i++)

static size_t scores(gcase *c, struct tape *t, const size_t *x)
{
  return tape_scores(t, x[0], x[1], &c->shape.heads);
}
static void scores_exact(gcase *c, double *const *x, double *y)
{
  EACH_QUERY
  {
    double *row = y + query_row(c, s, h, i) * a->seq_len;
    memset(row, 0, a->seq_len * sizeof *row);
    for (size_t j = 0; j <= i; j++)
      row[j] =
          row_product(x[0] + (s * a->seq_len + i) * COLUMNS(0) + h * a->head_dim,
                      x[1] + (s * a->seq_len + j) * COLUMNS(1) + h / g * a->head_dim, a->head_dim) *
          (a->scale > 0 ? (double)a->scale : 1 / sqrt((double)a->head_dim));
  }
}
static size_t softmax(gcase *c, struct tape *t, const size_t *x)
{
  return tape_causal_softmax(t, x[0], c->shape.heads.seq_len, c->shape.top_k);
}
/* top_k is the window here. */
static void softmax_exact(gcase *c, double *const *x, double *y)
{
  for (size_t row = 0, n = COLUMNS(0), w = c->shape.top_k; row < ROWS(0); row++) {
    double sum = 0;
    size_t end = row % n + 1, first = w && end > w ? end - w : 0;
    for (size_t j = first; j < end; j++)
      sum += exp(x[0][row * n + j]);
    for (size_t j = 0; j < n; j++)
      y[row * n + j] = j >= first && j < end ? exp(x[0][row * n + j]) / sum : 0;
  }
}
/* Of scores by way of zeros: the pattern's part after the query is not read. */
static size_t mix(gcase *c, struct tape *t, const size_t *x)
{
  size_t pattern = tape_causal_softmax(t, x[0], c->shape.heads.seq_len, 0);
  return tape_mix(t, pattern, x[1], &c->shape.heads);
}
static void mix_exact(gcase *c, double *const *x, double *y)
{
  static double pattern[1 << 18];
  softmax_exact(c, x, pattern);
  EACH_QUERY
  {
    double *out = y + ((s * a->seq_len + i) * a->heads + h) * a->head_dim;
    memset(out, 0, a->head_dim * sizeof *out);
    for (size_t j = 0; j <= i; j++)
      for (size_t d = 0; d < a->head_dim; d++)
        out[d] += pattern[query_row(c, s, h, i) * a->seq_len + j] *
                  x[1][(s * a->seq_len + j) * COLUMNS(1) + h / g * a->head_dim + d];
  }
}

#define HEADS(n, t, h, kv, d)                                                                      \
  {                                                                                                \
    {n, t, h, kv, d, 0}, 0, false                                                                  \
  }

const struct gradient_case gradient_cases_attention[] = {
    {"rotation", {{8, 12, false}}, HEADS(2, 4, 2, 2, 6), rope, rope_exact, 1},
    {"rotation, pairs", {{8, 12, false}}, {{2, 4, 2, 2, 6, 0}, 0, true}, rope, rope_exact, 1},
    {"rotation, of one head", {{8, 12, false}}, HEADS(2, 4, 2, 1, 6), rope, rope_exact, 1},
    {"rotation, T = 1", {{3, 4, false}}, HEADS(3, 1, 1, 1, 4), rope, rope_exact, 1},
    {"scores", {{10, 24, false}, {10, 24, false}}, HEADS(2, 5, 3, 3, 8), scores, scores_exact, 1},
    {"scores, grouped",
     {{10, 24, false}, {10, 8, false}},
     HEADS(2, 5, 6, 2, 4),
     scores,
     scores_exact,
     2},
    {"scores, scaled",
     {{5, 8, false}, {5, 8, false}},
     {{1, 5, 2, 2, 4, 0.3f}, 0, false},
     scores,
     scores_exact,
     1},
    {"scores, T = 1",
     {{3, 4, false}, {3, 4, false}},
     HEADS(3, 1, 1, 1, 4),
     scores,
     scores_exact,
     1},
    {"scores, long",
     {{300, 2, false}, {300, 2, false}},
     HEADS(1, 300, 1, 1, 2),
     scores,
     scores_exact,
     1},
    {"causal softmax", {{21, 7, false}}, HEADS(1, 7, 3, 3, 1), softmax, softmax_exact, 0},
    {"causal softmax, window",
     {{27, 9, false}},
     {{1, 9, 3, 3, 1, 0}, 4, false},
     softmax,
     softmax_exact,
     0},
    {"causal softmax, T = 1", {{3, 1, false}}, HEADS(1, 1, 3, 3, 1), softmax, softmax_exact, 0},
    {"mix values", {{30, 5, false}, {10, 24, false}}, HEADS(2, 5, 3, 3, 8), mix, mix_exact, 2},
    {"mix values, grouped",
     {{60, 5, false}, {10, 8, false}},
     HEADS(2, 5, 6, 2, 4),
     mix,
     mix_exact,
     2},
    {"mix values, T = 1", {{6, 1, false}, {3, 4, false}}, HEADS(3, 1, 2, 1, 4), mix, mix_exact, 2},
    {"mix values, long",
     {{300, 300, false}, {300, 2, false}},
     HEADS(1, 300, 1, 1, 2),
     mix,
     mix_exact,
     2},
};
const size_t gradient_cases_attention_count =
    sizeof gradient_cases_attention / sizeof *gradient_cases_attention;

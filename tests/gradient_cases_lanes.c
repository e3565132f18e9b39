/* Cases of short sequences that lie side by side in lanes. top_k of the shape is the first query.
 */
#include "gradient_check.h"

#include "tape/lanes.h"

#include <math.h>
#include <string.h>

static struct tape_lanes lanes_of(gcase *c)
{
  const struct tape_heads *h = &c->shape.heads;
  return (struct tape_lanes){h->sequences, h->seq_len, c->shape.top_k, h->heads, h->head_dim};
}

static size_t across(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_linear_across(t, x[0], x[1]);
}
static void across_exact(gcase *c, double *const *x, double *y)
{
  for (size_t o = 0; o < ROWS(1); o++)
    for (size_t n = 0; n < ROWS(0); n++)
      y[o * ROWS(0) + n] = row_product(x[0] + n * COLUMNS(0), x[1] + o * COLUMNS(0), COLUMNS(0));
}

static size_t back(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_linear_back(t, x[0], x[1]);
}
static void back_exact(gcase *c, double *const *x, double *y)
{
  for (size_t i = 0; i < COLUMNS(0) * ROWS(1); i++) {
    y[i] = 0;
    for (size_t k = 0; k < ROWS(0); k++)
      y[i] += x[0][k * COLUMNS(0) + i / ROWS(1)] * x[1][i % ROWS(1) * COLUMNS(1) + k];
  }
}

#define PICKS 61
static int32_t picks[PICKS];
static size_t embed(gcase *c, struct tape *t, const size_t *x)
{
  for (size_t i = 0; i < PICKS; i++)
    picks[i] = (int32_t)(i * i % ROWS(0));
  return tape_embed_across(t, x[0], picks, PICKS);
}
static void embed_exact(gcase *c, double *const *x, double *y)
{
  for (size_t i = 0; i < COLUMNS(0) * PICKS; i++)
    y[i] = x[0][(size_t)picks[i % PICKS] * COLUMNS(0) + i / PICKS];
}

/* Angles of 5 positions and 2 pairs. */
static const float cosines[] = {1, 1, 0.8f, 0.6f, -0.28f, 0, 0.96f, -1, 0.28f, 0.8f};
static const float sines[] = {0, 0, 0.6f, 0.8f, 0.96f, 1, -0.28f, 0, 0.96f, -0.6f};
static size_t rope(gcase *c, struct tape *t, const size_t *x)
{
  struct tape_lanes l = lanes_of(c);
  return tape_rope_across(t, x[0], &l, c->shape.flag, cosines, sines);
}
static void rope_exact(gcase *c, double *const *x, double *y)
{
  size_t n = COLUMNS(0), half = c->shape.heads.head_dim / 2;
  size_t first = c->shape.flag ? c->shape.top_k : 0;
  for (size_t row = 0; row < ROWS(0); row += 2)
    for (size_t i = 0; i < n; i++) {
      size_t at = (first + i / c->shape.heads.sequences) * half + row / 2 % half;
      double a = x[0][row * n + i], b = x[0][(row + 1) * n + i];
      y[row * n + i] = a * (double)cosines[at] - b * (double)sines[at];
      y[(row + 1) * n + i] = b * (double)cosines[at] + a * (double)sines[at];
    }
}

/* Every head, query and sequence. */
#define EACH_QUERY                                                                                 \
  const struct tape_lanes l = lanes_of(c);                                                         \
  const size_t N = l.sequences, Q = l.seq_len - l.first_query;                                     \
  for (size_t h = 0; h < l.heads; h++)                                                             \
    for (size_t i = l.first_query; i < l.seq_len; i++)                                             \
      for (size_t s = 0; s < N; s++)

static size_t scores(gcase *c, struct tape *t, const size_t *x)
{
  struct tape_lanes l = lanes_of(c);
  return tape_scores_across(t, x[0], x[1], &l);
}
static void scores_exact(gcase *c, double *const *x, double *y)
{
  EACH_QUERY
  for (size_t j = 0; j < l.seq_len; j++) {
    double sum = 0;
    for (size_t d = h * l.head_dim; d < (h + 1) * l.head_dim && j <= i; d++)
      sum += x[0][d * Q * N + (i - l.first_query) * N + s] * x[1][d * l.seq_len * N + j * N + s];
    y[tape_lanes_row(&l, h, i, j) * N + s] = sum / sqrt((double)l.head_dim);
  }
}

static size_t softmax(gcase *c, struct tape *t, const size_t *x)
{
  struct tape_lanes l = lanes_of(c);
  return tape_softmax_across(t, x[0], &l);
}
static void softmax_exact(gcase *c, double *const *x, double *y)
{
  EACH_QUERY
  {
    double sum = 0;
    for (size_t j = 0; j <= i; j++)
      sum += exp(x[0][tape_lanes_row(&l, h, i, j) * N + s]);
    for (size_t j = 0; j < l.seq_len; j++) {
      size_t at = tape_lanes_row(&l, h, i, j) * N + s;
      y[at] = j <= i ? exp(x[0][at]) / sum : 0;
    }
  }
  (void)Q;
}

/* Of scores by way of their softmax, which is used twice: gradients are added. */
static size_t mix(gcase *c, struct tape *t, const size_t *x)
{
  struct tape_lanes l = lanes_of(c);
  size_t pattern = tape_softmax_across(t, x[0], &l);
  size_t first = tape_mix_across(t, pattern, x[1], &l);
  size_t second = tape_mix_across(t, pattern, x[1], &l);
  return tape_add(t, (const size_t[]){first, second}, 2);
}
static void mix_exact(gcase *c, double *const *x, double *y)
{
  static double pattern[1 << 12];
  softmax_exact(c, x, pattern);
  EACH_QUERY
  for (size_t d = h * l.head_dim; d < (h + 1) * l.head_dim; d++) {
    double *out = y + d * Q * N + (i - l.first_query) * N + s;
    *out = 0;
    for (size_t j = 0; j <= i; j++)
      *out +=
          2 * pattern[tape_lanes_row(&l, h, i, j) * N + s] * x[1][d * l.seq_len * N + j * N + s];
  }
}

static const size_t spread_rows[] = {4, 1};
static int32_t spread_columns[2 * 21];
static size_t spread(gcase *c, struct tape *t, const size_t *x)
{
  for (size_t i = 0; i < 2 * COLUMNS(0); i++)
    spread_columns[i] = (int32_t)((i + i / COLUMNS(0)) % 7);
  return tape_spread(t, x[0], spread_rows, 2, spread_columns, 7, -3.5f);
}
static void spread_exact(gcase *c, double *const *x, double *y)
{
  size_t n = COLUMNS(0);
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < 7; j++)
      y[i * 7 + j] = -3.5;
    for (size_t k = 0; k < 2; k++)
      y[i * 7 + (size_t)spread_columns[k * n + i]] = x[0][spread_rows[k] * n + i];
  }
}

static size_t stack(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  return tape_stack_rows(t, x[0], x[1]);
}
static void stack_exact(gcase *c, double *const *x, double *y)
{
  memcpy(y, x[0], SIZE(0) * sizeof *y);
  memcpy(y + SIZE(0), x[1], SIZE(1) * sizeof *y);
}

#define LANES(n, t, first, h, d)                                                                   \
  {                                                                                                \
    {n, t, h, h, d, 0}, first, false                                                               \
  }

const struct gradient_case gradient_cases_lanes[] = {
    {"linear across",
     {{21, 13, false}, {10, 13, false}},
     LANES(1, 1, 0, 1, 1),
     across,
     across_exact,
     2},
    {"linear back", {{13, 21, false}, {10, 13, false}}, LANES(1, 1, 0, 1, 1), back, back_exact, 2},
    {"embed across", {{9, 70, false}}, LANES(1, 1, 0, 1, 1), embed, embed_exact, 1},
    {"rotation across", {{8, 35, false}}, LANES(7, 5, 3, 2, 4), rope, rope_exact, 1},
    {"rotation across, queries",
     {{8, 14, false}},
     {{7, 5, 2, 2, 4, 0}, 3, true},
     rope,
     rope_exact,
     1},
    {"scores across",
     {{8, 85, false}, {8, 85, false}},
     LANES(17, 5, 0, 2, 4),
     scores,
     scores_exact,
     2},
    {"scores across, last query",
     {{8, 3, false}, {8, 15, false}},
     LANES(3, 5, 4, 2, 4),
     scores,
     scores_exact,
     2},
    {"softmax across", {{50, 17, false}}, LANES(17, 5, 0, 2, 4), softmax, softmax_exact, 0},
    {"softmax across, last queries",
     {{20, 3, false}},
     LANES(3, 5, 3, 2, 4),
     softmax,
     softmax_exact,
     0},
    {"mix across", {{50, 17, false}, {8, 85, false}}, LANES(17, 5, 0, 2, 4), mix, mix_exact, 2},
    {"mix across, last query",
     {{10, 3, false}, {8, 15, false}},
     LANES(3, 5, 4, 2, 4),
     mix,
     mix_exact,
     2},
    {"stack rows", {{5, 7, false}, {3, 7, false}}, LANES(1, 1, 0, 1, 1), stack, stack_exact, 3},
    {"spread", {{6, 21, false}}, LANES(1, 1, 0, 1, 1), spread, spread_exact, 0},
};
const size_t gradient_cases_lanes_count =
    sizeof gradient_cases_lanes / sizeof *gradient_cases_lanes;

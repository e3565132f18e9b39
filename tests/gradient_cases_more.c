/* Cases of experts and of losses. */
#include "gradient_check.h"

#include <math.h>
#include <string.h>

/* --- experts: what moves the logits, x, then gate, up [f][d] and down [d][f] of each expert ---
 *
 * The choice is that of fixed numbers, added to the logits: it does not move with them. Expert 1 is
 * never chosen; experts 0 and 2 tie, and so do the rows' logits there. */

#define EXPERTS 5
#define MOST_ROWS 12

/* What is added to a row's logits: far apart, but where they tie. */
static double bias_at(size_t row, size_t expert)
{
  static const double biases[EXPERTS] = {20, -60, 20, 0, 40};
  return biases[(expert == 1) ? 1 : expert] + (expert == 3 && row % 2 ? 60 : 0);
}

static float biases[MOST_ROWS * EXPERTS];

/* Whether an expert is one of the top_k of a row. */
static bool is_chosen(gcase *c, size_t row, size_t expert)
{
  size_t better = 0;
  for (size_t e = 0; e < EXPERTS; e++)
    better += bias_at(row, e) > bias_at(row, expert) ||
              (bias_at(row, e) == bias_at(row, expert) && e < expert);
  return better < c->shape.top_k;
}

/* Logits of a row: those two that tie have the same. */
static void logits_of(gcase *c, const double *x, size_t row, double logits[EXPERTS])
{
  (void)c;
  for (size_t e = 0; e < EXPERTS; e++)
    logits[e] = x[row * 1] * (double)(e == 2 ? 0 : e) / 8 + bias_at(row, e) / 16;
}

/* [N][1] times [E][1], whose rows 0 and 2 are equal, plus biases. */
static size_t record_logits(gcase *c, struct tape *t, size_t x)
{
  static const float slopes[EXPERTS] = {0, 0.125f, 0, 0.375f, 0.5f};
  for (size_t i = 0; i < ROWS(0) * EXPERTS; i++)
    biases[i] = (float)(bias_at(i / EXPERTS, i % EXPERTS) / 16);
  size_t weight = tape_leaf(t, EXPERTS, 1, slopes, NULL);
  size_t fixed = tape_leaf(t, ROWS(0), EXPERTS, biases, NULL);
  size_t moved = tape_linear(t, x, &(struct tape_part){weight, TAPE_NONE, 0, EXPERTS}, 1);
  return tape_add(t, (const size_t[]){moved, fixed}, 2);
}

static void weights_of(gcase *c, const double *x, size_t row, double w[EXPERTS])
{
  double logits[EXPERTS], sum = 0, chosen = 0;
  logits_of(c, x, row, logits);
  for (size_t e = 0; e < EXPERTS; e++)
    sum += exp(logits[e]);
  for (size_t e = 0; e < EXPERTS; e++) {
    w[e] = exp(logits[e]) / sum;
    chosen += is_chosen(c, row, e) ? w[e] : 0;
  }
  for (size_t e = 0; e < EXPERTS; e++)
    w[e] = !is_chosen(c, row, e) ? 0 : c->shape.flag ? w[e] / chosen : w[e];
}

static size_t route(gcase *c, struct tape *t, const size_t *x)
{
  return tape_route(t, record_logits(c, t, x[0]), c->shape.top_k, c->shape.flag);
}
static void route_exact(gcase *c, double *const *x, double *y)
{
  for (size_t row = 0; row < ROWS(0); row++) {
    double w[EXPERTS];
    weights_of(c, x[0], row, w);
    for (size_t e = 0; e < EXPERTS; e++)
      if (is_chosen(c, row, e))
        *y++ = w[e];
  }
}

/* Gate, up and down of an expert. */
#define GATE(e) (2 + 3 * (e))
#define UP(e) (3 + 3 * (e))
#define DOWN(e) (4 + 3 * (e))

static size_t experts(gcase *c, struct tape *t, const size_t *x)
{
  struct tape_part up[2 * EXPERTS], down[EXPERTS];
  size_t to = route(c, t, x), rows = tape_gather(t, x[1], to), f = ROWS(2);
  for (size_t e = 0; e < EXPERTS; e++) {
    up[2 * e] = (struct tape_part){x[GATE(e)], TAPE_NONE, 0, f};
    up[2 * e + 1] = (struct tape_part){x[UP(e)], TAPE_NONE, 0, f};
    down[e] = (struct tape_part){x[DOWN(e)], TAPE_NONE, 0, COLUMNS(1)};
  }
  size_t inner = tape_silu_mul(t, tape_expert_linear(t, rows, to, up, 2));
  return tape_combine(t, tape_expert_linear(t, inner, to, down, 1), to);
}

static void expert_exact(gcase *c, double *const *x, size_t row, size_t e, double w, double *y)
{
  size_t d = COLUMNS(1), f = ROWS(2);
  double inner[64];
  for (size_t i = 0; i < f; i++) {
    double gate = row_product(x[1] + row * d, x[GATE(e)] + i * d, d);
    inner[i] = gate / (1 + exp(-gate)) * row_product(x[1] + row * d, x[UP(e)] + i * d, d);
  }
  for (size_t i = 0; i < d; i++)
    y[i] += w * row_product(inner, x[DOWN(e)] + i * f, f);
}

static void experts_exact(gcase *c, double *const *x, double *y)
{
  memset(y, 0, ROWS(1) * COLUMNS(1) * sizeof *y);
  for (size_t row = 0; row < ROWS(1); row++) {
    double w[EXPERTS];
    weights_of(c, x[0], row, w);
    for (size_t e = 0; e < EXPERTS; e++)
      if (is_chosen(c, row, e))
        expert_exact(c, x, row, e, w[e], y + row * COLUMNS(1));
  }
}

/* Without what is not linear: gather, one product, and the sum with fixed weights. */
static size_t linear_experts(gcase *c, struct tape *t, const size_t *x)
{
  struct tape_part parts[EXPERTS];
  size_t to = route(c, t, x);
  for (size_t e = 0; e < EXPERTS; e++)
    parts[e] = (struct tape_part){x[2 + e], TAPE_NONE, 0, ROWS(2)};
  return tape_combine(t, tape_expert_linear(t, tape_gather(t, x[1], to), to, parts, 1), to);
}
static void linear_experts_exact(gcase *c, double *const *x, double *y)
{
  for (size_t row = 0; row < ROWS(1); row++) {
    double w[EXPERTS];
    weights_of(c, x[0], row, w);
    for (size_t o = 0; o < ROWS(2); o++, y++) {
      *y = 0;
      for (size_t e = 0; e < EXPERTS; e++)
        *y += w[e] * row_product(x[1] + row * COLUMNS(1), x[2 + e] + o * COLUMNS(1), COLUMNS(1));
    }
  }
}

/* --- losses --- */

static const int32_t targets[] = {2, 0, 1, 2, 2};
static const float weights[] = {1, -0.5f, 2, 0, 0.25f};

static size_t entropy(gcase *c, struct tape *t, const size_t *x)
{
  (void)tape_cross_entropy(t, x[0], targets, c->shape.flag ? weights : NULL, CASE_COEFFICIENT);
  return TAPE_NONE;
}
static void entropy_exact(gcase *c, double *const *x, double *y)
{
  *y = 0;
  for (size_t row = 0; row < ROWS(0); row++) {
    const double *logits = x[0] + row * COLUMNS(0);
    double sum = 0;
    for (size_t v = 0; v < COLUMNS(0); v++)
      sum += exp(logits[v]);
    *y += CASE_COEFFICIENT * (c->shape.flag ? (double)weights[row] : 1) *
          (log(sum) - logits[targets[row] < (int)COLUMNS(0) ? targets[row] : 0]);
  }
}

static size_t squared(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  (void)tape_squared_error(t, x[0], x[1], CASE_COEFFICIENT);
  return TAPE_NONE;
}
static void squared_exact(gcase *c, double *const *x, double *y)
{
  *y = 0;
  for (size_t i = 0; i < ROWS(0) * COLUMNS(0); i++)
    *y += CASE_COEFFICIENT * (x[0][i] - x[1][i]) * (x[0][i] - x[1][i]);
}

static size_t weighted(gcase *c, struct tape *t, const size_t *x)
{
  (void)c;
  (void)tape_weighted_sum(t, x[0], x[1], CASE_COEFFICIENT);
  return TAPE_NONE;
}
static void weighted_exact(gcase *c, double *const *x, double *y)
{
  *y = CASE_COEFFICIENT * row_product(x[0], x[1], ROWS(0) * COLUMNS(0));
}

static size_t balancing(gcase *c, struct tape *t, const size_t *x)
{
  size_t logits = record_logits(c, t, x[0]);
  (void)tape_load_balancing(t, logits, tape_route(t, logits, c->shape.top_k, false),
                            CASE_COEFFICIENT);
  return TAPE_NONE;
}
static void balancing_exact(gcase *c, double *const *x, double *y)
{
  double n = (double)ROWS(0);
  *y = 0;
  for (size_t e = 0; e < EXPERTS; e++) {
    double share = 0, mean = 0;
    for (size_t row = 0; row < ROWS(0); row++) {
      double logits[EXPERTS], sum = 0;
      logits_of(c, x[0], row, logits);
      for (size_t i = 0; i < EXPERTS; i++)
        sum += exp(logits[i]);
      mean += exp(logits[e]) / sum / n;
      share += is_chosen(c, row, e) / n;
    }
    *y += CASE_COEFFICIENT * EXPERTS * share * mean;
  }
}

static size_t router_z(gcase *c, struct tape *t, const size_t *x)
{
  size_t logits = record_logits(c, t, x[0]);
  (void)tape_router_z(t, logits, tape_route(t, logits, c->shape.top_k, false), CASE_COEFFICIENT);
  return TAPE_NONE;
}
static void router_z_exact(gcase *c, double *const *x, double *y)
{
  *y = 0;
  for (size_t row = 0; row < ROWS(0); row++) {
    double logits[EXPERTS], sum = 0;
    logits_of(c, x[0], row, logits);
    for (size_t i = 0; i < EXPERTS; i++)
      sum += exp(logits[i]);
    *y += CASE_COEFFICIENT * log(sum) * log(sum) / (double)ROWS(0);
  }
}

#define TOP(k, normalize)                                                                          \
  {                                                                                                \
    {0}, k, normalize                                                                              \
  }
#define MATRICES(d, f)                                                                             \
  {f, d, false}, {f, d, false},                                                                    \
  {                                                                                                \
    d, f, false                                                                                    \
  }
#define EXPERT_INPUTS(n, d, f)                                                                     \
  {                                                                                                \
    {n, 1, false}, {n, d, false}, MATRICES(d, f), MATRICES(d, f), MATRICES(d, f), MATRICES(d, f),  \
        MATRICES(d, f)                                                                             \
  }
#define LINEAR_INPUTS(n, d, o)                                                                     \
  {                                                                                                \
    {n, 1, true}, {n, d, false}, {o, d, true}, {o, d, true}, {o, d, true}, {o, d, true},           \
    {                                                                                              \
      o, d, true                                                                                   \
    }                                                                                              \
  }

const struct gradient_case gradient_cases_more[] = {
    {"route", {{8, 1, false}}, TOP(2, false), route, route_exact, 0},
    {"route, normalised", {{8, 1, false}}, TOP(3, true), route, route_exact, 0},
    {"route to all", {{3, 1, false}}, TOP(EXPERTS, true), route, route_exact, 0},
    {"experts", EXPERT_INPUTS(9, 6, 4), TOP(2, false), experts, experts_exact, 0},
    {"experts, normalised", EXPERT_INPUTS(9, 6, 4), TOP(3, true), experts, experts_exact, 0},
    {"experts, one token", EXPERT_INPUTS(1, 3, 2), TOP(1, false), experts, experts_exact, 0},
    {"experts, linear part", LINEAR_INPUTS(7, 5, 3), TOP(2, false), linear_experts,
     linear_experts_exact, 2},
    {"cross-entropy", {{5, 9, false}}, TOP(0, false), entropy, entropy_exact, 0},
    {"cross-entropy, weighted", {{5, 3, false}}, TOP(0, true), entropy, entropy_exact, 0},
    {"squared error", {{4, 9, false}, {4, 9, true}}, TOP(0, false), squared, squared_exact, 0},
    {"weighted sum", {{4, 9, false}, {4, 9, true}}, TOP(0, false), weighted, weighted_exact, 0},
    {"load balancing", {{7, 1, false}}, TOP(2, false), balancing, balancing_exact, 0},
    {"router z", {{7, 1, false}}, TOP(2, false), router_z, router_z_exact, 0},
};
const size_t gradient_cases_more_count = sizeof gradient_cases_more / sizeof *gradient_cases_more;

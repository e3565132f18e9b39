/* Which experts a token goes to. */
#include "tape/routing.h"

#include <string.h>

static const struct tape_op_kind route_kind;

struct routing routing_of(const struct tape *tape, const struct tape_op *op)
{
  const struct route *route = op->detail;
  size_t rows = op_out(tape, op)->rows, choices = rows * route->top_k;
  struct routing r = {.rows = rows, .experts = route->experts, .top_k = route->top_k};
  char *at = (char *)op->more;
  r.lse = (double *)(void *)at;
  r.order = (size_t *)(void *)(at + rows * sizeof *r.lse);
  r.place = r.order + choices;
  r.starts = r.place + choices;
  r.chosen = (int32_t *)(void *)(r.starts + route->experts + 1);
  r.probabilities = (float *)(void *)(r.chosen + choices);
  return r;
}

static size_t routing_floats(size_t rows, size_t experts, size_t top_k)
{
  size_t choices = rows * top_k;
  size_t bytes = rows * sizeof(double) + (2 * choices + experts + 1) * sizeof(size_t) +
                 choices * sizeof(int32_t) + rows * experts * sizeof(float);
  return (bytes + sizeof(float) - 1) / sizeof(float);
}

/* Whether expert i comes before expert j: the larger logit, the lower index among equals. */
static bool before(const float *logits, size_t i, size_t j)
{
  return logits[i] > logits[j] || (logits[i] == logits[j] && i < j);
}

/* The first top_k in that order, ascending; experts 0, 1, ... where something is not finite. */
static void choose(const float *logits, size_t experts, size_t top_k, bool finite, int32_t *chosen)
{
  size_t last = experts; /* the one chosen before */
  for (size_t k = 0; k < top_k; k++) {
    size_t best = experts, at = k;
    for (size_t i = 0; i < experts && finite; i++)
      if ((last == experts || before(logits, last, i)) &&
          (best == experts || before(logits, i, best)))
        best = i;
    last = finite ? best : k;
    for (; at && chosen[at - 1] > (int32_t)last; at--)
      chosen[at] = chosen[at - 1];
    chosen[at] = (int32_t)last;
  }
}

static void route_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct route *route = op->detail;
  const struct routing r = routing_of(tape, op);
  float *p = r.probabilities + row * r.experts, *w = value_row(op_out(tape, op), row), sum = 0;
  int32_t *chosen = r.chosen + row * r.top_k;
  (void)scratch;
  memcpy(p, value_row(op_in(tape, op, 0), row), r.experts * sizeof *p);
  float first = p[0];
  choose(p, r.experts, r.top_k, tape->kernels->all_finite(p, r.experts), chosen);
  r.lse[row] = tape->kernels->cross_entropy(p, r.experts, 0) + (double)first;
  for (size_t i = 0; i < r.top_k; i++) {
    w[i] = p[chosen[i]];
    sum = sum + w[i];
  }
  for (size_t i = 0; route->normalize && i < r.top_k; i++)
    w[i] = w[i] / sum;
}

/* Choices (row * top_k + slot) by expert, rows ascending within one. */
static void sort_choices(const struct routing *r)
{
  size_t choices = r->rows * r->top_k;
  memset(r->starts, 0, (r->experts + 1) * sizeof *r->starts);
  for (size_t i = 0; i < choices; i++)
    r->starts[r->chosen[i] + 1]++;
  for (size_t i = 0; i < r->experts; i++)
    r->starts[i + 1] += r->starts[i];
  for (size_t i = 0; i < choices; i++) {
    size_t at = r->starts[r->chosen[i]]++;
    r->order[at] = i;
    r->place[i] = at;
  }
  memmove(r->starts + 1, r->starts, r->experts * sizeof *r->starts); /* each moved to the next's */
  r->starts[0] = 0;
}

static void route_forward(struct tape *tape, struct tape_op *op)
{
  const struct routing r = routing_of(tape, op);
  op_each_row(tape, op, r.rows, r.experts * r.experts, route_row);
  sort_choices(&r);
}

static void route_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct route *route = op->detail;
  const struct routing r = routing_of(tape, op);
  const float *p = r.probabilities + row * r.experts, *w = value_row(op_out(tape, op), row);
  const float *dw = gradient_row(op_out(tape, op), row);
  const int32_t *chosen = r.chosen + row * r.top_k;
  float mean = 0, sum = 0;
  for (size_t i = 0; i < r.top_k; i++) {
    sum = sum + p[chosen[i]];
    mean = mean + dw[i] * w[i];
  }
  memset(dx, 0, r.experts * sizeof *dx);
  for (size_t i = 0; i < r.top_k; i++)
    dx[chosen[i]] = route->normalize ? (dw[i] - mean) / sum : dw[i];
  tape->kernels->softmax_backward(p, dx, r.experts, 1.0f);
}

static void route_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_in(tape, op, 0)->columns * 2, route_gradient);
}

static const struct tape_op_kind route_kind = {
    .name = "route", .forward = route_forward, .backward = route_backward, .reads_output = true};

size_t tape_route(struct tape *tape, size_t logits, size_t top_k, bool normalize)
{
  if (!op_given(tape, logits))
    return TAPE_NONE;
  size_t rows = tape_rows(tape, logits), experts = tape_columns(tape, logits);
  if (!top_k || top_k > experts || experts > INT32_MAX)
    return op_fault(tape, "more experts chosen than there are");
  struct tape_op *op = op_record(tape, &route_kind, sizeof(struct route));
  if (!op)
    return TAPE_NONE;
  *(struct route *)op->detail = (struct route){experts, top_k, normalize};
  op->more_floats = routing_floats(rows, experts, top_k);
  op_operand(tape, op, logits);
  return op_output(tape, op, rows, top_k);
}

const struct tape_op *routing_op(struct tape *tape, size_t route)
{
  for (size_t i = 0; op_given(tape, route) && i < tape->op_count; i++)
    if (tape->ops[i].output == route && tape->ops[i].kind == &route_kind)
      return &tape->ops[i];
  op_fault(tape, "experts without a route");
  return NULL;
}

/* Auxiliary losses of experts: load balancing and router z. */
#include "tape/routing.h"

struct router_loss {
  size_t route; /* number of the route's operation */
};

static struct routing routing(const struct tape *tape, const struct tape_op *op)
{
  return routing_of(tape, &tape->ops[((const struct router_loss *)op->detail)->route]);
}

/* Share of the tokens that chose an expert. */
static double share(const struct routing *r, size_t expert)
{
  return (double)(r->starts[expert + 1] - r->starts[expert]) / (double)r->rows;
}

static void balancing_forward(struct tape *tape, struct tape_op *op)
{
  const struct routing r = routing(tape, op);
  op->loss = 0;
  for (size_t e = 0; e < r.experts; e++) {
    double sum = 0;
    for (size_t row = 0; row < r.rows; row++)
      sum += (double)r.probabilities[row * r.experts + e];
    op->loss += share(&r, e) * (sum / (double)r.rows);
  }
  op->loss *= (double)r.experts;
}

static void balancing_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct routing r = routing(tape, op);
  double factor = op->coefficient * (double)r.experts / (double)r.rows;
  for (size_t e = 0; e < r.experts; e++)
    dx[e] = (float)(factor * share(&r, e));
  tape->kernels->softmax_backward(r.probabilities + row * r.experts, dx, r.experts, 1.0f);
}

static void balancing_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_in(tape, op, 0)->columns * 2, balancing_gradient);
}

static const struct tape_op_kind balancing_kind = {.name = "load balancing",
                                                   .forward = balancing_forward,
                                                   .backward = balancing_backward,
                                                   .loss = true};

static void z_forward(struct tape *tape, struct tape_op *op)
{
  const struct routing r = routing(tape, op);
  op->loss = 0;
  for (size_t row = 0; row < r.rows; row++)
    op->loss += r.lse[row] * r.lse[row];
  op->loss /= (double)r.rows;
}

static void z_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct routing r = routing(tape, op);
  double factor = op->coefficient * 2 / (double)r.rows * r.lse[row];
  tape->kernels->scale((float)factor, r.probabilities + row * r.experts, dx, r.experts);
}

static void z_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_in(tape, op, 0)->columns, z_gradient);
}

static const struct tape_op_kind z_kind = {
    .name = "router z", .forward = z_forward, .backward = z_backward, .loss = true};

static size_t record(struct tape *tape, const struct tape_op_kind *kind, size_t logits,
                     size_t route, double coefficient)
{
  const struct tape_op *of = op_given(tape, logits) ? routing_op(tape, route) : NULL;
  if (of && tape->operands[of->first].value != logits)
    return op_fault(tape, "a router loss of other logits than the route's");
  size_t number = of ? (size_t)(of - tape->ops) : 0;
  struct tape_op *op = of ? op_record(tape, kind, sizeof(struct router_loss)) : NULL;
  if (!op)
    return TAPE_NONE;
  ((struct router_loss *)op->detail)->route = number;
  op->coefficient = coefficient;
  op_operand(tape, op, logits);
  return op_loss(tape, op);
}

size_t tape_load_balancing(struct tape *tape, size_t logits, size_t route, double coefficient)
{
  return record(tape, &balancing_kind, logits, route, coefficient);
}

size_t tape_router_z(struct tape *tape, size_t logits, size_t route, double coefficient)
{
  return record(tape, &z_kind, logits, route, coefficient);
}

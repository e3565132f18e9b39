/* Experts: their rows gathered, their products, their outputs combined. */
#include "tape/product.h"
#include "tape/routing.h"

#include <string.h>

/* What each of them keeps: the number of the route's operation. */
struct of_route {
  size_t op;
};

static struct routing routing(const struct tape *tape, const struct tape_op *op)
{
  return routing_of(tape, &tape->ops[((const struct of_route *)op->detail)->op]);
}

/* --- gather --- */

static void gather_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct routing r = routing(tape, op);
  const struct tape_value *y = op_out(tape, op);
  (void)scratch;
  memcpy(value_row(y, row), value_row(op_in(tape, op, 0), r.order[row] / r.top_k),
         y->columns * sizeof(float));
}

static void gather_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 8, gather_row);
}

static void gather_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx)
{
  const struct routing r = routing(tape, op);
  const struct tape_value *y = op_out(tape, op);
  memset(dx, 0, y->columns * sizeof *dx);
  for (size_t i = 0; i < r.top_k; i++)
    tape->kernels->add(gradient_row(y, r.place[row * r.top_k + i]), dx, y->columns);
}

static void gather_backward(struct tape *tape, struct tape_op *op)
{
  op_each_gradient(tape, op, op_out(tape, op)->columns / 2, gather_gradient);
}

static const struct tape_op_kind gather_kind = {
    .name = "gather", .forward = gather_forward, .backward = gather_backward};

static struct tape_op *record(struct tape *tape, const struct tape_op_kind *kind, size_t x,
                              size_t route, size_t detail_bytes)
{
  const struct tape_op *of = op_given(tape, x) ? routing_op(tape, route) : NULL;
  size_t number = of ? (size_t)(of - tape->ops) : 0;
  struct tape_op *op = of ? op_record(tape, kind, detail_bytes) : NULL;
  if (!op)
    return NULL;
  ((struct of_route *)op->detail)->op = number;
  op_operand(tape, op, x);
  return op;
}

size_t tape_gather(struct tape *tape, size_t x, size_t route)
{
  if (tape_rows(tape, x) != tape_rows(tape, route))
    return op_fault(tape, "a route of other tokens");
  struct tape_op *op = record(tape, &gather_kind, x, route, sizeof(struct of_route));
  return op ? op_output(tape, op, tape_rows(tape, x) * tape_columns(tape, route),
                        tape_columns(tape, x))
            : TAPE_NONE;
}

/* --- combine: operands x and the route's weights --- */

static void combine_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct routing r = routing(tape, op);
  const struct tape_value *y = op_out(tape, op), *x = op_in(tape, op, 0);
  const float *w = value_row(op_in(tape, op, 1), row);
  float *to = value_row(y, row);
  (void)scratch;
  memset(to, 0, y->columns * sizeof *to);
  for (size_t i = 0; i < r.top_k; i++)
    tape->kernels->scale_add(w[i], value_row(x, r.place[row * r.top_k + i]), to, y->columns);
}

static void combine_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 2, combine_row);
}

static void combine_back_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct routing r = routing(tape, op);
  const struct tape_value *x = op_in(tape, op, 0), *weights = op_in(tape, op, 1);
  const float *dy = gradient_row(op_out(tape, op), row);
  for (size_t i = 0; i < r.top_k; i++) {
    size_t place = r.place[row * r.top_k + i];
    float w = value_row(weights, row)[i];
    bool add = op_mode(tape, op, 0) == MODE_ADD;
    if (weights->wanted) {
      float dw = tape->kernels->dot(dy, value_row(x, place), x->columns);
      op_put(tape, op_mode(tape, op, 1), &dw, gradient_row(weights, row) + i, 1);
    }
    if (x->wanted)
      tape->kernels->scale(w, dy, add ? scratch : gradient_row(x, place), x->columns);
    if (x->wanted && add)
      tape->kernels->add(scratch, gradient_row(x, place), x->columns);
  }
}

static void combine_backward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns, combine_back_row);
}

static const struct tape_op_kind combine_kind = {
    .name = "combine", .forward = combine_forward, .backward = combine_backward, .reads = 3};

size_t tape_combine(struct tape *tape, size_t x, size_t route)
{
  size_t rows = tape_rows(tape, route);
  if (tape_rows(tape, x) != rows * tape_columns(tape, route))
    return op_fault(tape, "rows that no expert made");
  struct tape_op *op = record(tape, &combine_kind, x, route, sizeof(struct of_route));
  if (!op)
    return TAPE_NONE;
  op_operand(tape, op, route);
  return op_output(tape, op, rows, tape_columns(tape, x));
}

/* --- products --- */

/* Operand 1 + expert * per_expert + i is the weight of a part. */
struct expert_linear {
  struct of_route of;
  size_t per_expert, in, out;
  struct product_part parts[]; /* [experts * per_expert] */
};

struct expert_task {
  struct product product;
  size_t start;
};

/* The thread's scratch: rows of one expert may be all. */
static size_t worker_floats(const struct tape *tape, const struct tape_op *op, bool backward)
{
  const struct expert_linear *linear = op->detail;
  const struct route *route = tape->ops[linear->of.op].detail;
  size_t rows = op_out(tape, op)->rows / route->top_k; /* a token chooses an expert once */
  return product_scratch(tape, rows, linear->in, linear->out, backward);
}

static size_t expert_scratch(const struct tape *tape, const struct tape_op *op, bool backward)
{
  return (size_t)tape->workers * worker_floats(tape, op, backward);
}

static struct expert_task task_of(struct tape *tape, struct tape_op *op, size_t expert, int worker,
                                  bool backward)
{
  const struct expert_linear *linear = op->detail;
  const struct routing r = routing(tape, op);
  const struct tape_value *x = op_in(tape, op, 0), *y = op_out(tape, op);
  size_t start = r.starts[expert];
  float *out = backward ? y->gradient : y->data;
  float *scratch = op->scratch[backward] + (size_t)worker * worker_floats(tape, op, backward);
  return (struct expert_task){{.tape = tape,
                               .op = op,
                               .parts = linear->parts + expert * linear->per_expert,
                               .count = linear->per_expert,
                               .in = linear->in,
                               .out = linear->out,
                               .rows = r.starts[expert + 1] - start,
                               .x = value_row(x, start),
                               .x_stride = x->stride,
                               .y = out + start * y->stride,
                               .y_stride = y->stride,
                               .scratch = scratch,
                               .here = true},
                              start};
}

static void expert_forward_task(struct tape *tape, struct tape_op *op, size_t expert, int worker)
{
  const struct expert_task task = task_of(tape, op, expert, worker, false);
  if (task.product.rows)
    product_forward(&task.product);
}

static void expert_backward_task(struct tape *tape, struct tape_op *op, size_t expert, int worker)
{
  const struct expert_task task = task_of(tape, op, expert, worker, true);
  const struct tape_value *x = op_in(tape, op, 0);
  product_weights(&task.product);
  if (x->wanted && task.product.rows)
    product_input(&task.product, gradient_row(x, task.start), x->stride,
                  op_mode(tape, op, 0) == MODE_ADD);
}

static void each_expert(struct tape *tape, struct tape_op *op, op_task *task)
{
  const struct expert_linear *linear = op->detail;
  size_t experts = routing(tape, op).experts, rows = op_out(tape, op)->rows;
  op_each_task(tape, op, experts, rows * linear->in * linear->out / (16 * experts) + 1, task);
}

static void expert_forward(struct tape *tape, struct tape_op *op)
{
  each_expert(tape, op, expert_forward_task);
}

static void expert_backward(struct tape *tape, struct tape_op *op)
{
  each_expert(tape, op, expert_backward_task);
}

static const struct tape_op_kind expert_kind = {.name = "linear of experts",
                                                .forward = expert_forward,
                                                .backward = expert_backward,
                                                .scratch = expert_scratch,
                                                .reads = UINT32_MAX,
                                                .reads_for_others = true};

size_t tape_expert_linear(struct tape *tape, size_t x, size_t route, const struct tape_part *parts,
                          size_t per_expert)
{
  const struct tape_op *of = routing_op(tape, route);
  if (!of)
    return TAPE_NONE;
  size_t count = ((const struct route *)of->detail)->experts * per_expert;
  struct tape_op *op = record(tape, &expert_kind, x, route,
                              sizeof(struct expert_linear) + count * sizeof(struct product_part));
  if (!op)
    return TAPE_NONE;
  struct expert_linear *linear = op->detail;
  linear->per_expert = per_expert;
  linear->in = tape_columns(tape, x);
  for (size_t i = 0; i < count; i++) {
    size_t rows = tape_rows(tape, parts[i].weight);
    if (!op_given(tape, parts[i].weight) || tape_columns(tape, parts[i].weight) != linear->in ||
        parts[i].first || parts[i].count != rows || parts[i].bias != TAPE_NONE ||
        (i >= per_expert && rows != linear->parts[i % per_expert].count))
      return op_fault(tape, "an expert's weight of the wrong shape");
    size_t operand = op_operand(tape, op, parts[i].weight);
    linear->parts[i] = (struct product_part){operand, TAPE_NONE, 0, rows};
    linear->out += i < per_expert ? rows : 0;
  }
  return op_output(tape, op, tape_rows(tape, x), linear->out);
}

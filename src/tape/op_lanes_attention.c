/* Scores, softmax and mix of sequences that lie in lanes. */
#include "tape/lanes.h"
#include "tape/op.h"

#include <math.h>
#include <string.h>

/* One head's part of an operation, by (head, query) or (head, key). */
struct unit {
  const struct kernels *kernels;
  const struct tape_lanes *l;
  size_t n, head, position;
};

/* Row of the head's first feature, column of a position: of queries, or of keys and values. */
static float *at_query(const struct unit *u, const struct tape_value *x, float *data, size_t query)
{
  return data + u->head * u->l->head_dim * x->stride + (query - u->l->first_query) * u->n;
}
static float *at_key(const struct unit *u, const struct tape_value *x, float *data, size_t key)
{
  return data + u->head * u->l->head_dim * x->stride + key * u->n;
}

/* Patterns and the like have rows of just n. */
static float *at_pair(const struct unit *u, float *data, size_t query, size_t key)
{
  return data + tape_lanes_row(u->l, u->head, query, key) * u->n;
}

/* out[j] = a_query b_j over head_dim for keys j up to the query, +0 for the others. */
static void outer(const struct unit *u, const float *a, size_t a_stride, const float *b,
                  size_t b_stride, float *out)
{
  size_t keys = u->position + 1;
  u->kernels->lane_products(&(struct lane_products){.a = a,
                                                    .b = b,
                                                    .y = out,
                                                    .rows = keys,
                                                    .k = u->l->head_dim,
                                                    .n = u->n,
                                                    .b_row = u->n,
                                                    .y_row = u->n,
                                                    .a_step = a_stride,
                                                    .b_step = b_stride});
  memset(out + keys * u->n, 0, (u->l->seq_len - keys) * u->n * sizeof *out);
}

/* out[f] = sum over keys of m_j x_j[f] for the head's features; m from key 0 on. */
static void over_keys(const struct unit *u, const float *m, const float *x, size_t x_stride,
                      float *out, size_t out_stride, bool add)
{
  u->kernels->lane_products(&(struct lane_products){.a = m,
                                                    .b = x,
                                                    .y = out,
                                                    .rows = u->l->head_dim,
                                                    .k = u->position + 1,
                                                    .n = u->n,
                                                    .b_row = x_stride,
                                                    .y_row = out_stride,
                                                    .a_step = u->n,
                                                    .b_step = u->n,
                                                    .add = add});
}

static size_t first_query_of(const struct unit *u)
{
  return u->position > u->l->first_query ? u->position : u->l->first_query;
}

/* The same over the queries that see a key; m and x from the first of them on. */
static void over_queries(const struct unit *u, const float *m, const float *x, size_t x_stride,
                         float *out, size_t out_stride, bool add)
{
  u->kernels->lane_products(&(struct lane_products){.a = m,
                                                    .b = x,
                                                    .y = out,
                                                    .rows = u->l->head_dim,
                                                    .k = u->l->seq_len - first_query_of(u),
                                                    .n = u->n,
                                                    .b_row = x_stride,
                                                    .y_row = out_stride,
                                                    .a_step = u->l->seq_len * u->n,
                                                    .b_step = u->n,
                                                    .add = add});
}

typedef void unit_task(struct tape *tape, struct tape_op *op, const struct unit *u);

static struct unit unit_of(const struct tape *tape, const struct tape_op *op, size_t positions,
                           size_t first, size_t index)
{
  const struct tape_lanes *l = op->detail;
  return (struct unit){tape->kernels, l, l->sequences, index / positions,
                       first + index % positions};
}

static void each_query(struct tape *tape, struct tape_op *op, unit_task *task)
{
  const struct tape_lanes *l = op->detail;
  size_t queries = l->seq_len - l->first_query;
  for (size_t i = 0; i < l->heads * queries; i++) {
    struct unit u = unit_of(tape, op, queries, l->first_query, i);
    task(tape, op, &u);
  }
}

static void each_key(struct tape *tape, struct tape_op *op, unit_task *task)
{
  const struct tape_lanes *l = op->detail;
  for (size_t i = 0; i < l->heads * l->seq_len; i++) {
    struct unit u = unit_of(tape, op, l->seq_len, 0, i);
    task(tape, op, &u);
  }
}

static size_t pairs(const struct tape_lanes *l)
{
  return l->heads * (l->seq_len - l->first_query) * l->seq_len;
}

static size_t pair_scratch(const struct tape *tape, const struct tape_op *op, bool backward)
{
  const struct tape_lanes *l = op->detail;
  (void)tape;
  return backward ? pairs(l) * l->sequences : 0;
}

/* --- scores --- */

static float scale_of(const struct tape_op *op)
{
  const struct tape_lanes *l = op->detail;
  return (float)(1.0 / sqrt((double)l->head_dim));
}

static void scores_unit(struct tape *tape, struct tape_op *op, const struct unit *u)
{
  const struct tape_value *q = op_in(tape, op, 0), *k = op_in(tape, op, 1);
  float *out = at_pair(u, op_out(tape, op)->data, u->position, 0);
  outer(u, at_query(u, q, q->data, u->position), q->stride, at_key(u, k, k->data, 0), k->stride,
        out);
  u->kernels->scale(scale_of(op), out, out, (u->position + 1) * u->n);
}

static void scores_forward(struct tape *tape, struct tape_op *op)
{
  each_query(tape, op, scores_unit);
}

static void scores_query(struct tape *tape, struct tape_op *op, const struct unit *u)
{
  const struct tape_value *q = op_in(tape, op, 0), *k = op_in(tape, op, 1);
  over_keys(u, at_pair(u, op->scratch[1], u->position, 0), at_key(u, k, k->data, 0), k->stride,
            at_query(u, q, q->gradient, u->position), q->stride, op_mode(tape, op, 0) == MODE_ADD);
}

static void scores_key(struct tape *tape, struct tape_op *op, const struct unit *u)
{
  const struct tape_value *q = op_in(tape, op, 0), *k = op_in(tape, op, 1);
  size_t query = first_query_of(u);
  over_queries(u, at_pair(u, op->scratch[1], query, u->position), at_query(u, q, q->data, query),
               q->stride, at_key(u, k, k->gradient, u->position), k->stride,
               op_mode(tape, op, 1) == MODE_ADD);
}

static void scores_backward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *y = op_out(tape, op);
  tape->kernels->scale(scale_of(op), y->gradient, op->scratch[1], y->rows * y->columns);
  if (op_in(tape, op, 1)->wanted)
    each_key(tape, op, scores_key);
  if (op_in(tape, op, 0)->wanted)
    each_query(tape, op, scores_query);
}

static const struct tape_op_kind scores_kind = {.name = "scores across",
                                                .forward = scores_forward,
                                                .backward = scores_backward,
                                                .scratch = pair_scratch,
                                                .reads = 3};

static bool possible(const struct tape_lanes *l)
{
  return l->sequences && l->heads && l->head_dim && l->head_dim <= GEMM_BLOCK &&
         l->seq_len <= LANES_MOST_ROWS && l->first_query < l->seq_len;
}

static bool is_shape(struct tape *tape, size_t value, size_t rows, size_t columns)
{
  return op_given(tape, value) && tape_rows(tape, value) == rows &&
         tape_columns(tape, value) == columns;
}

static size_t record(struct tape *tape, const struct tape_op_kind *kind,
                     const struct tape_lanes *lanes, const size_t *operands, size_t count,
                     size_t rows, size_t columns)
{
  struct tape_op *op = op_record(tape, kind, sizeof *lanes);
  if (!op)
    return TAPE_NONE;
  *(struct tape_lanes *)op->detail = *lanes;
  for (size_t i = 0; i < count; i++)
    op_operand(tape, op, operands[i]);
  return op_output(tape, op, rows, columns);
}

size_t tape_scores_across(struct tape *tape, size_t queries, size_t keys,
                          const struct tape_lanes *l)
{
  size_t features = l->heads * l->head_dim;
  if (!possible(l) ||
      !is_shape(tape, queries, features, (l->seq_len - l->first_query) * l->sequences) ||
      !is_shape(tape, keys, features, l->seq_len * l->sequences))
    return op_fault(tape, "queries or keys of the wrong shape");
  return record(tape, &scores_kind, l, (size_t[]){queries, keys}, 2, pairs(l), l->sequences);
}

/* --- softmax --- */

static void softmax_unit(struct tape *tape, struct tape_op *op, const struct unit *u)
{
  float *out = at_pair(u, op_out(tape, op)->data, u->position, 0);
  op_put(tape, MODE_WRITE, at_pair(u, op_in(tape, op, 0)->data, u->position, 0), out,
         u->l->seq_len * u->n);
  u->kernels->softmax_lanes(out, u->n, u->position + 1, u->n);
  memset(out + (u->position + 1) * u->n, 0, (u->l->seq_len - u->position - 1) * u->n * sizeof *out);
}

static void softmax_forward(struct tape *tape, struct tape_op *op)
{
  each_query(tape, op, softmax_unit);
}

/* By way of the scratch where it is added. */
static void softmax_gradient(struct tape *tape, struct tape_op *op, const struct unit *u)
{
  const struct tape_value *p = op_out(tape, op);
  float *dx = at_pair(u, op_in(tape, op, 0)->gradient, u->position, 0);
  bool add = op_mode(tape, op, 0) == MODE_ADD;
  float *to = add ? at_pair(u, op->scratch[1], u->position, 0) : dx;
  size_t keys = (u->position + 1) * u->n, all = u->l->seq_len * u->n;
  op_put(tape, MODE_WRITE, at_pair(u, p->gradient, u->position, 0), to, keys);
  u->kernels->softmax_lanes_backward(at_pair(u, p->data, u->position, 0), to, u->n, u->position + 1,
                                     u->n);
  if (add)
    u->kernels->add(to, dx, keys);
  else
    memset(dx + keys, 0, (all - keys) * sizeof *dx);
}

static void softmax_backward(struct tape *tape, struct tape_op *op)
{
  each_query(tape, op, softmax_gradient);
}

static size_t softmax_scratch(const struct tape *tape, const struct tape_op *op, bool backward)
{
  return backward && op_may_add(tape, op, 0) ? pair_scratch(tape, op, true) : 0;
}

static const struct tape_op_kind softmax_kind = {.name = "softmax across",
                                                 .forward = softmax_forward,
                                                 .backward = softmax_backward,
                                                 .scratch = softmax_scratch,
                                                 .reads_output = true,
                                                 .in_place = true,
                                                 .gradient_in_place = true};

size_t tape_softmax_across(struct tape *tape, size_t scores, const struct tape_lanes *l)
{
  if (!possible(l) || !is_shape(tape, scores, pairs(l), l->sequences))
    return op_fault(tape, "scores of the wrong shape");
  return record(tape, &softmax_kind, l, &scores, 1, pairs(l), l->sequences);
}

/* --- mix --- */

static void mix_unit(struct tape *tape, struct tape_op *op, const struct unit *u)
{
  const struct tape_value *p = op_in(tape, op, 0), *v = op_in(tape, op, 1), *z = op_out(tape, op);
  over_keys(u, at_pair(u, p->data, u->position, 0), at_key(u, v, v->data, 0), v->stride,
            at_query(u, z, z->data, u->position), z->stride, false);
}

static void mix_forward(struct tape *tape, struct tape_op *op)
{
  each_query(tape, op, mix_unit);
}

static void mix_key(struct tape *tape, struct tape_op *op, const struct unit *u)
{
  const struct tape_value *p = op_in(tape, op, 0), *v = op_in(tape, op, 1), *z = op_out(tape, op);
  size_t query = first_query_of(u);
  over_queries(u, at_pair(u, p->data, query, u->position), at_query(u, z, z->gradient, query),
               z->stride, at_key(u, v, v->gradient, u->position), v->stride,
               op_mode(tape, op, 1) == MODE_ADD);
}

static void mix_pattern(struct tape *tape, struct tape_op *op, const struct unit *u)
{
  const struct tape_value *p = op_in(tape, op, 0), *v = op_in(tape, op, 1), *z = op_out(tape, op);
  float *dp = at_pair(u, p->gradient, u->position, 0);
  bool add = op_mode(tape, op, 0) == MODE_ADD;
  float *to = add ? at_pair(u, op->scratch[1], u->position, 0) : dp;
  outer(u, at_query(u, z, z->gradient, u->position), z->stride, at_key(u, v, v->data, 0), v->stride,
        to);
  if (add)
    u->kernels->add(to, dp, (u->position + 1) * u->n);
}

static void mix_backward(struct tape *tape, struct tape_op *op)
{
  if (op_in(tape, op, 1)->wanted)
    each_key(tape, op, mix_key);
  if (op_in(tape, op, 0)->wanted)
    each_query(tape, op, mix_pattern);
}

static const struct tape_op_kind mix_kind = {.name = "mix across",
                                             .forward = mix_forward,
                                             .backward = mix_backward,
                                             .scratch = softmax_scratch,
                                             .reads = 3};

size_t tape_mix_across(struct tape *tape, size_t pattern, size_t values, const struct tape_lanes *l)
{
  size_t features = l->heads * l->head_dim;
  if (!possible(l) || !is_shape(tape, pattern, pairs(l), l->sequences) ||
      !is_shape(tape, values, features, l->seq_len * l->sequences))
    return op_fault(tape, "a pattern or values of the wrong shape");
  return record(tape, &mix_kind, l, (size_t[]){pattern, values}, 2, features,
                (l->seq_len - l->first_query) * l->sequences);
}

/* Attention: scores of queries and keys, and values mixed by a pattern. */
#include "tape/causal.h"
#include "tape/op.h"

#include <math.h>
#include <string.h>

/* A task is one sequence and one key-value head with all query heads that share it. */
struct unit {
  const struct tape_heads *heads;
  struct causal causal;
  float *scratch; /* the thread's, behind that of `causal` */
  size_t sequence, kv_head, group;
};

static size_t square(const struct tape_heads *h)
{
  return gemm_round_up(h->seq_len * h->seq_len, 16);
}

static size_t strip(const struct tape_heads *h)
{
  return gemm_round_up(h->seq_len * h->head_dim, 16);
}

/* Of a thread. Backward: a matrix of scores, and two of keys or values to add up in. */
static size_t unit_floats(const struct tape *tape, const struct tape_op *op, bool backward)
{
  const struct tape_heads *h = op->detail;
  return causal_scratch(tape->kernels, h->seq_len, h->head_dim) +
         (backward ? square(h) + 2 * strip(h) : 0);
}

static size_t attention_scratch(const struct tape *tape, const struct tape_op *op, bool backward)
{
  return (size_t)tape->workers * unit_floats(tape, op, backward);
}

static struct unit unit_of(const struct tape *tape, const struct tape_op *op, size_t index,
                           int worker, bool backward)
{
  const struct tape_heads *h = op->detail;
  float *scratch = op->scratch[backward] + (size_t)worker * unit_floats(tape, op, backward);
  return (struct unit){h,
                       {tape->kernels, h->seq_len, h->head_dim, scratch},
                       scratch + causal_scratch(tape->kernels, h->seq_len, h->head_dim),
                       index / h->kv_heads,
                       index % h->kv_heads,
                       h->heads / h->kv_heads};
}

/* Of a value with a row a token: head's columns of the unit's sequence. */
static struct matrix head_of(const struct unit *u, const struct tape_value *value, float *data,
                             size_t head)
{
  return (struct matrix){data + u->sequence * u->heads->seq_len * value->stride +
                             head * u->heads->head_dim,
                         value->stride};
}

/* Of a value with a row a query: all of a head's. */
static struct matrix square_of(const struct unit *u, const struct tape_value *value, float *data,
                               size_t head)
{
  size_t row = (u->sequence * u->heads->heads + head) * u->heads->seq_len;
  return (struct matrix){data + row * value->stride, value->stride};
}

static void each_unit(struct tape *tape, struct tape_op *op, op_task *task)
{
  const struct tape_heads *h = op->detail;
  size_t work = h->heads / h->kv_heads * h->seq_len * h->seq_len * (h->head_dim / 16 + 1);
  op_each_task(tape, op, h->sequences * h->kv_heads, work, task);
}

/* M^T x of the heads of a group, added in order, to the gradient of its keys or values. */
static void put_group(const struct tape *tape, const struct unit *u, enum tape_mode mode,
                      struct matrix m, size_t member, struct matrix x, struct matrix out)
{
  size_t d = u->heads->head_dim;
  struct matrix part = {u->scratch + square(u->heads), d}, sum = {part.data + strip(u->heads), d};
  struct matrix total = mode == MODE_ADD ? sum : out, to = member ? part : total;
  causal_transposed(&u->causal, m, x, to);
  for (size_t i = 0; member && i < u->heads->seq_len; i++)
    tape->kernels->add(part.data + i * d, total.data + i * total.stride, d);
  for (size_t i = 0; mode == MODE_ADD && member + 1 == u->group && i < u->heads->seq_len; i++)
    tape->kernels->add(sum.data + i * d, out.data + i * out.stride, d);
}

static size_t record(struct tape *tape, const struct tape_op_kind *kind, size_t a, size_t b,
                     const struct tape_heads *heads, size_t rows, size_t columns)
{
  struct tape_op *op = op_record(tape, kind, sizeof *heads);
  if (!op)
    return TAPE_NONE;
  *(struct tape_heads *)op->detail = *heads;
  op_operand(tape, op, a);
  op_operand(tape, op, b);
  return op_output(tape, op, rows, columns);
}

static bool is_shape(struct tape *tape, size_t value, size_t rows, size_t columns)
{
  return op_given(tape, value) && tape_rows(tape, value) == rows &&
         tape_columns(tape, value) == columns;
}

/* --- scores --- */

static float scale_of(const struct tape_heads *h)
{
  return h->scale > 0 ? h->scale : (float)(1.0 / sqrt((double)h->head_dim));
}

static void scores_task(struct tape *tape, struct tape_op *op, size_t index, int worker)
{
  struct unit u = unit_of(tape, op, index, worker, false);
  const struct tape_value *queries = op_in(tape, op, 0), *keys = op_in(tape, op, 1);
  float scale = scale_of(u.heads);
  for (size_t head = u.kv_head * u.group; head < (u.kv_head + 1) * u.group; head++) {
    struct matrix out = square_of(&u, op_out(tape, op), op_out(tape, op)->data, head);
    causal_outer(&u.causal, head_of(&u, queries, queries->data, head),
                 head_of(&u, keys, keys->data, u.kv_head), out);
    for (size_t i = 0; i < u.heads->seq_len; i++) {
      float *row = out.data + i * out.stride;
      tape->kernels->scale(scale, row, row, i + 1);
      memset(row + i + 1, 0, (u.heads->seq_len - i - 1) * sizeof *row);
    }
  }
}

static void scores_forward(struct tape *tape, struct tape_op *op)
{
  each_unit(tape, op, scores_task);
}

/* ds' = ds * scale for keys up to the query, else +0. */
static struct matrix scaled_gradient(const struct tape *tape, const struct unit *u,
                                     const struct tape_value *scores, size_t head)
{
  struct matrix ds = square_of(u, scores, scores->gradient, head);
  struct matrix out = {u->scratch, u->heads->seq_len};
  for (size_t i = 0; i < u->heads->seq_len; i++) {
    float *row = out.data + i * out.stride;
    tape->kernels->scale(scale_of(u->heads), ds.data + i * ds.stride, row, i + 1);
    memset(row + i + 1, 0, (u->heads->seq_len - i - 1) * sizeof *row);
  }
  return out;
}

static void scores_back_task(struct tape *tape, struct tape_op *op, size_t index, int worker)
{
  struct unit u = unit_of(tape, op, index, worker, true);
  const struct tape_value *queries = op_in(tape, op, 0), *keys = op_in(tape, op, 1);
  for (size_t member = 0; member < u.group; member++) {
    size_t head = u.kv_head * u.group + member;
    struct matrix ds = scaled_gradient(tape, &u, op_out(tape, op), head);
    if (keys->wanted)
      put_group(tape, &u, op_mode(tape, op, 1), ds, member,
                head_of(&u, queries, queries->data, head),
                head_of(&u, keys, keys->gradient, u.kv_head));
    if (queries->wanted)
      causal_product(&u.causal, ds, head_of(&u, keys, keys->data, u.kv_head),
                     head_of(&u, queries, queries->gradient, head),
                     op_mode(tape, op, 0) == MODE_ADD);
  }
}

static void scores_backward(struct tape *tape, struct tape_op *op)
{
  each_unit(tape, op, scores_back_task);
}

static const struct tape_op_kind scores_kind = {.name = "attention scores",
                                                .forward = scores_forward,
                                                .backward = scores_backward,
                                                .scratch = attention_scratch,
                                                .reads = 3,
                                                .repeats = true};

size_t tape_scores(struct tape *tape, size_t queries, size_t keys, const struct tape_heads *h)
{
  size_t tokens = h->sequences * h->seq_len;
  if (!h->kv_heads || h->heads % h->kv_heads ||
      !is_shape(tape, queries, tokens, h->heads * h->head_dim) ||
      !is_shape(tape, keys, tokens, h->kv_heads * h->head_dim))
    return op_fault(tape, "queries or keys of the wrong shape");
  return record(tape, &scores_kind, queries, keys, h, h->heads * tokens, h->seq_len);
}

/* --- mix --- */

static void mix_task(struct tape *tape, struct tape_op *op, size_t index, int worker)
{
  struct unit u = unit_of(tape, op, index, worker, false);
  const struct tape_value *pattern = op_in(tape, op, 0), *values = op_in(tape, op, 1);
  for (size_t head = u.kv_head * u.group; head < (u.kv_head + 1) * u.group; head++)
    causal_product(&u.causal, square_of(&u, pattern, pattern->data, head),
                   head_of(&u, values, values->data, u.kv_head),
                   head_of(&u, op_out(tape, op), op_out(tape, op)->data, head), false);
}

static void mix_forward(struct tape *tape, struct tape_op *op)
{
  each_unit(tape, op, mix_task);
}

/* dP, straight to its place or by way of the scratch. */
static void pattern_gradient(struct tape *tape, struct tape_op *op, const struct unit *u,
                             size_t head)
{
  const struct tape_value *pattern = op_in(tape, op, 0), *values = op_in(tape, op, 1);
  const struct tape_value *y = op_out(tape, op);
  struct matrix out = square_of(u, pattern, pattern->gradient, head);
  bool add = op_mode(tape, op, 0) == MODE_ADD;
  struct matrix to = add ? (struct matrix){u->scratch, u->heads->seq_len} : out;
  causal_outer(&u->causal, head_of(u, y, y->gradient, head),
               head_of(u, values, values->data, u->kv_head), to);
  for (size_t i = 0; i < u->heads->seq_len; i++) {
    float *row = to.data + i * to.stride;
    if (add)
      tape->kernels->add(row, out.data + i * out.stride, i + 1);
    else
      memset(row + i + 1, 0, (u->heads->seq_len - i - 1) * sizeof *row);
  }
}

static void mix_back_task(struct tape *tape, struct tape_op *op, size_t index, int worker)
{
  struct unit u = unit_of(tape, op, index, worker, true);
  const struct tape_value *pattern = op_in(tape, op, 0), *values = op_in(tape, op, 1);
  const struct tape_value *y = op_out(tape, op);
  for (size_t member = 0; member < u.group; member++) {
    size_t head = u.kv_head * u.group + member;
    if (values->wanted)
      put_group(tape, &u, op_mode(tape, op, 1), square_of(&u, pattern, pattern->data, head), member,
                head_of(&u, y, y->gradient, head),
                head_of(&u, values, values->gradient, u.kv_head));
    if (pattern->wanted)
      pattern_gradient(tape, op, &u, head);
  }
}

static void mix_backward(struct tape *tape, struct tape_op *op)
{
  each_unit(tape, op, mix_back_task);
}

static const struct tape_op_kind mix_kind = {.name = "mix values",
                                             .forward = mix_forward,
                                             .backward = mix_backward,
                                             .scratch = attention_scratch,
                                             .reads = 3};

size_t tape_mix(struct tape *tape, size_t pattern, size_t values, const struct tape_heads *h)
{
  size_t tokens = h->sequences * h->seq_len;
  if (!h->kv_heads || h->heads % h->kv_heads ||
      !is_shape(tape, pattern, h->heads * tokens, h->seq_len) ||
      !is_shape(tape, values, tokens, h->kv_heads * h->head_dim))
    return op_fault(tape, "a pattern or values of the wrong shape");
  return record(tape, &mix_kind, pattern, values, h, tokens, h->heads * h->head_dim);
}

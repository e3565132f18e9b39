/* What reads a value, each with a gradient of its own: fork, read apart. */
#include "tape/product.h"

#include <string.h>

/* Where the sums of a part at a row's group and position are. */
static float *sums_at(const struct tape_collect *c, size_t group, size_t part, size_t position,
                      size_t columns)
{
  return c->sums + group * c->group_stride + part * c->part_stride + position * columns;
}

static bool collects(const struct tape *tape, size_t x, const struct tape_collect *c)
{
  return c->sums && c->repeats && c->seq_len && tape_rows(tape, x) % (c->repeats * c->seq_len) == 0;
}

/* --- fork --- */

static void fork_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  (void)scratch;
  op_put(tape, MODE_WRITE, value_row(op_in(tape, op, 0), row), value_row(op_out(tape, op), row),
         op_out(tape, op)->columns);
}

static void fork_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 8, fork_row);
}

/* One position of a group, its repeats in order. */
static void fork_back_row(struct tape *tape, struct tape_op *op, size_t index, float *scratch)
{
  const struct tape_collect *c = op->detail;
  const struct tape_value *x = op_in(tape, op, 0), *y = op_out(tape, op);
  size_t group = index / c->seq_len, position = index % c->seq_len;
  float *sums = sums_at(c, group, 0, position, y->columns);
  (void)scratch;
  for (size_t repeat = 0; repeat < c->repeats; repeat++) {
    size_t row = (group * c->repeats + repeat) * c->seq_len + position;
    tape->kernels->add(gradient_row(y, row), sums, y->columns);
    op_put(tape, op_mode(tape, op, 0), gradient_row(y, row), gradient_row(x, row), y->columns);
  }
}

static void fork_backward(struct tape *tape, struct tape_op *op)
{
  const struct tape_collect *c = op->detail;
  const struct tape_value *y = op_out(tape, op);
  op_each_row(tape, op, y->rows / c->repeats, c->repeats * y->columns / 4, fork_back_row);
}

static const struct tape_op_kind fork_kind = {
    .name = "fork", .forward = fork_forward, .backward = fork_backward, .gradient_in_place = true};

size_t tape_fork(struct tape *tape, size_t x, const struct tape_collect *collect)
{
  if (!op_given(tape, x))
    return TAPE_NONE;
  if (!collects(tape, x, collect))
    return op_fault(tape, "rows that are not so many groups and repeats");
  return op_alike(tape, &fork_kind, x, collect, sizeof *collect);
}

/* --- read apart --- */

enum { QUERIES, KEYS, VALUES, KINDS };

#define NOT_READ 0xEu /* operands 1, 2, 3: what is computed already */

struct apart {
  struct tape_apart how; /* its values are operands */
  struct tape_collect collect;
  struct {
    size_t weight, first;
  } rows[]; /* of each query head, key head, value head: its operand, its first row */
};

static size_t heads_of(const struct tape_apart *how, int kind)
{
  return kind == QUERIES ? how->heads : how->kv_heads;
}

/* Index of a kind's head in `rows`. */
static size_t slot(const struct tape_apart *how, int kind, size_t head)
{
  return (kind > QUERIES ? how->heads : 0) + (kind > KEYS ? how->kv_heads : 0) + head;
}

/* The head of a kind that query head `head` works with. */
static size_t shared_head(const struct tape_apart *how, int kind, size_t head)
{
  return kind == QUERIES ? head : head / (how->heads / how->kv_heads);
}

static bool normed_together(const struct tape_apart *how, int kind)
{
  return kind < VALUES && how->before[kind] != TAPE_NONE;
}

/* Depth of the product of a part's gradient: its own rows, or those of all heads. */
static size_t depth(const struct tape_apart *how, int kind)
{
  return normed_together(how, kind) ? heads_of(how, kind) * how->head_dim : how->head_dim;
}

static void apart_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch)
{
  const struct tape_apart *how = &((const struct apart *)op->detail)->how;
  float *y = value_row(op_out(tape, op), row);
  (void)scratch;
  for (int kind = 0; kind < KINDS; kind++)
    for (size_t head = 0; head < how->heads; head++, y += how->head_dim)
      memcpy(y,
             value_row(op_in(tape, op, how->computed[kind]), row) +
                 shared_head(how, kind, head) * how->head_dim,
             how->head_dim * sizeof *y);
}

static void apart_forward(struct tape *tape, struct tape_op *op)
{
  op_each_row(tape, op, op_out(tape, op)->rows, op_out(tape, op)->columns / 8, apart_row);
}

/* --- its adjoint --- */

/* Rows that go through a part's product together: a few thousand floats stay in the cache. */
#define CHUNK_FLOATS 32768
#define LEAST_ROWS 48
#define BLOCK_POSITIONS 8

static size_t aligned(size_t floats)
{
  return gemm_round_up(floats, 16);
}

static size_t larger(size_t a, size_t b)
{
  return a > b ? a : b;
}

static size_t chunk_rows(size_t columns)
{
  return larger(CHUNK_FLOATS / columns, LEAST_ROWS);
}

/* A packed operand B: the rows of one head, or of all of a kind. */
static size_t packed_floats(const struct tape *tape, const struct tape_apart *how, int kind,
                            size_t columns)
{
  return aligned(gemm_packed_floats(columns, depth(how, kind), gemm_nr(tape->kernels, columns)));
}

/* Where that of a kind's head lies among all of them; of `KINDS`, 0: their end. */
static size_t packed_at(const struct tape *tape, const struct tape_apart *how, int kind,
                        size_t head, size_t columns)
{
  size_t at = 0;
  for (int k = 0; k < kind; k++)
    at += (normed_together(how, k) ? 1 : heads_of(how, k)) * packed_floats(tape, how, k, columns);
  return kind == KINDS || normed_together(how, kind)
             ? at
             : at + head * packed_floats(tape, how, kind, columns);
}

/* A thread's own: rows of a part's gradient as they are and packed, of dx for that part and for
 * all. */
struct chunk {
  float *wide, *packed, *part, *total;
};

static size_t widest(const struct tape_apart *how)
{
  return larger(depth(how, QUERIES), larger(depth(how, KEYS), depth(how, VALUES)));
}

static size_t chunk_floats(const struct tape *tape, const struct tape_apart *how, size_t columns)
{
  size_t rows = chunk_rows(columns);
  return aligned(rows * widest(how)) +
         aligned(gemm_packed_floats(rows, widest(how), tape->kernels->mr)) +
         2 * aligned(rows * columns);
}

static size_t apart_scratch(const struct tape *tape, const struct tape_op *op, bool backward)
{
  const struct tape_apart *how = &((const struct apart *)op->detail)->how;
  size_t columns = op_in(tape, op, 0)->columns;
  return backward ? packed_at(tape, how, KINDS, 0, columns) +
                        (size_t)tape->workers * chunk_floats(tape, how, columns)
                  : 0;
}

static struct chunk chunk_of(const struct tape *tape, const struct tape_op *op, int worker)
{
  const struct tape_apart *how = &((const struct apart *)op->detail)->how;
  size_t columns = op_in(tape, op, 0)->columns, rows = chunk_rows(columns);
  struct chunk c = {.wide = op->scratch[1] + packed_at(tape, how, KINDS, 0, columns) +
                            (size_t)worker * chunk_floats(tape, how, columns)};
  c.packed = c.wide + aligned(rows * widest(how));
  c.part = c.packed + aligned(gemm_packed_floats(rows, widest(how), tape->kernels->mr));
  c.total = c.part + aligned(rows * columns);
  return c;
}

/* Packs the weight of one query, key or value head, or of all heads of its kind. */
static void pack_task(struct tape *tape, struct tape_op *op, size_t index, int worker)
{
  const struct apart *apart = op->detail;
  const struct tape_apart *how = &apart->how;
  size_t columns = op_in(tape, op, 0)->columns;
  int kind = index < how->heads ? QUERIES : index < how->heads + how->kv_heads ? KEYS : VALUES;
  size_t head = index - slot(how, kind, 0);
  const struct tape_value *weight = op_in(tape, op, apart->rows[index].weight);
  (void)worker;
  if (normed_together(how, kind) && head)
    return; /* packed with head 0 */
  (void)gemm_pack_transposed(tape->kernels, GEMM_F32, value_row(weight, apart->rows[index].first),
                             weight->stride, columns, depth(how, kind),
                             gemm_nr(tape->kernels, columns),
                             op->scratch[1] + packed_at(tape, how, kind, head, columns));
}

/* A block of positions of a group, and some of its repeats: rows in the order (repeat, position).
 */
struct span {
  size_t group, position, positions, repeat, repeats;
};

static size_t span_row(const struct tape_collect *c, const struct span *s, size_t i)
{
  return (s->group * c->repeats + s->repeat + i / s->positions) * c->seq_len + s->position +
         i % s->positions;
}

/* The gradient of a part's columns, through the norm over all heads if there is one. */
static void take_row(const struct tape *tape, const struct tape_op *op, int kind, size_t head,
                     size_t row, float *to)
{
  const struct tape_apart *how = &((const struct apart *)op->detail)->how;
  size_t width = depth(how, kind), d = how->head_dim;
  const float *dy = gradient_row(op_out(tape, op), row) + ((size_t)kind * how->heads + head) * d;
  if (!normed_together(how, kind)) {
    memcpy(to, dy, d * sizeof *to);
    return;
  }
  memset(to, 0, width * sizeof *to);
  memcpy(to + shared_head(how, kind, head) * d, dy, d * sizeof *to);
  tape->kernels->rms_norm_backward(value_row(op_in(tape, op, how->before[kind]), row),
                                   op_in(tape, op, how->before_gain[kind])->data, to, to, NULL,
                                   width, how->eps);
}

/* The adjoint of the norm in front, in place. */
static void through_norm(const struct tape *tape, const struct tape_op *op, size_t row, float *dx)
{
  const struct tape_apart *how = &((const struct apart *)op->detail)->how;
  const struct tape_value *x = op_in(tape, op, 0);
  const float *gain = how->gain == TAPE_NONE ? NULL : op_in(tape, op, how->gain)->data;
  if (how->norm)
    (how->rms ? tape->kernels->rms_norm_backward : tape->kernels->layer_norm_backward)(
        value_row(x, row), gain, dx, dx, NULL, x->columns, how->eps);
}

/* One part of a span: to its sums and to the total. */
static void part_of_span(const struct tape *tape, const struct tape_op *op, const struct span *s,
                         int kind, size_t head, const struct chunk *chunk)
{
  const struct apart *apart = op->detail;
  const struct tape_apart *how = &apart->how;
  const struct kernels *kernels = tape->kernels;
  size_t rows = s->positions * s->repeats, columns = op_in(tape, op, 0)->columns;
  size_t k = depth(how, kind), part = (size_t)kind * how->heads + head;
  for (size_t i = 0; i < rows; i++)
    take_row(tape, op, kind, head, span_row(&apart->collect, s, i), chunk->wide + i * k);
  gemm_pack_rows(kernels, chunk->wide, k, rows, k, kernels->mr, chunk->packed);
  const float *b =
      op->scratch[1] + packed_at(tape, how, kind, shared_head(how, kind, head), columns);
  gemm_run_here(&(struct gemm){.kernels = kernels,
                               .m = rows,
                               .n = columns,
                               .k = k,
                               .a = chunk->packed,
                               .b = b,
                               .b_n = columns,
                               .b_k = k,
                               .c = chunk->part,
                               .ldc = columns});
  for (size_t i = 0; i < rows; i++) {
    float *dx = chunk->part + i * columns;
    through_norm(tape, op, span_row(&apart->collect, s, i), dx);
    kernels->add(dx,
                 sums_at(&apart->collect, s->group, part, s->position + i % s->positions, columns),
                 columns);
    if (part + 1 == KINDS * how->heads) /* the first to come */
      memcpy(chunk->total + i * columns, dx, columns * sizeof *dx);
    else
      kernels->add(dx, chunk->total + i * columns, columns);
  }
}

static void span_parts(const struct tape *tape, const struct tape_op *op, const struct span *s,
                       const struct chunk *chunk)
{
  const struct apart *apart = op->detail;
  const struct tape_value *x = op_in(tape, op, 0);
  for (int kind = KINDS; kind-- > 0;)
    for (size_t head = apart->how.heads; head-- > 0;)
      part_of_span(tape, op, s, kind, head, chunk);
  for (size_t i = 0; i < s->positions * s->repeats; i++)
    op_put(tape, op_mode(tape, op, 0), chunk->total + i * x->columns,
           gradient_row(x, span_row(&apart->collect, s, i)), x->columns);
}

static size_t position_blocks(const struct tape_collect *c)
{
  return (c->seq_len + BLOCK_POSITIONS - 1) / BLOCK_POSITIONS;
}

static void span_task(struct tape *tape, struct tape_op *op, size_t index, int worker)
{
  const struct tape_collect *c = &((const struct apart *)op->detail)->collect;
  const struct chunk chunk = chunk_of(tape, op, worker);
  struct span s = {.group = index / position_blocks(c),
                   .position = index % position_blocks(c) * BLOCK_POSITIONS};
  size_t left = c->seq_len - s.position;
  s.positions = left < BLOCK_POSITIONS ? left : BLOCK_POSITIONS;
  size_t step = chunk_rows(op_in(tape, op, 0)->columns) / s.positions;
  for (; s.repeat < c->repeats; s.repeat += step) {
    s.repeats = c->repeats - s.repeat < step ? c->repeats - s.repeat : step;
    span_parts(tape, op, &s, &chunk);
  }
}

static void apart_backward(struct tape *tape, struct tape_op *op)
{
  const struct apart *apart = op->detail;
  const struct tape_value *x = op_in(tape, op, 0), *y = op_out(tape, op);
  size_t packs = apart->how.heads + 2 * apart->how.kv_heads;
  size_t groups = x->rows / (apart->collect.repeats * apart->collect.seq_len);
  op_each_task(tape, op, packs, x->columns * apart->how.head_dim / 4, pack_task);
  op_each_task(tape, op, groups * position_blocks(&apart->collect),
               apart->collect.repeats * BLOCK_POSITIONS * x->columns * (y->columns / 16 + 1),
               span_task);
}

static const struct tape_op_kind apart_kind = {.name = "read apart",
                                               .forward = apart_forward,
                                               .backward = apart_backward,
                                               .scratch = apart_scratch,
                                               .reads = ~NOT_READ,
                                               .repeats = true};

/* --- recording --- */

/* The operand of a value that may be TAPE_NONE. */
static size_t operand_of(struct tape *tape, struct tape_op *op, size_t value)
{
  if (value == TAPE_NONE)
    return TAPE_NONE;
  for (size_t k = 4; k < op->count; k++)
    if (tape->operands[op->first + k].value == value)
      return k;
  return op_operand(tape, op, value);
}

/* Where the rows of one head are, and of how many heads those that follow it are: false where they
 * are in no one part. */
static bool find_rows(struct tape *tape, struct tape_op *op, const struct tape_apart *how, int kind,
                      size_t head)
{
  struct apart *apart = op->detail;
  size_t row = slot(how, kind, head) * how->head_dim, at = 0, i = 0;
  while (i < how->count && row >= at + how->parts[i].count)
    at += how->parts[i++].count;
  if (i == how->count || row + depth(how, kind) > at + how->parts[i].count)
    return normed_together(how, kind) && head;
  apart->rows[slot(how, kind, head)].weight = operand_of(tape, op, how->parts[i].weight);
  apart->rows[slot(how, kind, head)].first = how->parts[i].first + row - at;
  return true;
}

static bool shapes_fit(struct tape *tape, size_t x, const struct tape_apart *how)
{
  if (!op_given(tape, x) || !how->kv_heads || how->heads % how->kv_heads)
    return false;
  for (int kind = 0; kind < KINDS; kind++)
    if (!op_given(tape, how->computed[kind]) ||
        tape_rows(tape, how->computed[kind]) != tape_rows(tape, x) ||
        tape_columns(tape, how->computed[kind]) != heads_of(how, kind) * how->head_dim)
      return false;
  for (size_t i = 0; i < how->count; i++)
    if (!op_given(tape, how->parts[i].weight) ||
        tape_columns(tape, how->parts[i].weight) != tape_columns(tape, x))
      return false;
  return true;
}

size_t tape_read_apart(struct tape *tape, size_t x, const struct tape_apart *how,
                       const struct tape_collect *collect)
{
  if (!shapes_fit(tape, x, how) || !collects(tape, x, collect))
    return op_fault(tape, "queries, keys and values that are not those of a value");
  size_t slots = how->heads + 2 * how->kv_heads;
  struct tape_op *op = op_record(tape, &apart_kind,
                                 sizeof(struct apart) + slots * sizeof((struct apart *)0)->rows[0]);
  if (!op)
    return TAPE_NONE;
  struct apart *apart = op->detail;
  apart->how = *how;
  apart->collect = *collect;
  op_operand(tape, op, x);
  for (int kind = 0; kind < KINDS; kind++)
    apart->how.computed[kind] = op_operand(tape, op, how->computed[kind]);
  apart->how.gain = operand_of(tape, op, how->gain);
  for (int kind = 0; kind < VALUES; kind++) {
    apart->how.before[kind] = operand_of(tape, op, how->before[kind]);
    apart->how.before_gain[kind] = operand_of(tape, op, how->before_gain[kind]);
  }
  for (int kind = 0; kind < KINDS; kind++)
    for (size_t head = 0; head < heads_of(how, kind); head++)
      if (!find_rows(tape, op, how, kind, head))
        return op_fault(tape, "a head whose rows are in several weights");
  apart->how.parts = NULL; /* the caller's */
  return op_output(tape, op, tape_rows(tape, x), KINDS * how->heads * how->head_dim);
}

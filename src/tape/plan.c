/* What lives how long, and where: the arena of a tape. */
#include "base/memory.h"
#include "tape/op.h"

#include <stdlib.h>

#define ALIGNED 16 /* floats: 64 bytes */

static size_t forward_step(size_t op)
{
  return op;
}

static size_t backward_step(const struct tape *tape, size_t op)
{
  return 2 * tape->op_count - 1 - op;
}

static size_t later(size_t a, size_t b)
{
  return a > b ? a : b;
}

static struct tape_value *base_of(const struct tape *tape, size_t value)
{
  return &tape->values[tape->values[value].base];
}

/* --- gradients: who contributes, and how --- */

/* The next contribution to a value's gradient, in the order of the backward pass: written where
 * nothing is, added where all of it is there. Where some is, or some rows are meant, it starts as
 * zeros. `columns`: those of its base that are there, for one with views. */
static enum tape_mode contribute(struct tape *tape, const struct tape_operand *operand,
                                 unsigned char *columns)
{
  const struct tape_value *value = &tape->values[operand->value];
  struct tape_value *base = base_of(tape, operand->value);
  size_t there = 0;
  base->uses++;
  for (size_t j = value->first; j < value->first + value->columns; j++) {
    there += columns[j] != 0;
    columns[j] = 1;
  }
  if (operand->partial || (there && there < value->columns))
    base->zeroed = true;
  return there || operand->partial ? MODE_ADD : MODE_WRITE;
}

/* Offsets of the columns of all values in one list. */
static size_t *column_offsets(const struct tape *tape, size_t *total, struct error *error)
{
  size_t *offsets = memory_alloc(tape->value_count, sizeof *offsets, "tape", error);
  *total = 0;
  for (size_t i = 0; offsets && i < tape->value_count; i++) {
    offsets[i] = *total;
    *total += tape->values[i].columns;
  }
  return offsets;
}

/* Whether operation i has a part in the backward pass. */
static bool takes_part(const struct tape *tape, const struct tape_op *op)
{
  if (op->kind->loss) {
    for (size_t k = 0; k < op->count && op->coefficient != 0; k++)
      if (op_in(tape, op, k)->wanted)
        return true;
    return false;
  }
  return op_out(tape, op)->wanted && base_of(tape, op->output)->reached;
}

static void plan_op_gradients(struct tape *tape, struct tape_op *op, unsigned char *columns,
                              const size_t *offsets)
{
  op->backward = takes_part(tape, op);
  if (!op->backward)
    return;
  if (op->output != TAPE_NONE && !op->kind->loss) { /* all uses are known by now */
    const unsigned char *there = columns + offsets[op->output];
    for (size_t j = 0; j < op_out(tape, op)->columns; j++)
      if (!there[j])
        op_out(tape, op)->zeroed = true;
  }
  for (size_t k = op->count; k-- > 0;) { /* as adjoints take them */
    struct tape_operand *operand = &tape->operands[op->first + k];
    if (!tape->values[operand->value].wanted)
      continue;
    base_of(tape, operand->value)->reached = true;
    operand->mode = contribute(tape, operand, columns + offsets[tape->values[operand->value].base]);
  }
}

static int plan_gradients(struct tape *tape, struct error *error)
{
  size_t total, *offsets = column_offsets(tape, &total, error);
  unsigned char *columns = offsets ? memory_zeroed(total, 1, "tape", error) : NULL;
  for (size_t i = tape->op_count; columns && i-- > 0;)
    plan_op_gradients(tape, &tape->ops[i], columns, offsets);
  free(columns);
  free(offsets);
  return columns ? 0 : error->code;
}

/* --- lifetimes --- */

static bool others_wanted(const struct tape *tape, const struct tape_op *op)
{
  for (size_t k = 1; k < op->count; k++)
    if (op_in(tape, op, k)->wanted)
      return true;
  return false;
}

static bool adjoint_reads(const struct tape *tape, const struct tape_op *op, size_t k)
{
  if (!op->backward || (!k && op->kind->reads_for_others && !others_wanted(tape, op)))
    return false;
  return op->kind->reads >> (k < 31 ? k : 31) & 1u;
}

static void plan_reads(struct tape *tape)
{
  for (size_t i = 0; i < tape->op_count; i++) {
    const struct tape_op *op = &tape->ops[i];
    for (size_t k = 0; k < op->count; k++) {
      struct tape_value *base = base_of(tape, tape->operands[op->first + k].value);
      base->last_read = later(base->last_read, adjoint_reads(tape, op, k) ? backward_step(tape, i)
                                                                          : forward_step(i));
    }
    if (op->output != TAPE_NONE && op->backward && op->kind->reads_output)
      op_out(tape, op)->last_read = backward_step(tape, i);
  }
  for (size_t i = 0; i < tape->value_count; i++)
    if (tape->values[i].kept)
      tape->values[i].last_read = 2 * tape->op_count;
}

static size_t add_buffer(struct tape *tape, size_t floats, size_t first, size_t last)
{
  void *buffers =
      memory_room(tape->buffers, tape->buffer_count + 1, &tape->buffer_room, sizeof *tape->buffers);
  if (!buffers)
    return op_fault(tape, "out of memory");
  tape->buffers = buffers;
  size_t padded = (floats + ALIGNED - 1) / ALIGNED * ALIGNED;
  tape->buffers[tape->buffer_count] = (struct tape_buffer){padded, first, last, 0};
  return tape->buffer_count++;
}

static void extend(struct tape *tape, size_t buffer, size_t step)
{
  if (buffer != TAPE_NONE)
    tape->buffers[buffer].last = later(tape->buffers[buffer].last, step);
}

static bool alone(const struct tape_value *value, size_t id)
{
  return value->base == id && !value->viewed && !value->leaf;
}

static bool same_shape(const struct tape_value *a, const struct tape_value *b)
{
  return a->rows == b->rows && a->columns == b->columns;
}

/* Whether the output of operation i may take the place of its first operand: nobody reads that
 * later. */
static bool replaces_operand(const struct tape *tape, size_t i)
{
  const struct tape_op *op = &tape->ops[i];
  if (!op->kind->in_place)
    return false;
  const struct tape_value *x = op_in(tape, op, 0);
  for (size_t k = 1; k < op->count; k++)
    if (op_in(tape, op, k)->base == x->base)
      return false;
  return alone(x, tape->operands[op->first].value) && x->last_read == forward_step(i) &&
         same_shape(x, op_out(tape, op));
}

static void place_outputs(struct tape *tape)
{
  for (size_t i = 0; i < tape->op_count; i++) {
    const struct tape_op *op = &tape->ops[i];
    if (op->output == TAPE_NONE)
      continue;
    struct tape_value *y = op_out(tape, op);
    if (replaces_operand(tape, i))
      y->data_buffer = op_in(tape, op, 0)->data_buffer;
    else
      y->data_buffer = add_buffer(tape, y->rows * y->columns, forward_step(i), forward_step(i));
    extend(tape, y->data_buffer, later(y->last_read, forward_step(i)));
  }
}

static bool used_once(const struct tape *tape, const struct tape_op *op, size_t k)
{
  for (size_t other = 0; other < op->count; other++)
    if (other != k && op_in(tape, op, other)->base == op_in(tape, op, k)->base)
      return false;
  return true;
}

/* The operand whose gradient takes the place of the output's: the first that may. */
static size_t heir(const struct tape *tape, const struct tape_op *op)
{
  if (!op->kind->gradient_in_place || op->output == TAPE_NONE)
    return TAPE_NONE;
  const struct tape_value *y = op_out(tape, op);
  for (size_t k = 0; k < op->count && !y->gradient_kept; k++) {
    const struct tape_value *x = op_in(tape, op, k);
    if (alone(x, tape->operands[op->first + k].value) && x->gradient_buffer == TAPE_NONE &&
        tape->operands[op->first + k].mode == MODE_WRITE && same_shape(x, y) &&
        used_once(tape, op, k))
      return k;
  }
  return TAPE_NONE;
}

/* A leaf of several uses collects them in the arena, as its gradient may have to be added whole. */
static bool collects(const struct tape *tape, const struct tape_value *leaf)
{
  return tape->accumulate && (leaf->uses > 1 || leaf->zeroed);
}

static void place_gradient(struct tape *tape, size_t i, size_t k, bool inherits)
{
  const struct tape_op *op = &tape->ops[i];
  struct tape_value *base = base_of(tape, tape->operands[op->first + k].value);
  size_t step = backward_step(tape, i);
  if (!op_in(tape, op, k)->wanted || base->gradient_buffer != TAPE_NONE)
    return;
  if (base->leaf && !collects(tape, base))
    return;
  if (inherits)
    base->gradient_buffer = op_out(tape, op)->gradient_buffer;
  else if (op->kind->gradient_in_output && k == 0 && alone(base, base->base) &&
           !op_out(tape, op)->kept && op_out(tape, op)->last_read == step)
    base->gradient_buffer = op_out(tape, op)->data_buffer;
  else
    base->gradient_buffer = add_buffer(tape, base->rows * base->columns, step, step);
  extend(tape, base->gradient_buffer,
         base->leaf || base->gradient_kept ? 2 * tape->op_count : step);
}

static void place_gradients(struct tape *tape)
{
  for (size_t i = tape->op_count; i-- > 0;) {
    const struct tape_op *op = &tape->ops[i];
    if (!op->backward)
      continue;
    size_t step = backward_step(tape, i), taken = heir(tape, op);
    if (op->output != TAPE_NONE && !op->kind->loss)
      extend(tape, op_out(tape, op)->gradient_buffer, step);
    for (size_t k = 0; k < op->count; k++)
      place_gradient(tape, i, k, k == taken);
  }
}

static size_t place_more(struct tape *tape, const struct tape_op *op, const size_t steps[2])
{
  if (!op->more_floats || (op->kind->for_adjoint && !op->backward))
    return TAPE_NONE;
  return add_buffer(tape, op->more_floats, steps[0],
                    op->kind->for_adjoint ? steps[1] : 2 * tape->op_count);
}

static void place_scratch(struct tape *tape)
{
  for (size_t i = 0; i < tape->op_count; i++) {
    struct tape_op *op = &tape->ops[i];
    size_t steps[2] = {forward_step(i), backward_step(tape, i)};
    for (int pass = 0; pass < 2; pass++) {
      size_t floats =
          op->kind->scratch && (!pass || op->backward) ? op->kind->scratch(tape, op, pass == 1) : 0;
      op->buffers[pass] = floats ? add_buffer(tape, floats, steps[pass], steps[pass]) : TAPE_NONE;
    }
    op->buffers[2] = place_more(tape, op, steps);
    for (size_t k = 0; k < op->count; k++)
      tape->row_floats = later(tape->row_floats, op_in(tape, op, k)->columns);
    if (op->output != TAPE_NONE)
      tape->row_floats = later(tape->row_floats, op_out(tape, op)->columns);
  }
  tape->row_floats = (tape->row_floats + ALIGNED - 1) / ALIGNED * ALIGNED;
}

/* --- the arena --- */

struct by_size {
  size_t floats, index;
};

static int compare_sizes(const void *a, const void *b)
{
  const struct by_size *left = a, *right = b;
  if (left->floats != right->floats)
    return left->floats < right->floats ? 1 : -1;
  return (left->index > right->index) - (left->index < right->index);
}

static bool meet(const struct tape_buffer *a, const struct tape_buffer *b)
{
  return a->first <= b->last && b->first <= a->last;
}

/* The lowest place where a buffer fits between those that are placed, which are sorted by offset.
 */
static size_t lowest_fit(const struct tape *tape, const size_t *placed, size_t count,
                         const struct tape_buffer *buffer)
{
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    const struct tape_buffer *other = &tape->buffers[placed[i]];
    if (!meet(buffer, other))
      continue;
    if (other->offset >= at + buffer->floats)
      break;
    at = later(at, other->offset + other->floats);
  }
  return at;
}

static void insert(const struct tape *tape, size_t *placed, size_t count, size_t index)
{
  size_t at = count;
  for (; at && tape->buffers[placed[at - 1]].offset > tape->buffers[index].offset; at--)
    placed[at] = placed[at - 1];
  placed[at] = index;
}

/* Large ones first, each as low as it fits beside those whose lifetime meets its own. */
static int lay_out(struct tape *tape, struct error *error)
{
  size_t count = tape->buffer_count;
  struct by_size *order = memory_alloc(count + 1, sizeof *order, "tape", error);
  size_t *placed = memory_alloc(count + 1, sizeof *placed, "tape", error);
  for (size_t i = 0; order && placed && i < count; i++)
    order[i] = (struct by_size){tape->buffers[i].floats, i};
  if (order && placed && count)
    qsort(order, count, sizeof *order, compare_sizes);
  for (size_t i = 0; order && placed && i < count; i++) {
    struct tape_buffer *buffer = &tape->buffers[order[i].index];
    buffer->offset = lowest_fit(tape, placed, i, buffer);
    tape->arena_floats = later(tape->arena_floats, buffer->offset + buffer->floats);
    insert(tape, placed, i, order[i].index);
  }
  bool placed_all = order && placed;
  free(order);
  free(placed);
  return placed_all ? 0 : error->code;
}

int tape_plan(struct tape *tape, bool accumulate, struct error *error)
{
  if (tape->fault)
    return error_set(error, EXIT_RUN, "tape: %s", tape->fault);
  tape->planned = true;
  tape->accumulate = accumulate;
  if (plan_gradients(tape, error))
    return error->code;
  plan_reads(tape);
  place_outputs(tape);
  place_gradients(tape);
  place_scratch(tape);
  if (tape->fault)
    return error_set(error, EXIT_RUN, "tape: %s", tape->fault);
  return lay_out(tape, error);
}

uint64_t tape_bytes(const struct tape *tape)
{
  return ((uint64_t)tape->arena_floats + (uint64_t)tape->workers * tape->row_floats) *
             sizeof(float) +
         tape->detail_bytes;
}

static float *at(const struct tape *tape, size_t buffer)
{
  return buffer == TAPE_NONE ? NULL : tape->arena + tape->buffers[buffer].offset;
}

/* Where a value and its gradient lie; a view's base comes before it. */
static void point(struct tape *tape, struct tape_value *value)
{
  const struct tape_value *base = &tape->values[value->base];
  if (base != value) {
    value->data = base->data + value->first;
    value->gradient = base->gradient ? base->gradient + value->first : NULL;
    return;
  }
  value->gradient = at(tape, value->gradient_buffer);
  if (value->leaf && !value->gradient)
    value->gradient = value->delivered;
  if (!value->leaf)
    value->data = at(tape, value->data_buffer);
}

int tape_allocate(struct tape *tape, struct error *error)
{
  size_t rows = (size_t)tape->workers * tape->row_floats;
  tape->arena = memory_alloc(tape->arena_floats + rows, sizeof *tape->arena, "tape", error);
  if (!tape->arena)
    return error->code;
  tape->row_scratch = tape->arena + tape->arena_floats;
  for (size_t i = 0; i < tape->value_count; i++)
    point(tape, &tape->values[i]);
  for (size_t i = 0; i < tape->op_count; i++) {
    struct tape_op *op = &tape->ops[i];
    op->scratch[0] = at(tape, op->buffers[0]);
    op->scratch[1] = at(tape, op->buffers[1]);
    op->more = at(tape, op->buffers[2]);
  }
  return 0;
}

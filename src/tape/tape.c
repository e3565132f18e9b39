#include "tape/tape.h"

#include "base/memory.h"
#include "tape/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In simple operations on one number; waking another thread costs as much. */
#define SHARED_WORK 100000

int tape_create(const struct kernels *kernels, struct threads *threads, struct tape **out,
                struct error *error)
{
  struct tape *tape = memory_zeroed(1, sizeof *tape, "tape", error);
  if (!tape)
    return error->code;
  tape->kernels = kernels;
  tape->shared_work = SHARED_WORK;
  tape->threads = threads;
  tape->workers = threads ? threads_count(threads) : 1;
  *out = tape;
  return 0;
}

void tape_free(struct tape *tape)
{
  if (!tape)
    return;
  for (size_t i = 0; i < tape->op_count; i++)
    free(tape->ops[i].detail);
  free(tape->values);
  free(tape->ops);
  free(tape->operands);
  free(tape->buffers);
  free(tape->arena);
  free(tape);
}

size_t op_fault(struct tape *tape, const char *text)
{
  if (!tape->fault)
    tape->fault = text;
  return TAPE_NONE;
}

/* Room for one more in a list that doubles; false, and a fault, without memory. */
static bool grow(struct tape *tape, void **list, size_t *room, size_t count, size_t size)
{
  void *more = memory_room(*list, count + 1, room, size);
  if (more)
    *list = more;
  else
    op_fault(tape, "out of memory");
  return more;
}

#define GROW(tape, list, kind)                                                                     \
  grow(tape, (void **)&(tape)->list, &(tape)->kind##_room, (tape)->kind##_count,                   \
       sizeof *(tape)->list)

bool op_given(struct tape *tape, size_t value)
{
  if (!tape->fault && !tape->planned && value < tape->value_count)
    return true;
  op_fault(tape, tape->planned ? "recorded after it was planned" : "a value that does not exist");
  return false;
}

void *op_copy(struct tape *tape, const void *data, size_t bytes)
{
  void *copy = malloc(bytes ? bytes : 1);
  if (copy && bytes)
    memcpy(copy, data, bytes);
  else if (!copy)
    op_fault(tape, "out of memory");
  return copy;
}

/* --- values --- */

static size_t add_value(struct tape *tape, size_t rows, size_t columns)
{
  size_t floats;
  if (tape->fault || !rows || !columns || __builtin_mul_overflow(rows, columns, &floats) ||
      floats > SIZE_MAX / 64)
    return op_fault(tape, "a value of impossible size");
  if (!GROW(tape, values, value))
    return TAPE_NONE;
  size_t id = tape->value_count++;
  tape->values[id] = (struct tape_value){.rows = rows,
                                         .columns = columns,
                                         .stride = columns,
                                         .base = id,
                                         .data_buffer = TAPE_NONE,
                                         .gradient_buffer = TAPE_NONE};
  return id;
}

size_t tape_leaf(struct tape *tape, size_t rows, size_t columns, const float *data, float *gradient)
{
  size_t id = add_value(tape, rows, columns);
  if (id == TAPE_NONE)
    return id;
  struct tape_value *value = &tape->values[id];
  value->leaf = true;
  value->data = (float *)(uintptr_t)data; /* never written */
  value->delivered = gradient;
  value->wanted = gradient != NULL;
  return id;
}

size_t tape_view(struct tape *tape, size_t value, size_t first, size_t columns)
{
  if (!op_given(tape, value))
    return TAPE_NONE;
  struct tape_value of = tape->values[value];
  if (first + columns > of.columns || of.leaf)
    return op_fault(tape, "a view past the end of a value, or of a leaf");
  size_t id = add_value(tape, of.rows, columns);
  if (id == TAPE_NONE)
    return id;
  struct tape_value *view = &tape->values[id];
  view->base = of.base;
  view->first = of.first + first;
  view->stride = of.stride;
  view->wanted = of.wanted;
  tape->values[of.base].viewed = true;
  return id;
}

size_t tape_constant(struct tape *tape, size_t value)
{
  size_t id = tape_view(tape, value, 0, tape_columns(tape, value));
  if (id != TAPE_NONE)
    tape->values[id].wanted = false;
  return id;
}

void tape_name(struct tape *tape, size_t value, const char *name)
{
  if (value < tape->value_count)
    snprintf(tape->values[value].name, TAPE_NAME, "%s", name);
}

void tape_keep(struct tape *tape, size_t value)
{
  if (value < tape->value_count)
    tape->values[tape->values[value].base].kept = true;
}

void tape_keep_gradient(struct tape *tape, size_t value)
{
  if (value < tape->value_count)
    tape->values[tape->values[value].base].gradient_kept = true;
}

size_t tape_rows(const struct tape *tape, size_t value)
{
  return value < tape->value_count ? tape->values[value].rows : 0;
}

void tape_limit_rows(struct tape *tape, size_t value, size_t rows)
{
  tape->values[value].rows = rows;
}

size_t tape_columns(const struct tape *tape, size_t value)
{
  return value < tape->value_count ? tape->values[value].columns : 0;
}

/* --- operations --- */

struct tape_op *op_record(struct tape *tape, const struct tape_op_kind *kind, size_t detail_bytes)
{
  if (tape->fault || !GROW(tape, ops, op))
    return NULL;
  struct tape_op *op = &tape->ops[tape->op_count];
  *op = (struct tape_op){.kind = kind, .output = TAPE_NONE, .first = tape->operand_count};
  if (detail_bytes && !(op->detail = calloc(1, detail_bytes))) {
    op_fault(tape, "out of memory");
    return NULL;
  }
  tape->detail_bytes += detail_bytes;
  tape->op_count++;
  return op;
}

/* Whether two values share memory. */
static bool overlap(const struct tape_value *a, const struct tape_value *b)
{
  return a->base == b->base && a->first < b->first + b->columns && b->first < a->first + a->columns;
}

size_t op_operand(struct tape *tape, struct tape_op *op, size_t value)
{
  for (size_t k = 0; k < op->count && !op->kind->repeats; k++)
    if (overlap(op_in(tape, op, k), &tape->values[value]))
      op_fault(tape, "an operation on the same value twice");
  if (!GROW(tape, operands, operand))
    return 0;
  tape->operands[tape->operand_count++] = (struct tape_operand){value, MODE_NONE, false};
  return op->count++;
}

size_t op_output(struct tape *tape, struct tape_op *op, size_t rows, size_t columns)
{
  size_t id = add_value(tape, rows, columns);
  if (id == TAPE_NONE)
    return id;
  for (size_t k = 0; k < op->count; k++)
    tape->values[id].wanted |= op_in(tape, op, k)->wanted;
  op->output = id;
  return id;
}

size_t op_alike(struct tape *tape, const struct tape_op_kind *kind, size_t value,
                const void *detail, size_t size)
{
  struct tape_op *op = op_given(tape, value) ? op_record(tape, kind, size) : NULL;
  if (!op)
    return TAPE_NONE;
  memcpy(op->detail, detail, size);
  op_operand(tape, op, value);
  return op_output(tape, op, tape_rows(tape, value), tape_columns(tape, value));
}

size_t op_loss(const struct tape *tape, const struct tape_op *op)
{
  return tape->fault ? TAPE_NONE : (size_t)(op - tape->ops);
}

/* --- after a run --- */

const float *tape_data(const struct tape *tape, size_t value)
{
  const struct tape_value *v = &tape->values[value];
  return v->leaf || tape->values[v->base].kept ? v->data : NULL;
}

const float *tape_gradient(const struct tape *tape, size_t value)
{
  const struct tape_value *v = &tape->values[value];
  if (v->leaf)
    return v->delivered;
  return tape->values[v->base].gradient_kept && tape->values[v->base].reached ? v->gradient : NULL;
}

size_t tape_stride(const struct tape *tape, size_t value)
{
  return tape->values[value].stride;
}

double tape_loss(const struct tape *tape, size_t loss)
{
  return tape->ops[loss].loss;
}

const double *tape_row_losses(const struct tape *tape, size_t loss)
{
  return (const double *)(const void *)tape->ops[loss].more;
}

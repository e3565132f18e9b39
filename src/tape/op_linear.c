#include "tape/product.h"

struct linear {
  size_t count, in, out, column;
  struct product_part parts[];
};

static struct product describe(struct tape *tape, struct tape_op *op, float *y, float *scratch)
{
  const struct linear *linear = op->detail;
  const struct tape_value *x = op_in(tape, op, 0), *out = op_out(tape, op);
  return (struct product){.tape = tape,
                          .op = op,
                          .parts = linear->parts,
                          .count = linear->count,
                          .in = linear->in,
                          .out = linear->out,
                          .column = linear->column,
                          .rows = out->rows,
                          .x = x->data,
                          .x_stride = x->stride,
                          .y = y,
                          .y_stride = out->stride,
                          .scratch = scratch};
}

static void linear_forward(struct tape *tape, struct tape_op *op)
{
  const struct product product = describe(tape, op, op_out(tape, op)->data, op->scratch[0]);
  product_forward(&product);
}

static void linear_backward(struct tape *tape, struct tape_op *op)
{
  const struct tape_value *x = op_in(tape, op, 0);
  const struct product product = describe(tape, op, op_out(tape, op)->gradient, op->scratch[1]);
  product_weights(&product);
  if (x->wanted)
    product_input(&product, x->gradient, x->stride, op_mode(tape, op, 0) == MODE_ADD);
}

static size_t linear_scratch(const struct tape *tape, const struct tape_op *op, bool backward)
{
  const struct linear *linear = op->detail;
  return product_scratch(tape, op_out(tape, op)->rows, linear->in, linear->out, backward);
}

static const struct tape_op_kind linear_kind = {.name = "linear",
                                                .forward = linear_forward,
                                                .backward = linear_backward,
                                                .scratch = linear_scratch,
                                                .reads = UINT32_MAX,
                                                .reads_for_others = true};

/* The operand that is this value, which is added where it is none yet. */
static size_t operand_of(struct tape *tape, struct tape_op *op, size_t value)
{
  for (size_t k = 1; k < op->count; k++)
    if (tape->operands[op->first + k].value == value)
      return k;
  return op_operand(tape, op, value);
}

static bool fits(struct tape *tape, const struct tape_part *part)
{
  if (!op_given(tape, part->weight) || !part->count ||
      part->first + part->count > tape_rows(tape, part->weight))
    return false;
  return part->bias == TAPE_NONE ||
         (op_given(tape, part->bias) && tape_rows(tape, part->bias) == 1 &&
          part->first + part->count <= tape_columns(tape, part->bias));
}

/* Whether a part takes rows that an earlier one has. */
static bool taken(const struct tape_part *parts, size_t i)
{
  for (size_t j = 0; j < i; j++)
    if (parts[j].weight == parts[i].weight && parts[j].first < parts[i].first + parts[i].count &&
        parts[i].first < parts[j].first + parts[j].count)
      return true;
  return false;
}

/* Marks operands of which some rows or columns have no part. */
static void mark_partial(struct tape *tape, const struct tape_op *op)
{
  const struct linear *linear = op->detail;
  for (size_t k = 1; k < op->count; k++) {
    struct tape_operand *operand = &tape->operands[op->first + k];
    size_t rows = 0, whole = tape_rows(tape, operand->value);
    bool narrow = false;
    for (size_t i = 0; i < linear->count; i++) {
      if (linear->parts[i].bias == k)
        whole = tape_columns(tape, operand->value);
      if (linear->parts[i].bias == k || linear->parts[i].weight == k)
        rows += linear->parts[i].count;
      narrow |= linear->parts[i].weight == k && tape_columns(tape, operand->value) > linear->in;
    }
    operand->partial = narrow || rows < whole;
  }
}

static size_t record(struct tape *tape, size_t x, const struct tape_part *parts, size_t count,
                     size_t column)
{
  struct tape_op *op =
      op_record(tape, &linear_kind, sizeof(struct linear) + count * sizeof(struct product_part));
  if (!op)
    return TAPE_NONE;
  struct linear *linear = op->detail;
  *linear = (struct linear){.count = count, .in = tape_columns(tape, x), .column = column};
  op_operand(tape, op, x);
  for (size_t i = 0; i < count; i++) {
    if (!fits(tape, &parts[i]) || taken(parts, i))
      return op_fault(tape, "a weight that does not fit its input, or rows of it taken twice");
    size_t weight = operand_of(tape, op, parts[i].weight);
    size_t bias = parts[i].bias == TAPE_NONE ? TAPE_NONE : operand_of(tape, op, parts[i].bias);
    linear->parts[i] = (struct product_part){weight, bias, parts[i].first, parts[i].count};
    linear->out += parts[i].count;
  }
  mark_partial(tape, op);
  return op_output(tape, op, tape_rows(tape, x), linear->out);
}

size_t tape_linear(struct tape *tape, size_t x, const struct tape_part *parts, size_t count)
{
  if (!op_given(tape, x))
    return TAPE_NONE;
  for (size_t i = 0; i < count; i++)
    if (op_given(tape, parts[i].weight) &&
        tape_columns(tape, parts[i].weight) != tape_columns(tape, x))
      return op_fault(tape, "a weight that does not fit its input");
  return record(tape, x, parts, count, 0);
}

size_t tape_linear_columns(struct tape *tape, size_t x, const struct tape_part *part, size_t column)
{
  if (!op_given(tape, x) || !op_given(tape, part->weight))
    return TAPE_NONE;
  size_t in = tape_columns(tape, x), wide = tape_columns(tape, part->weight);
  if (in > wide || column > wide - in)
    return op_fault(tape, "columns that a weight does not have");
  return record(tape, x, part, 1, column);
}

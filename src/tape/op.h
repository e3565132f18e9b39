/* Internal to the tape: values, operations, and what their functions work with. */
#ifndef ATTEST_TAPE_OP_H
#define ATTEST_TAPE_OP_H

#include "tape/operations.h"

#define TAPE_NAME 80

/* A piece of the arena, in use from one step to another. With n operations the forward pass of
 * operation i is step i, its backward pass step 2n - 1 - i. */
struct tape_buffer {
  size_t floats, first, last;
  size_t offset; /* in the arena, floats */
};

struct tape_value {
  size_t rows, columns, stride;
  size_t base, first; /* what it is a view of, and from which column on; itself, 0 */
  bool viewed;        /* somebody is a view of it */
  bool leaf;          /* its data are the caller's */
  bool wanted;        /* a leaf that wants a gradient, or computed from one */
  bool kept, gradient_kept;
  bool reached;     /* some loss depends on it */
  bool zeroed;      /* its gradient starts as zeros, as not all of it is written at first */
  size_t uses;      /* contributions to its gradient */
  size_t last_read; /* step */
  size_t data_buffer, gradient_buffer; /* TAPE_NONE: the caller's, or none */
  float *data, *gradient;
  float *delivered; /* of a leaf: the caller's gradient */
  char name[TAPE_NAME];
};

/* How an operation's part of a gradient comes to it. */
enum tape_mode { MODE_NONE, MODE_WRITE, MODE_ADD };

struct tape_operand {
  size_t value;
  enum tape_mode mode;
  bool partial; /* some of its rows only */
};

struct tape_op;

struct tape_op_kind {
  const char *name;
  void (*forward)(struct tape *tape, struct tape_op *op);
  void (*backward)(struct tape *tape, struct tape_op *op);

  /* Floats of scratch that one of them takes; NULL = none. */
  size_t (*scratch)(const struct tape *tape, const struct tape_op *op, bool backward);
  uint32_t reads; /* bits of the operands whose data the adjoint reads; the last: 31 and up */
  bool reads_for_others;   /* operand 0 only where another one wants a gradient */
  bool reads_output;       /* so it does the output's */
  bool in_place;           /* the output may lie where the first operand does */
  bool gradient_in_place;  /* one operand's gradient may lie where the output's does */
  bool gradient_in_output; /* the first one's may lie where the output itself does */
  bool repeats;            /* a value may be several operands: the adjoint takes the last first */
  bool for_adjoint;        /* what the operation keeps is for its adjoint alone */
  bool loss;
};

struct tape_op {
  const struct tape_op_kind *kind;
  size_t output;       /* TAPE_NONE: none */
  size_t first, count; /* operands */
  void *detail;        /* what the kind keeps; free() */
  size_t more_floats;  /* kept for the adjoint, or, of losses and routes, to the end */
  float *more;
  float *scratch[2]; /* forward, backward */
  size_t buffers[3]; /* of these three */
  bool backward;     /* whether it takes part in the backward pass */
  double coefficient, loss;
};

/* All there is, in arrays that grow while recording: for each its count and its room. */
struct tape {
  const struct kernels *kernels;
  struct threads *threads;
  int workers;
  size_t shared_work; /* below this an operation runs on the caller's thread */
  bool planned, accumulate, adding;
  bool (*stop)(void); /* asked before each operation; NULL = never */
  bool stopped;       /* whether it stopped the last run */
  const char *fault;  /* what went wrong while recording; NULL */
  struct tape_value *values;
  struct tape_op *ops;
  struct tape_operand *operands;
  struct tape_buffer *buffers;
  size_t value_count, op_count, operand_count, buffer_count;
  size_t value_room, op_room, operand_room, buffer_room;
  size_t detail_bytes; /* of all operations */
  size_t arena_floats, row_floats;
  float *arena;
  float *row_scratch; /* [workers][row_floats] */
};

/* --- recording --- */

/* A new operation without operands, and a detail of so many bytes, zeroed; NULL after a fault. The
 * pointer holds until the next one is recorded. */
struct tape_op *op_record(struct tape *tape, const struct tape_op_kind *kind, size_t detail_bytes);

/* Adds an operand; returns its index in the operation. */
size_t op_operand(struct tape *tape, struct tape_op *op, size_t value);

/* Gives it an output of this shape; returns the value. */
size_t op_output(struct tape *tape, struct tape_op *op, size_t rows, size_t columns);

/* A whole operation on one value, with an output of its shape and a copy of `size` bytes of detail;
 * returns the output. */
size_t op_alike(struct tape *tape, const struct tape_op_kind *kind, size_t value,
                const void *detail, size_t size);

/* A handle of a loss: the operation's number. */
size_t op_loss(const struct tape *tape, const struct tape_op *op);

/* Notes a mistake of whoever records. Returns TAPE_NONE. */
size_t op_fault(struct tape *tape, const char *text);

/* Whether the value exists and nothing went wrong before; else a fault. */
bool op_given(struct tape *tape, size_t value);

/* A copy; NULL, and a fault, without memory. It belongs to the caller. */
void *op_copy(struct tape *tape, const void *data, size_t bytes);

/* --- running --- */

static inline struct tape_value *op_in(const struct tape *tape, const struct tape_op *op, size_t k)
{
  return &tape->values[tape->operands[op->first + k].value];
}

static inline struct tape_value *op_out(const struct tape *tape, const struct tape_op *op)
{
  return &tape->values[op->output];
}

static inline float *value_row(const struct tape_value *value, size_t row)
{
  return value->data + row * value->stride;
}

static inline float *gradient_row(const struct tape_value *value, size_t row)
{
  return value->gradient + row * value->stride;
}

/* What operand k's gradient gets in this backward pass. */
enum tape_mode op_mode(const struct tape *tape, const struct tape_op *op, size_t k);

/* Whether it may be MODE_ADD in some run. */
bool op_may_add(const struct tape *tape, const struct tape_op *op, size_t k);

/* Calls row(tape, op, index, scratch) for every index < rows on all threads; `work` is about how
 * many simple operations a row takes. scratch: row_floats of the thread's own. */
typedef void op_row(struct tape *tape, struct tape_op *op, size_t row, float *scratch);
void op_each_row(struct tape *tape, struct tape_op *op, size_t rows, size_t work, op_row *row);

/* Calls task(tape, op, index, worker) for every index < tasks, `work` as above. */
typedef void op_task(struct tape *tape, struct tape_op *op, size_t index, int worker);
void op_each_task(struct tape *tape, struct tape_op *op, size_t tasks, size_t work, op_task *task);

/* Computes a row of operand 0's gradient for every row: gradient(tape, op, row, dx) writes all of
 * dx. */
typedef void op_gradient(struct tape *tape, struct tape_op *op, size_t row, float *dx);
void op_each_gradient(struct tape *tape, struct tape_op *op, size_t work, op_gradient *gradient);

/* Adds or writes the column sums of x [rows][n] to operand k's gradient, of which `first` on;
 * scratch: n floats. */
void op_column_sum(struct tape *tape, struct tape_op *op, size_t k, size_t first, const float *x,
                   size_t stride, size_t rows, size_t n, float *scratch);

/* y = x, or y = y + x. */
void op_put(const struct tape *tape, enum tape_mode mode, const float *x, float *y, size_t n);

/* The pool for work of this size; NULL where the caller's thread does it alone. */
struct threads *op_threads(const struct tape *tape, size_t work);

#endif

/* Forward and backward over a planned tape. */
#include "tape/op.h"

#include <math.h>
#include <string.h>

/* --- what operations run on --- */

struct threads *op_threads(const struct tape *tape, size_t work)
{
  return work < tape->shared_work || tape->workers < 2 ? NULL : tape->threads;
}

struct job {
  struct tape *tape;
  struct tape_op *op;
  size_t rows;
  op_row *row;
  op_task *task;
  op_gradient *gradient;
};

static void run_tasks(const struct tape *tape, size_t tasks, size_t work, threads_task *task,
                      struct job *job)
{
  struct threads *threads = op_threads(tape, work);
  if (threads)
    threads_run(threads, tasks, task, job);
  else
    for (size_t i = 0; i < tasks; i++)
      task(job, i, 0);
}

#define TASK_ROWS 16

static void row_task(void *context, size_t index, int worker)
{
  const struct job *job = context;
  size_t end = (index + 1) * TASK_ROWS < job->rows ? (index + 1) * TASK_ROWS : job->rows;
  float *scratch = job->tape->row_scratch + (size_t)worker * job->tape->row_floats;
  for (size_t row = index * TASK_ROWS; row < end; row++)
    job->row(job->tape, job->op, row, scratch);
}

void op_each_row(struct tape *tape, struct tape_op *op, size_t rows, size_t work, op_row *row)
{
  struct job job = {.tape = tape, .op = op, .rows = rows, .row = row};
  run_tasks(tape, (rows + TASK_ROWS - 1) / TASK_ROWS, rows * work, row_task, &job);
}

static void plain_task(void *context, size_t index, int worker)
{
  const struct job *job = context;
  job->task(job->tape, job->op, index, worker);
}

void op_each_task(struct tape *tape, struct tape_op *op, size_t tasks, size_t work, op_task *task)
{
  struct job job = {.tape = tape, .op = op, .task = task};
  run_tasks(tape, tasks, tasks * work, plain_task, &job);
}

static void gradient_task(void *context, size_t index, int worker)
{
  const struct job *job = context;
  const struct tape_value *x = op_in(job->tape, job->op, 0);
  size_t end = (index + 1) * TASK_ROWS < job->rows ? (index + 1) * TASK_ROWS : job->rows;
  float *scratch = job->tape->row_scratch + (size_t)worker * job->tape->row_floats;
  bool add = op_mode(job->tape, job->op, 0) == MODE_ADD;
  for (size_t row = index * TASK_ROWS; row < end; row++) {
    float *dx = gradient_row(x, row);
    job->gradient(job->tape, job->op, row, add ? scratch : dx);
    if (add)
      job->tape->kernels->add(scratch, dx, x->columns);
  }
}

void op_each_gradient(struct tape *tape, struct tape_op *op, size_t work, op_gradient *gradient)
{
  size_t rows = op_in(tape, op, 0)->rows;
  struct job job = {.tape = tape, .op = op, .rows = rows, .gradient = gradient};
  run_tasks(tape, (rows + TASK_ROWS - 1) / TASK_ROWS, rows * work, gradient_task, &job);
}

void op_put(const struct tape *tape, enum tape_mode mode, const float *x, float *y, size_t n)
{
  if (mode == MODE_ADD)
    tape->kernels->add(x, y, n);
  else if (x != y)
    memcpy(y, x, n * sizeof *y);
}

void op_column_sum(struct tape *tape, struct tape_op *op, size_t k, size_t first, const float *x,
                   size_t stride, size_t rows, size_t n, float *scratch)
{
  float *to = op_in(tape, op, k)->gradient + first;
  enum tape_mode mode = op_mode(tape, op, k);
  tape->kernels->column_sum(x, stride, rows, mode == MODE_ADD ? scratch : to, n);
  if (mode == MODE_ADD)
    tape->kernels->add(scratch, to, n);
}

/* --- leaves --- */

/* A leaf whose one use adds to the caller's gradient itself. */
static bool direct(const struct tape *tape, const struct tape_value *value)
{
  return tape->accumulate && value->leaf && value->gradient_buffer == TAPE_NONE;
}

enum tape_mode op_mode(const struct tape *tape, const struct tape_op *op, size_t k)
{
  enum tape_mode mode = tape->operands[op->first + k].mode;
  return mode == MODE_WRITE && tape->adding && direct(tape, op_in(tape, op, k)) ? MODE_ADD : mode;
}

bool op_may_add(const struct tape *tape, const struct tape_op *op, size_t k)
{
  enum tape_mode mode = tape->operands[op->first + k].mode;
  return mode == MODE_ADD || (mode == MODE_WRITE && direct(tape, op_in(tape, op, k)));
}

static void clear(const struct tape_value *value)
{
  for (size_t row = 0; row < value->rows; row++)
    memset(gradient_row(value, row), 0, value->columns * sizeof(float));
}

/* Leaves that nothing writes whole start as zeros. */
static void begin_leaves(const struct tape *tape)
{
  for (size_t i = 0; i < tape->value_count; i++) {
    const struct tape_value *value = &tape->values[i];
    if (value->leaf && value->delivered && value->gradient_buffer == TAPE_NONE &&
        (value->zeroed || (!value->uses && !tape->adding)))
      clear(value);
  }
}

static void deliver_leaves(const struct tape *tape)
{
  for (size_t i = 0; i < tape->value_count; i++) {
    const struct tape_value *value = &tape->values[i];
    if (value->leaf && value->gradient_buffer != TAPE_NONE)
      op_put(tape, tape->adding ? MODE_ADD : MODE_WRITE, value->gradient, value->delivered,
             value->rows * value->columns);
  }
}

/* --- checking --- */

static int check_matrix(const struct tape *tape, const struct tape_value *value, const float *data,
                        const char *what, const char *kind, struct error *error)
{
  for (size_t row = 0; row < value->rows; row++) {
    const float *x = data + row * value->stride;
    size_t column = 0;
    if (tape->kernels->all_finite(x, value->columns))
      continue;
    while (column + 1 < value->columns && isfinite(x[column]))
      column++;
    return error_set(error, EXIT_INPUT,
                     "%s%s%s%s holds a NaN or an infinity in row %zu, element %zu: the arithmetic "
                     "left the range of fp32",
                     what, value->name, *value->name ? ", result of " : "result of ", kind, row,
                     column);
  }
  return 0;
}

static int check_output(const struct tape *tape, const struct tape_op *op, struct error *error)
{
  if (op->output != TAPE_NONE) {
    const struct tape_value *value = op_out(tape, op);
    if (check_matrix(tape, value, value->data, "", op->kind->name, error))
      return error->code;
  }
  return op->kind->loss && !isfinite(op->loss)
             ? error_set(error, EXIT_INPUT, "the loss of %s is not finite", op->kind->name)
             : 0;
}

static int check_gradients(const struct tape *tape, const struct tape_op *op, struct error *error)
{
  for (size_t k = 0; op->backward && k < op->count; k++) {
    const struct tape_value *value = op_in(tape, op, k);
    if (value->wanted &&
        check_matrix(tape, value, value->gradient, "the gradient of ", op->kind->name, error))
      return error->code;
  }
  return 0;
}

/* --- the passes --- */

/* Gradients of which this operation, number i, makes the first part, and not the whole. */
static void begin_gradients(const struct tape *tape, const struct tape_op *op, size_t i)
{
  for (size_t k = 0; k < op->count; k++) {
    const struct tape_value *base = &tape->values[op_in(tape, op, k)->base];
    if (base->zeroed && base->wanted && base->gradient_buffer != TAPE_NONE &&
        tape->buffers[base->gradient_buffer].first == 2 * tape->op_count - 1 - i)
      clear(base);
  }
}

static bool stops(struct tape *tape)
{
  tape->stopped = tape->stop && tape->stop();
  return tape->stopped;
}

static int forward(struct tape *tape, bool check, struct error *error)
{
  tape->stopped = false;
  for (size_t i = 0; i < tape->op_count; i++) {
    if (stops(tape))
      return 0;
    tape->ops[i].kind->forward(tape, &tape->ops[i]);
    if (check && check_output(tape, &tape->ops[i], error))
      return error->code;
  }
  return 0;
}

static int backward(struct tape *tape, bool add, bool check, struct error *error)
{
  tape->adding = add;
  tape->stopped = false;
  begin_leaves(tape);
  for (size_t i = tape->op_count; i-- > 0;) {
    struct tape_op *op = &tape->ops[i];
    if (!op->backward)
      continue;
    if (stops(tape))
      return 0;
    begin_gradients(tape, op, i);
    op->kind->backward(tape, op);
    if (check && check_gradients(tape, op, error))
      return error->code;
  }
  deliver_leaves(tape);
  return 0;
}

void tape_stop_when(struct tape *tape, bool (*stop)(void))
{
  tape->stop = stop;
}

bool tape_stopped(const struct tape *tape)
{
  return tape->stopped;
}

void tape_forward(struct tape *tape)
{
  (void)forward(tape, false, NULL);
}

void tape_backward(struct tape *tape, bool add)
{
  (void)backward(tape, add, false, NULL);
}

int tape_check(struct tape *tape, struct error *error)
{
  return forward(tape, true, error) ? error->code : backward(tape, false, true, error);
}

/* The tape: a forward pass that can be differentiated, and in which any value can be kept or
 * replaced.
 *
 * Operations (operations.h) are recorded once, as a graph over fp32 matrices [rows][columns] of
 * known shapes. Then the tape is planned: what lives how long follows from which adjoint reads
 * what, and all of it gets a place in one arena, which is allocated once. After that it runs as
 * often as one likes, forward and backward, without another allocation. The forward pass calls the
 * kernels of pass/ in the same order, so that both give the same bits at every site.
 *
 * Gradients. A value used several times gets its gradients added in the reverse order of its uses,
 * each use's being computed whole, from +0, and added with plain adds. Those of micro-batches are
 * added the same way, in the order of the runs. Neither threads nor instruction set nor memory
 * changes a bit.
 *
 * Recording cannot fail on the spot: a value of the wrong shape, or a lack of memory, is told by
 * tape_plan. Values are named by numbers; TAPE_NONE is none. Not for several threads at once. */
#ifndef ATTEST_TAPE_TAPE_H
#define ATTEST_TAPE_TAPE_H

#include "base/error.h"
#include "base/threads.h"
#include "kernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAPE_NONE SIZE_MAX

struct tape;

/* Kernels and threads are borrowed; threads may be NULL = the caller's alone. Owner: the caller,
 * tape_free. Errors: EXIT_RUN. */
int tape_create(const struct kernels *kernels, struct threads *threads, struct tape **tape,
                struct error *error);
void tape_free(struct tape *tape); /* NULL is allowed */

/* --- recording --- */

/* A matrix [rows][columns] of the caller's, read at every run and borrowed: a parameter whose
 * gradient every backward pass writes to `gradient`, or a constant (gradient NULL). */
size_t tape_leaf(struct tape *tape, size_t rows, size_t columns, const float *data,
                 float *gradient);

/* Columns [first, first + columns) of a value, which share its memory and its gradient. */
size_t tape_view(struct tape *tape, size_t value, size_t first, size_t columns);

/* The same value, through which no gradient flows: what is computed from it is a constant unless
 * something else in it is not. */
size_t tape_constant(struct tape *tape, size_t value);

/* A name for messages, copied, at most 79 bytes. */
void tape_name(struct tape *tape, size_t value, const char *name);

/* A value, and the gradient of one, that can be read after a run; others may be gone by then. */
void tape_keep(struct tape *tape, size_t value);
void tape_keep_gradient(struct tape *tape, size_t value);

size_t tape_rows(const struct tape *tape, size_t value);
size_t tape_columns(const struct tape *tape, size_t value);

/* --- planning --- */

/* Lays out the arena; nothing can be recorded afterwards. `accumulate`: whether runs may add to
 * the gradients of earlier ones. Errors: EXIT_RUN (memory, a value of the wrong shape). */
int tape_plan(struct tape *tape, bool accumulate, struct error *error);

/* Bytes that tape_allocate takes, and those of masks and the like that recording took; exact. */
uint64_t tape_bytes(const struct tape *tape);

/* Errors: EXIT_RUN. */
int tape_allocate(struct tape *tape, struct error *error);

/* --- running --- */

/* From the next run on a value has so many rows, at most those that it was recorded with: for a
 * batch that needs fewer. Every value with a row for each of its own must be limited, too; those of
 * operations on rows alone can be, and sources of tape_stack_rows. */
void tape_limit_rows(struct tape *tape, size_t value, size_t rows);

/* From the next run on `stop` is asked before every operation; once it says so, the run ends, its
 * values mean nothing, and tape_stopped is true until the next run. NULL = never. */
void tape_stop_when(struct tape *tape, bool (*stop)(void));
bool tape_stopped(const struct tape *tape);

/* Computes all values and losses. Whether these are finite is for the caller to see: tape_check. */
void tape_forward(struct tape *tape);

/* After a forward pass: the gradient of the sum of all losses (operations.h) with respect to every
 * leaf, written to its `gradient` or, if `add`, added to what it holds. A leaf that no loss depends
 * on gets +0. */
void tape_backward(struct tape *tape, bool add);

/* Runs once more, checking each value and each gradient as it appears; the gradients of leaves are
 * undefined afterwards. Errors: EXIT_INPUT naming the first that holds a NaN or an infinity, with
 * row and column. 0: all is finite. */
int tape_check(struct tape *tape, struct error *error);

/* A value [rows][columns], rows tape_stride floats apart: of a leaf, or of a value that is kept,
 * after a forward pass; its gradient after a backward pass, NULL where it has none: no loss depends
 * on it, or nothing wants it. */
const float *tape_data(const struct tape *tape, size_t value);
const float *tape_gradient(const struct tape *tape, size_t value);
size_t tape_stride(const struct tape *tape, size_t value);

#endif

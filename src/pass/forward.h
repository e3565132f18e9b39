/* The forward pass, layer by layer over chunks of sequences.
 *
 * The residual stream of a whole chunk stays in memory; each layer's weights are widened and packed
 * once per chunk. Neither the chunk, the threads nor the memory budget change a bit of any figure.
 * What is computed at all follows from the hooks (hook.h). */
#ifndef ATTEST_PASS_FORWARD_H
#define ATTEST_PASS_FORWARD_H

#include "base/error.h"
#include "base/threads.h"
#include "kernels.h"
#include "model/model.h"
#include "pass/hook.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct forward_options {
  const struct kernels *kernels;
  struct threads *threads;
  struct hooks hooks;   /* what is read and replaced; sequences are those of the whole pass */
  struct forks forks;   /* copies of the sequences, for conditions side by side; none: all zero */
  uint64_t memory;      /* bytes that may be used in all */
  uint64_t reserved;    /* of these, taken by the caller */
  size_t start;         /* sequences done by an earlier, interrupted pass */
  uint64_t *operations; /* gets the floating-point operations done; NULL = nowhere */
  /* Called when sequences 0 .. done - 1 are done and seen; false stops the pass. NULL = none. */
  bool (*chunk_done)(void *context, size_t done);
  void (*progress)(void *context, double share); /* share of the work done, 0 .. 1; NULL = none */
  bool (*go_on)(void *context); /* asked before every layer; false stops the pass. NULL = none */
  void *context;                /* of the three callbacks */
};

/* How a pass over n sequences is cut, and what it takes. */
struct forward_plan {
  size_t chunk; /* sequences whose residual stream, and their copies', is resident */
  size_t batch; /* sequences, copies among them, that go through a layer together */
  bool look_up; /* whether memory allows to compute layer 0 once per distinct token id of a chunk */
  uint64_t bytes;
  double gflop; /* floating-point operations of the pass / 1e9 */
};

/* Errors: EXIT_INPUT when not even one sequence fits, with the smallest memory that would do, or
 * for hooks or forks that hooks_check or hooks_check_forks refuses. */
int forward_plan(const struct model *model, size_t n, size_t seq_len,
                 const struct forward_options *options, struct forward_plan *plan,
                 struct error *error);

/* The largest chunk of any plan over n sequences without copies. */
size_t forward_most_chunk(size_t n, size_t seq_len);

/* The plan's operations, for the hooks and forks of `options`, in chunks of this many sequences:
 * those of matrix products and of attention (keys past the query not counted), a multiply-add
 * counts as two. Looking up spares some of them. */
double forward_gflop(const struct model_config *config, const struct forward_options *options,
                     size_t n, size_t seq_len, size_t chunk);

/* The plan's operations that are left from options->start on, tokens [n][seq_len] being looked up
 * where that pays. Errors: EXIT_RUN (memory). */
int forward_left_gflop(const struct model *model, const int32_t *tokens, size_t n, size_t seq_len,
                       const struct forward_options *options, const struct forward_plan *plan,
                       double *gflop, struct error *error);

/* Runs tokens[n][seq_len] (ids < vocab) through the model. A value that is not finite stops the run
 * with the layer and the tensor's name (EXIT_INPUT). A pass stopped by chunk_done or go_on before
 * its end returns EXIT_RUN. Other errors: those of forward_plan, EXIT_RUN. */
int forward_run(const struct model *model, const int32_t *tokens, size_t n, size_t seq_len,
                const struct forward_options *options, struct error *error);

#endif

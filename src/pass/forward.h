/* The forward pass, layer by layer over chunks of sequences.
 *
 * The residual stream of a whole chunk stays in memory; each layer's weights are widened and packed
 * once per chunk. Neither the chunk, the threads nor the memory budget change a bit of any figure.
 */
#ifndef ATTEST_PASS_FORWARD_H
#define ATTEST_PASS_FORWARD_H

#include "base/error.h"
#include "base/threads.h"
#include "kernels.h"
#include "model/model.h"
#include "pass/attention.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct forward_options {
  const struct kernels *kernels;
  struct threads *threads;
  uint64_t memory;   /* bytes that may be used in all */
  uint64_t reserved; /* of these, taken by the caller */
  size_t start;      /* sequences done by an earlier, interrupted pass */
  /* Called when sequences 0 .. done - 1 are done and seen; false stops the pass. NULL = none. */
  bool (*chunk_done)(void *context, size_t done);
  void (*progress)(void *context, double share); /* share of the work done, 0 .. 1; NULL = none */
  void *context;                                 /* of both callbacks */
};

#define FORWARD_MAX_FULL 8 /* sequences whose residual stream and logits can be shown */

/* What the caller wants to see. The last layer's MLP, the final norm and the LM head are computed
 * only when full_sequences > 0. */
struct forward_observer {
  void *context;
  attention_observer *head; /* last query of every sequence, layer and head */
  size_t full_sequences;    /* at most 8: residual and logits of sequences 0 .. this - 1 */
  /* The residual stream at the last position, [hidden]: index 0 = embedding, i = after layer i
   * (from 1), layers + 1 = after the final norm. May be NULL if full_sequences is 0. */
  void (*residual)(void *context, size_t index, size_t sequence, const float *row);
  /* Logits [first, first + count) of the last position. */
  void (*logits)(void *context, size_t sequence, size_t first, size_t count, const float *part);
};

/* How a pass over n sequences is cut, and what it takes. */
struct forward_plan {
  size_t chunk; /* sequences whose residual stream is resident */
  size_t batch; /* sequences that go through a layer together */
  bool look_up; /* layer 0 once per distinct token id of a chunk */
  uint64_t bytes;
  double gflop; /* floating-point operations of the pass / 1e9, a multiply-add counts as two */
};

/* Errors: EXIT_INPUT when not even one sequence fits, with the smallest memory that would do. */
int forward_plan(const struct model *model, size_t n, size_t seq_len,
                 const struct forward_options *options, struct forward_plan *plan,
                 struct error *error);

/* The plan's operations, which only the shape determines. */
double forward_gflop(const struct model_config *config, size_t n, size_t seq_len);

/* Of plan->gflop, what looking up spares for these tokens. Errors: EXIT_RUN (memory). */
int forward_spared_gflop(const struct model *model, const int32_t *tokens, size_t n, size_t seq_len,
                         const struct forward_plan *plan, double *gflop, struct error *error);

/* Runs tokens[n][seq_len] (ids < vocab) through the model. A value that is not finite stops the run
 * with the layer and the tensor's name (EXIT_INPUT). A pass stopped by chunk_done before its end
 * returns EXIT_RUN. Other errors: EXIT_RUN. */
int forward_run(const struct model *model, const int32_t *tokens, size_t n, size_t seq_len,
                const struct forward_options *options, const struct forward_observer *observer,
                struct error *error);

#endif

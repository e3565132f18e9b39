/* A model's clean and corrupted runs of a task's pairs: what scores and patched runs start from.
 *
 * Pairs of equal length run together, in batches whose size follows from the memory; no figure
 * depends on it. What the batches' runs leave is kept where it fits, and computed again elsewhere.
 */
#ifndef ATTEST_CIRCUIT_RUNS_H
#define ATTEST_CIRCUIT_RUNS_H

#include "base/threads.h"
#include "circuit/graph.h"
#include "kernels.h"
#include "model/model.h"
#include "task/task.h"

struct circuit_options {
  const struct kernels *kernels;
  struct threads *threads;
  uint64_t memory;                               /* bytes that may be used in all */
  void (*progress)(void *context, double share); /* of a call, 0 .. 1; NULL = none */
  void *context;
};

struct circuit_runs;

/* Whether `memory` does for pairs of at most `longest` tokens, beside what the caller needs of it
 * for itself, `own`. Errors: EXIT_INPUT, with what would do. */
int circuit_memory_check(const struct model_config *config, const struct graph *graph,
                         size_t longest, uint64_t own, uint64_t memory, struct error *error);

/* Widens the model's weights and runs every pair, clean and corrupted. Model and task are borrowed.
 * Owner: the caller, circuit_runs_free, also after an error. Errors: EXIT_INPUT (a family without a
 * graph, a base model, a prompt longer than the context, an id outside the vocabulary, memory for
 * not even one pair, with what would do, an activation that is not finite), EXIT_RUN. */
int circuit_runs_create(const struct model *model, const struct task *task,
                        const struct circuit_options *options, struct circuit_runs **runs,
                        struct error *error);
void circuit_runs_free(struct circuit_runs *runs); /* NULL is allowed */

const struct graph *circuit_runs_graph(const struct circuit_runs *runs);
size_t circuit_runs_pairs(const struct circuit_runs *runs);

/* The metric of every pair, [pairs] in the order of the task. */
const double *circuit_runs_clean(const struct circuit_runs *runs);
const double *circuit_runs_corrupted(const struct circuit_runs *runs);

/* Sum over pairs in order / pairs. */
double circuit_mean(const double *metric, size_t pairs);

#endif

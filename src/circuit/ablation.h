/* Ablations of a model over a batch: the heads of a condition output zero at all positions, and the
 * logits of the last position are asked for the token that followed before (b).
 *
 * Conditions run side by side. What lies in front of a condition's first ablated layer is computed
 * once for all of them (pass/forks.h), weights are packed once for all, and conditions with the
 * same heads are one. Where memory is short, they run in several passes. No figure depends on any
 * of that. */
#ifndef ATTEST_CIRCUIT_ABLATION_H
#define ATTEST_CIRCUIT_ABLATION_H

#include "circuit/condition.h"
#include "circuit/target.h"
#include "pass/forward.h"
#include "probe/batch.h"

struct ablation;

/* Bytes that ablation_create takes for so many conditions and sequences. */
uint64_t ablation_bytes(size_t conditions, size_t n);

/* Both must outlive it. Owner: the caller, ablation_free (NULL is allowed). Errors: EXIT_RUN. */
int ablation_create(const struct conditions *conditions, const struct batch *batch,
                    struct ablation **ablation, struct error *error);
void ablation_free(struct ablation *ablation);

/* What a run takes. */
struct ablation_plan {
  size_t passes; /* over the batch */
  size_t copies; /* conditions a pass, beside what they share */
  size_t chunk;  /* sequences of the first pass whose conditions are resident */
  uint64_t bytes;
  double gflop; /* that are left */
};

/* How it runs: kernels, threads, memory and reserved count, hooks, forks, start and the callbacks
 * do not. Errors: those of forward_plan. */
int ablation_plan(const struct ablation *ablation, const struct model *model,
                  const struct forward_options *options, struct ablation_plan *plan,
                  struct error *error);

/* Runs what is left by the plan. Of `options`, the callbacks are called, too: chunk_done with the
 * sequences of the pass at hand, progress with the share of all that was left; `operations` gets
 * the sum. Errors: those of forward_run. */
int ablation_run(struct ablation *ablation, const struct model *model,
                 const struct forward_options *options, const struct ablation_plan *plan,
                 struct error *error);

/* Sequences that all conditions are done with. */
size_t ablation_done(const struct ablation *ablation);

/* Writes what is done, so that an interrupted run can go on. `identity` names the batch, the
 * conditions and the model: 32 characters. Errors: EXIT_RUN. */
int ablation_save(const struct ablation *ablation, const char *path, const char *identity,
                  struct error *error);

/* Reads it back; nothing changes when there is no such file, or it is damaged or of another
 * identity. *found says whether it did. Errors: EXIT_RUN. */
int ablation_load(struct ablation *ablation, const char *path, const char *identity, bool *found,
                  struct error *error);

/* What one condition shows over all sequences; means are sums in sequence order from +0 / their
 * number. */
struct ablation_figures {
  bool missing;      /* of a condition that is not run */
  size_t top1, top5; /* sequences whose target has rank 0, or less than 5 */
  double cross_entropy, target_logit;
};
void ablation_figures(const struct ablation *ablation, size_t condition,
                      struct ablation_figures *figures);

/* What one sequence shows under one condition; NULL for a condition that is not run. */
const struct target *ablation_target(const struct ablation *ablation, size_t condition,
                                     size_t sequence);

/* The controls of one kind of one circuit, by their numbers of top-1 sequences; sd with n - 1. p =
 * (1 + controls at least as extreme as the circuit, on its side of the baseline) / (1 + controls).
 * NAN: not enough controls could be drawn, or no circuit. */
struct control_summary {
  const char *condition; /* borrowed from the conditions */
  enum control control;
  double mean, sd, min, max, p;
};

/* Room for all of them: one a condition. Returns how many there are. */
size_t ablation_summaries(const struct ablation *ablation, struct control_summary *summaries);

#endif

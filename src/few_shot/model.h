/* The few-shot model under a clamp, on the tape: loss and gradients of a batch, or logits, patterns
 * and scores of many sequences.
 *
 * Forward pass. e = We x + be, or a column of Le. Layer l: n = LN(h; g_l, b_l), eps 1e-5; q, k, v =
 * Wqkv_l n; rope on each head's interleaved pairs, base 10000; S = q k / sqrt(head_dim); A =
 * softmax over positions up to the query's; z = A v; h := h + Wo_l z. Logits = Wu LN(h; gf, bf) +
 * bu at position 4 alone; loss = mean over the batch of the cross-entropy of labels[query].
 *
 * Layer 1 asks at position 4 alone. What depends on the token alone is computed once for each item
 * of a batch, ascending, then labels: their gradients are the sums over their uses in the order of
 * rows (position, sequence). Everything else
 * is as tape/operations.h and tape/lanes.h state; no bit depends on the machine. */
#ifndef ATTEST_FEW_SHOT_MODEL_H
#define ATTEST_FEW_SHOT_MODEL_H

#define FEW_MOST_BATCH 65536

#include "few_shot/clamp.h"
#include "few_shot/data.h"
#include "kernels.h"

struct few_model_options {
  const struct kernels *kernels; /* borrowed; all of it runs on the caller's thread */
  struct few_sizes sizes;
  size_t batch;                  /* sequences of a run; a part of the recipe, as it is in the bits
                                    of gradients (not in those of a sequence's logits) */
  size_t items;                  /* rows of the tables to come, at most */
  const struct few_clamp *clamp; /* copied; NULL = none */
  const float *graft;            /* parameters that `clamp` takes from; borrowed */
};

struct few_model;

/* Records and plans the passes for `parameters` [few_parameters], which are borrowed and read at
 * every run, as are `gradients`, written at every run; NULL: only the forward pass. Gradients of
 * tensors that the clamp leaves without influence are +0. Owner: the caller, few_model_free, also
 * after an error. Errors: EXIT_INPUT (sizes, clamp), EXIT_RUN. */
int few_model_create(const struct few_model_options *options, const float *parameters,
                     float *gradients, struct few_model **model, struct error *error);
void few_model_free(struct few_model *model); /* NULL is allowed */

size_t few_model_batch(const struct few_model *model);
const struct few_sizes *few_model_sizes(const struct few_model *model);

/* Bytes that it takes, exact. */
uint64_t few_model_bytes(const struct few_model *model);

/* Loss and gradients of sequences [batch], items being rows of `table`. Errors: EXIT_INPUT for a
 * value that is not finite, naming the first where it shows. */
int few_model_run(struct few_model *model, const struct few_table *table,
                  const struct few_sequence *sequences, double *loss, struct error *error);

/* The forward pass alone of sequences [count], count <= batch: values to be read below, valid until
 * the next run. A sequence's values are the same bits in whatever batch. Errors: the same. */
int few_model_forward(struct few_model *model, const struct few_table *table,
                      const struct few_sequence *sequences, size_t count, struct error *error);

/* After few_model_forward, of logits and losses also after few_model_run. Each is of the pass that
 * counts, after clamps. */
const float *few_model_logits(const struct few_model *model, size_t sequence); /* [labels] */
double few_model_loss(const struct few_model *model, size_t sequence);         /* cross-entropy */

/* Attention of head, from `query` to `key` <= query, of layer 1 from query 4 alone: a value for
 * every sequence, [count]. Scores are scaled, before the softmax. Of a model without gradients;
 * NULL where a clamp leaves no such value (layer 0 under perfect_layer0, layer 1's pattern under
 * copy; its scores where patterns are preserved). */
const float *few_model_pattern(const struct few_model *model, size_t layer, size_t head,
                               size_t query, size_t key);
const float *few_model_scores(const struct few_model *model, size_t layer, size_t head,
                              size_t query, size_t key);

#endif

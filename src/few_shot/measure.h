/* What a model says to a set of sequences: the paper's evaluations. */
#ifndef ATTEST_FEW_SHOT_MEASURE_H
#define ATTEST_FEW_SHOT_MEASURE_H

#include "few_shot/model.h"

/* Means over sequences, in double, in order. The distractor is the label of the class that is not
 * asked for; p = softmax of the logits over all labels. */
struct few_scores {
  double loss;             /* cross-entropy */
  double acc;              /* the highest logit is the target's (the first among equals) */
  double in_context_acc;   /* the target's logit is the higher of the two labels of the sequence
                              (among equals the lower label's) */
  double out_context_acc;  /* the highest among labels outside the sequence and the target is the
                              target's */
  double prob;             /* p of the target */
  double in_context_prob;  /* p of the target / p of the two labels */
  double out_context_prob; /* p of the target / (p of it + p of labels outside the sequence) */
  double use_context_prob; /* p of the two labels */
};
#define FEW_SCORES 8
extern const char *const few_score_names[FEW_SCORES];

/* Called for every batch: sequences [first, first + count) of those asked for, whose values the
 * model holds. Non-zero ends it with that code. */
typedef int few_seen(void *context, const struct few_model *model,
                     const struct few_sequence *sequences, size_t first, size_t count,
                     struct error *error);

/* Runs all sequences through the model, batch by batch; `seen` and `scores` may be NULL. Errors:
 * those of few_model_forward, of `seen`. */
int few_measure(struct few_model *model, const struct few_table *table,
                const struct few_sequence *sequences, size_t count, few_seen *seen, void *context,
                struct few_scores *scores, struct error *error);

#endif

/* What a model says to a set of sequences: the paper's evaluations. */
#ifndef ATTEST_FEW_SHOT_MEASURE_H
#define ATTEST_FEW_SHOT_MEASURE_H

#include "few_shot/model.h"

/* Means over sequences, in double, in order. p = softmax of the logits over all labels; the target
 * is the label of the query's class, the other label of the sequence that of its other class. Among
 * equal logits the lower label is taken. */
struct few_scores {
  double loss;             /* cross-entropy */
  double acc;              /* the target has the highest logit */
  double in_context_acc;   /* ... of the two labels of the sequence */
  double out_context_acc;  /* ... of all but the other label of the sequence */
  double prob;             /* p of the target */
  double in_context_prob;  /* p of the target / p of the two labels */
  double out_context_prob; /* p of the target / p of all but the other label */
  double use_context_prob; /* p of the two labels */
};
#define FEW_SCORES 8
extern const char *const few_score_names[FEW_SCORES];

/* The scores in the order of their names. */
void few_scores_list(const struct few_scores *scores, double values[FEW_SCORES]);

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

/* What the heads of a trained few-shot model attend to, and how those of its two layers compose
 * (arXiv 2404.07129, sections 3 and appendix). */
#ifndef ATTEST_FEW_SHOT_STRENGTHS_H
#define ATTEST_FEW_SHOT_STRENGTHS_H

#include "few_shot/measure.h"

/* Means over sequences in double, in their order. */
struct few_strengths {
  /* Of layer 1: attention from the query to the label of its class, less that to the other label.
   */
  double induction[FEW_MOST_HEADS];
  /* Of layer 0: attention from a token to the one before it, mean of the two labels (1 and 3), of
   * all tokens but the first. */
  double previous_labels[FEW_MOST_HEADS], previous_tokens[FEW_MOST_HEADS];
};

/* Of the sequences, run through the model batch by batch; `seen` may be NULL. Errors: those of
 * few_measure. */
int few_strengths_of(struct few_model *model, const struct few_sizes *sizes,
                     const struct few_table *table, const struct few_sequence *sequences,
                     size_t count, few_seen *seen, void *context, struct few_strengths *strengths,
                     struct error *error);

enum few_part { FEW_QUERIES, FEW_KEYS, FEW_VALUES, FEW_PARTS };

/* Composition of head u of layer 0 with head v of layer 1: |M P| / (|M| |P|), Frobenius norms, P
 * the columns of Wo0 that take head u, M the rows of Wqkv1 that make the queries, keys or values of
 * v. In double: an entry of M P is one chain over D ascending from +0, products rounded; squares
 * are added row by row. NAN where one of them is zero. */
double few_composition(const struct few_sizes *sizes, const float *parameters, size_t u, size_t v,
                       enum few_part part);

#endif

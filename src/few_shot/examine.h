/* What a trained few-shot model gets right under ablations and clamps: the paper's end-of-training
 * figures (arXiv 2404.07129, section 3 and appendix). */
#ifndef ATTEST_FEW_SHOT_EXAMINE_H
#define ATTEST_FEW_SHOT_EXAMINE_H

#include "few_shot/strengths.h"

struct few_examined {
  const struct kernels *kernels;
  const struct few_data *data;
  const struct few_sizes *sizes;
  const float *parameters;
  size_t stride, wiring_stride; /* every so many of all training sequences: 1 = all */
  bool wiring;                  /* else that is left out */
};

/* Of [heads]. Accuracies: shares of the sequences whose highest logit is the target's. About 140
 * kB: for the heap. */
struct few_examination {
  size_t heads;
  struct few_strengths strengths;
  size_t strongest;                   /* by induction strength, first among equals */
  size_t sequences, wiring_sequences; /* that they are shares of */
  double accuracy, direct;            /* direct: patterns and values of both layers
                                         kept, layer 0's heads removed */
  double alone[FEW_MOST_HEADS];       /* this head of layer 1 alone */
  double without[FEW_MOST_HEADS];     /* all but this one */
  double fixes[FEW_MOST_HEADS];       /* of the strongest's errors alone, how many this
                                             one alone gets right; NAN: none to fix */
  double match_alone[FEW_MOST_HEADS]; /* the same with its match perfect */
  double match_fixes[FEW_MOST_HEADS];
  size_t match_errors;          /* of the strongest with its match perfect */
  size_t order[FEW_MOST_HEADS]; /* heads in descending accuracy alone */
  double first[FEW_MOST_HEADS]; /* the first 1, 2, ... of them together */
  double pair[FEW_MOST_HEADS];  /* this one and the strongest */
  uint64_t previous;            /* the three heads of layer 0 (or all, if there
                                   are fewer) that attend most to the token
                                   before a label: a mask */
  double ablated[2][2];         /* [previous, others][patterns, values kept] */
  /* A head of layer 1 alone, [head][head of layer 0]; values kept: keys count, patterns kept:
   * values do. `only`: one head of layer 0; `change`: without it, against all of them. */
  double only[2][FEW_MOST_HEADS][FEW_MOST_HEADS]; /* [patterns, values kept] */
  double change[2][FEW_MOST_HEADS][FEW_MOST_HEADS];
};

/* Asked after every batch: `done` of `of` sequences have been run through a pass. False stops. */
typedef bool few_examining(void *context, double done, double of);

/* What it takes: sequences through passes, seconds by one batch, bytes of memory. */
struct few_examination_cost {
  double passes, seconds;
  uint64_t bytes;
};

/* Before anything else is done. Errors: EXIT_INPUT, EXIT_RUN. */
int few_examine_cost(const struct few_examined *examined, struct few_examination_cost *cost,
                     struct error *error);

/* On the caller's thread; `go_on` may be NULL. Errors: EXIT_INPUT (a value that is not finite),
 * EXIT_RUN (memory, stopped). */
int few_examine(const struct few_examined *examined, few_examining *go_on, void *context,
                struct few_examination *examination, struct error *error);

#endif

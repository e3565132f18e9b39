/* What single heads and MLPs do, by definitions of arXiv 2407.10827 and its code. */
#ifndef ATTEST_CIRCUIT_COMPONENTS_H
#define ATTEST_CIRCUIT_COMPONENTS_H

#include "circuit/inhibition.h"

#define COMPONENT_SEQUENCES 2
#define COMPONENT_HALF 100 /* random tokens, which come twice */

/* Mean attention of a head over all entries of a diagonal (query - key), both copies and all
 * sequences alike; `half` is how many tokens come twice. */
struct pattern_scores {
  double induction; /* half - 1: what followed the token's first copy */
  double previous;  /* 1 */
  double duplicate; /* half: the first copy itself */
};

/* How many random tokens come twice: COMPONENT_HALF, or half the context where that is less.
 * Below 3, where two of the diagonals would be one, there are no such scores. */
size_t component_half(const struct model_config *config);

/* Of every head, scores[layers * heads], on sequences of component_half random tokens repeated:
 * ids of NumPy's legacy RandomState(seed).randint(low, high), one sequence after the other; 100 to
 * 19,999 where the vocabulary has them, else 1 to its end. Sums in double, positions ascending,
 * sequences in order. Errors: EXIT_INPUT (a context that is too short, a vocabulary of one id),
 * EXIT_RUN (also when interrupted). */
int component_patterns(const struct model *model, const struct circuit_options *options,
                       uint32_t seed, struct pattern_scores *scores, struct error *error);

/* What a head does with the answers that stand in clean prompts. A case is a position of a clean
 * prompt whose token is an answer of its pair: of indirect object identification, the name that is
 * the answer and both places of the other name. */
struct mover_scores {
  size_t cases;
  size_t copied, against; /* of these, as copy_score_add counts them: of name movers, and of
                             negative ones */
  /* Mean attention from the last position, over the pairs that have such a case: to the positive
   * answers together; to the first place of a negative answer; to all later ones together. NAN
   * without any. */
  double to_positive, to_negative, to_later;
};

/* The cases of a task; of a pair whose tokens are not there, as in a plan, those of indirect object
 * identification. */
size_t component_cases(const struct task *task);

/* Percent of the cases; NAN without any. */
double mover_copy_score(const struct mover_scores *scores);
double mover_negative_score(const struct mover_scores *scores);

/* Whether the head is a name mover as the published code has it: a copy score above 10 %, and more
 * attention to the positive answers than to either place of a negative one. */
#define MOVER_LEAST 10.0 /* percent */
bool mover_is(const struct mover_scores *scores);

/* Of every head, scores[layers * heads]. Sums over pairs in double, in the order of their length,
 * those of one length as they come; over positions ascending. Neither memory nor threads change a
 * bit. Errors: EXIT_INPUT (as forward_run and copy_score_add), EXIT_RUN (also when interrupted). */
int component_movers(const struct model *model, const struct task *task,
                     const struct circuit_options *options, struct mover_scores *scores,
                     struct error *error);

/* What each source adds to the metric of a pair directly, effects[sources]: its value at the last
 * position of the clean prompt, through the final norm with the mean and the root of the run, times
 * the sum of the positive answers' rows of the LM head minus that of the negative ones. In double.
 * The effects add up to the metric but for biases. Errors: EXIT_INPUT (a task that measures
 * probabilities), EXIT_RUN. */
int component_direct(struct circuit_runs *runs, size_t pair, double *effects, struct error *error);

/* Their mean over the pairs, summed in the order of their length, those of one length as they come;
 * NAN for a task that measures probabilities. Errors: EXIT_RUN. */
int component_direct_mean(struct circuit_runs *runs, double *effects, struct error *error);

/* All of it of one head. */
struct component {
  struct pattern_scores patterns; /* NAN where a context is too short for them */
  struct mover_scores mover;
  struct inhibition_scores inhibition;
  double direct; /* mean effect; NAN for probabilities */
};

#endif

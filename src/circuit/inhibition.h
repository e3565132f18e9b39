/* S-inhibition heads (arXiv 2407.10827, code; first of Wang et al., arXiv 2211.00593): heads that
 * make name movers look away from the name that comes twice. */
#ifndef ATTEST_CIRCUIT_INHIBITION_H
#define ATTEST_CIRCUIT_INHIBITION_H

#include "circuit/runs.h"

/* Which heads are asked about: in the graph of a circuit, heads with an edge into the query of a
 * name mover. */
struct inhibition {
  const struct graph *graph;
  const unsigned char *kept; /* [edges] of the circuit */
  const bool *movers;        /* [layers * heads] */
};

/* Mean changes over the pairs when the head's output, at all positions, is that of the prompt in
 * which the positive answer and the first place of the negative one are exchanged: the same tokens
 * in opposite positions. NAN for a head that is not asked about. */
struct inhibition_scores {
  double metric;
  double to_positive, to_negative; /* attention from the last position to the positive answer and
                                      to the first place of the negative one: mean over the movers
                                      that the head has an edge into */
};

/* All three changes as they must be: metric and attention to the positive answer fall, attention
 * to the negative one rises. */
bool inhibition_is(const struct inhibition_scores *scores);

/* Pairs whose clean prompt has the positive answer once and a negative one at least twice, as those
 * of indirect object identification; others are passed over. */
size_t inhibition_pairs(const struct task *task);

/* scores[layers * heads]; all NAN for a task without such pairs, or that measures probabilities.
 * Sums in double over pairs in the order of their length, those of one length as they come, movers
 * ascending. Takes a pass over the pairs for each head that is asked about, and two. Errors:
 * EXIT_INPUT (as forward_run), EXIT_RUN (also when interrupted). */
int component_inhibition(const struct model *model, const struct task *task,
                         const struct circuit_options *options, const struct inhibition *asked,
                         struct inhibition_scores *scores, struct error *error);

#endif

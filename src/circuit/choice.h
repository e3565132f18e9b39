/* Which edges make a circuit, by their scores (arXiv 2407.10827; docs/CIRCUITS.md, "Choice"), and
 * what is left of them when what leads nowhere is taken away. */
#ifndef ATTEST_CIRCUIT_CHOICE_H
#define ATTEST_CIRCUIT_CHOICE_H

#include "circuit/graph.h"

enum choice_rule {
  CHOICE_GREEDY, /* from the logits backwards: the largest |score| among the edges on offer, first
                    those into the logits; an edge from a new node puts the edges into that node
                    (of a head: its q, k and v) on offer, too */
  CHOICE_TOPN    /* the largest |score| of all */
};
const char *choice_rule_name(enum choice_rule rule); /* "greedy", "topn" */

/* All edges in the order in which the rule takes them, of equal |score| the lower number first, to
 * order[graph->edges]: the circuit of n edges is the first n of them. Scores must be finite.
 * Errors: EXIT_RUN. */
int choice_order(const struct graph *graph, const double *scores, enum choice_rule rule,
                 size_t *order, struct error *error);

/* kept[graph->edges]: true for the first n of the order. */
void choice_take(const struct graph *graph, const size_t *order, size_t n, unsigned char *kept);

/* Drops edges until nothing changes: those whose source has no kept edge into it (`input` needs
 * none), and those into a node that has no kept edge out of it (`logits` needs none). Returns how
 * many are left. Errors: SIZE_MAX and EXIT_RUN. */
size_t choice_prune(const struct graph *graph, unsigned char *kept, struct error *error);

/* The ends of the kept edges to nodes[graph->sources + 1] (graph_node: the last one is `logits`).
 * Returns how many there are. */
size_t choice_nodes(const struct graph *graph, const unsigned char *kept, bool *nodes);

#endif

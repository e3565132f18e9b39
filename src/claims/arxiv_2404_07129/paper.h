/* arXiv 2404.07129, "What needs to go right for an induction head?": predicates that follow from
 * its published end-of-training figures and its curves, each evaluated for every model (an initial
 * seed) of the tables, and counted over the seeds of a data set.
 *
 * The tables are the published ones (golden/published/formation/tables, data "omniglot") or those
 * that a study of our own made in the same form (study/kind_formation.c, data "F", "gaussian" or
 * "file"). Every threshold stands in predicates_*.c and was written before any run of our own. */
#ifndef ATTEST_CLAIMS_ARXIV_2404_07129_PAPER_H
#define ATTEST_CLAIMS_ARXIV_2404_07129_PAPER_H

#include "claims/figure.h"
#include "claims/published.h"

extern const struct paper arxiv_2404_07129;

/* Ends with a name of NULL:
 *   models        an initial seed: its data, sequences trained, accuracy over all training
 *                 sequences, the same with layer 0's direct output removed, how many sequences the
 *                 strongest head gets wrong under a perfect match
 *   heads         of layer 1: induction strength; accuracy with this head alone and without it;
 *                 share of the strongest head's errors that it alone gets right; the last three
 *                 under a perfect match, too
 *   previous      of layer 0: mean attention from labels to the token before them, from all tokens
 *   composition   of two heads: scores of queries, keys, values
 *   ablations     accuracy without sets of heads of layer 0, with patterns or values kept
 *   wiring        of a head of layer 1, the others ablated: accuracy with one head of layer 0 alone
 *                 and the change without it
 *   key_sources   the head of layer 0 whose keys alone serve a head of layer 1 best
 *   sets          accuracy of sets of heads of layer 1
 *   correlations  as computed elsewhere
 *   runs          times in sequences: when it learned (empty = never), by the loss and by accuracy,
 *                 and on the other evaluation sets; evaluations near ln 2: all, longest stretch,
 *                 from first to last; steepness; what it ends with
 *   checkpoints   on the evaluation set fsl_train, while nothing is clamped: loss and accuracy,
 * also with layer 0's direct output removed, and the strengths of layer 1's heads toy           of
 * the toy model: steps near the loss of an estimate of 0, first steps below 0.4 of that and below
 * half of the initial loss, the last loss
 */
extern const struct published_schema formation_schemas[];

/* Adds a row for every predicate, data set and reading. Errors: EXIT_RUN. */
int formation_predicates(const struct subject *subject, const struct published_tables *tables);

#endif

/* The toy model of arXiv 2404.07129 (Figures 5a and 9): a product of three vectors learned by plain
 * gradient descent, in which a plateau comes from what is still to be learned together. It needs no
 * tape: its gradient is written out, in double.
 *
 * Truth T_ijk = (A_i B_j) C_k, estimate (a_i b_j) c_k, error e_ijk = estimate - T. Loss = 1/2 of
 * the mean of e² over all TOY_LENGTH³ entries. Every sum is one chain from +0 over the entries in
 * which it has a term, i, then j, then k ascending; products are rounded before they are added:
 *   loss: e e;   of a_i: e (b_j c_k);   of b_j: e (a_i c_k);   of c_k: e (a_i b_j).
 * A gradient is its sum / TOY_LENGTH³; a step is a := a - rate * gradient. */
#ifndef ATTEST_FEW_SHOT_TOY_H
#define ATTEST_FEW_SHOT_TOY_H

#include <stddef.h>
#include <stdint.h>

#define TOY_LENGTH 20
#define TOY_FACTORS 3 /* a, b, c */

struct toy {
  double truth[TOY_FACTORS][TOY_LENGTH];
  double estimate[TOY_FACTORS][TOY_LENGTH];
};

/* Standard normals of NumPy's RandomState(seed): the truth, then the initial estimate, a, b, c
 * each. The stream is ours; the published one needs another generator. */
void toy_draw(uint32_t seed, struct toy *toy);

/* `steps` steps; losses[steps] gets the loss before each. Bit f of `clamped` sets factor f to the
 * truth before the first step and keeps it there. */
void toy_descend(struct toy *toy, unsigned clamped, double rate, size_t steps, double *losses);

/* The loss of an estimate that is 0: the level of its plateau, as ln 2 is the model's. */
double toy_plateau_loss(const struct toy *toy);

#endif

/* How a circuit changes from one revision to the next (arXiv 2407.10827; docs/CIRCUITS.md, "Over
 * training"). All sums run over ascending edge numbers from +0. */
#ifndef ATTEST_CIRCUIT_CIRCUIT_CHANGE_H
#define ATTEST_CIRCUIT_CIRCUIT_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

/* A circuit with the scores that it was chosen by, both over all edges of the model. */
struct scored_circuit {
  const unsigned char *kept;
  const double *scores;
};

struct circuit_change {
  double jaccard; /* |A and B| / |A or B|; NAN: both are empty */
  double
      weighted_jaccard;  /* sum min(|s|, |s'|) / sum max(|s|, |s'|) over the union, an edge outside
                            its circuit counting 0; NAN: both are empty, or the sum is 0 */
  size_t added, removed; /* their sum is the graph edit distance */
  double signed_edits;   /* the published weighted distance: s' of what was added + s of what was
                            removed, signed, so that they may cancel */
  double absolute_edits; /* the same of |s'| and |s| */
  double score_gain, score_loss; /* sums of s' - s over all edges where it is positive; of s - s'
                                    where that is. Their sum is the graph trajectory distance */
};

void circuit_change(const struct scored_circuit *before, const struct scored_circuit *now,
                    size_t edges, struct circuit_change *change);

/* |A and B| / |A or B| of two sets of `count`; NAN: both are empty. */
double circuit_jaccard(const unsigned char *a, const unsigned char *b, size_t count);

/* Exponentially weighted moving averages of a similarity J, with alpha = 0.5. A similarity that is
 * NAN leaves them as they are. */
struct circuit_average {
  double change; /* r = .5 (1 - J) + .5 r from r = 0: biased low at the start */
  double
      similarity; /* s = .5 J + .5 s from the first J, which is what the paper plots; NAN before */
};
struct circuit_average circuit_average_start(void);
void circuit_average_add(struct circuit_average *average, double similarity);

#endif

/* The figures of arXiv 2404.07129 whose curves are drawn, and their curves as results. */
#ifndef ATTEST_STUDY_FORMATION_FIGURES_H
#define ATTEST_STUDY_FORMATION_FIGURES_H

#include "study/curves.h"
#include "study/journal.h"

struct formation_curve {
  const char *figure, *title, *x, *y; /* axes; no commas: they are columns of results */
  bool chance;                        /* a line at ln 2 */
  const char *about;                  /* what is drawn, in a sentence */
};

/* Of a figure by its number; the last one for a number that there is not. */
const struct formation_curve *formation_curve_of(const char *figure);

/* Adds curves[first ..] to the journal, a JOURNAL_RESULT "curves" a figure with columns curve, x,
 * y; of long curves about every k-th point and the last, RESULT_POINTS at most. */
#define RESULT_POINTS 200
void formation_results(struct journal *journal, const struct study_curves *curves, size_t first);

#endif

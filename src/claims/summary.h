/* The answer on one screen: which claims hold for which models, and one line for each figure that
 * did not come out as published. Stated readings only; the other readings show as what else holds.
 */
#ifndef ATTEST_CLAIMS_SUMMARY_H
#define ATTEST_CLAIMS_SUMMARY_H

#include "claims/claims.h"

struct summary_style {
  bool utf8;      /* else ASCII */
  bool colour;    /* ANSI colours */
  size_t lines;   /* at most this many lines name figures; the rest is counted */
  size_t columns; /* that such a line is cut to; 0 = none is cut, as for files and pipes */
};

#define SUMMARY_LINES 10

/* Adds for every paper and kind of evidence a grid of claims x models, at most 100 columns wide, a
 * line for each figure that is not reproduced as stated, a legend, and what kinds of evidence there
 * were and were not. The lists must not be empty. text->failed without memory. */
void summary_text(const struct claim_list *lists, size_t count, const struct summary_style *style,
                  struct text *text);

#endif

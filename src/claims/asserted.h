/* What arXiv 2606.02378 asserts, as data. Nothing recomputed stands here. */
#ifndef ATTEST_CLAIMS_ASSERTED_H
#define ATTEST_CLAIMS_ASSERTED_H

#include <stddef.h>

#define PAPER_REVISIONS 10
#define PAPER_MODELS 3
#define ANY_MODEL "*"
#define ALL_MODELS "all"

struct paper_model {
  const char *key;
  const char *revisions[PAPER_REVISIONS]; /* ascending in tokens; the last is the final one */
};

/* One asserted figure: words, a number (low == high), a band, or a jump (from low to high). */
struct asserted {
  const char *id, *figure;
  const char *model;    /* ANY_MODEL: of every model */
  const char *revision; /* "" when the figure spans revisions */
  const char *from;     /* of a jump: the revision before it, else NULL */
  double low, high;     /* NAN when words say it */
  int low_decimals, high_decimals;
  const char *words;     /* NULL when numbers say it */
  const char *statement; /* one sentence */
};

extern const struct paper_model paper_models[PAPER_MODELS];
extern const struct asserted asserted_figures[];
extern const size_t asserted_count;

const struct paper_model *paper_model_find(const char *key); /* NULL: not in the paper */

/* The figure as asserted of this model, or of any model; NULL when the paper has none. */
const struct asserted *asserted_find(const char *model, const char *figure, const char *revision);

#endif

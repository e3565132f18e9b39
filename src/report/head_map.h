/* Trajectories as text for a terminal: the map of a revision's heads, one head over the revisions,
 * and series as a chart of characters. */
#ifndef ATTEST_REPORT_HEAD_MAP_H
#define ATTEST_REPORT_HEAD_MAP_H

#include "base/table.h"
#include "trajectory/trajectory.h"

/* What whoever reads it can show. */
struct text_look {
  bool utf8, colour;
  size_t width; /* columns; at least 40 are used */
};

/* Adds a line a layer, a letter a head: its class, '.' for unclassified; legend and counts. */
void head_map(const struct revision *revision, const struct text_look *look, struct text *text);

/* The columns of a head over the revisions: revision, tokens, class, induction, previous_token,
 * ..., pr. `head` is layer * n_heads + head. Owner: the caller, table_free. */
struct table head_story(const struct trajectory *trajectory, size_t head);

/* Adds a sparkline for each selectivity and PR, with the first, the largest and the last value. */
void head_sparks(const struct trajectory *trajectory, size_t head, const struct text_look *look,
                 struct text *text);

#define CHART_SERIES 2

struct chart {
  const char *title;
  const char *names[CHART_SERIES];
  const double *values[CHART_SERIES]; /* [trajectory->count]; NAN: none */
  bool percent;
};

/* Adds a chart over training tokens (1e9, logarithmic; 0 at the left) with a line of words about
 * each series. Errors: EXIT_RUN (memory). */
int head_chart(const struct trajectory *trajectory, const struct chart *chart,
               const struct text_look *look, struct text *text, struct error *error);

#endif

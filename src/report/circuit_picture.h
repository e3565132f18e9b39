/* Pictures of a circuit: its nodes in rows by layer, from the embedding up to the logits, its edges
 * with colour by the sign of their score and width by its size. The same circuit gives the same
 * bytes. */
#ifndef ATTEST_REPORT_CIRCUIT_PICTURE_H
#define ATTEST_REPORT_CIRCUIT_PICTURE_H

#include "base/text.h"
#include "circuit/graph.h"

struct circuit_picture {
  const struct graph *graph;
  const char *title;         /* may come from a file: it is escaped */
  const unsigned char *kept; /* [edges] */
  const double *scores;      /* [edges] */
  const size_t *included;    /* [edges] of `resamples` circuits; NULL = not known */
  size_t resamples;
};

/* For Graphviz (dot -Tsvg). text->failed without memory. */
void circuit_picture_dot(const struct circuit_picture *picture, struct text *text);

/* An SVG file that needs nothing else: light and dark colours, a title at every node and edge.
 * text->failed without memory. */
void circuit_picture_svg(const struct circuit_picture *picture, struct text *text);

#endif

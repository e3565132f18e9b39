/* The circuit of one checkpoint on one task as figures: edges, circuits by size, JSON, and lines
 * for a terminal. Ratio and normalised ratio always stand side by side. */
#ifndef ATTEST_STUDY_CIRCUIT_TABLES_H
#define ATTEST_STUDY_CIRCUIT_TABLES_H

#include "base/table.h"
#include "circuit/circuit_bootstrap.h"
#include "circuit/found.h"

#include <jansson.h>

struct size_visit {
  size_t size;
  double ratio;
  enum size_phase phase;
};

/* All zero: nothing to free. Release with circuit_sheet_free. */
struct circuit_sheet {
  const char *model;       /* path; borrowed, as are the two below */
  const struct task *task; /* with the pairs that were used */
  const struct circuit_request *request;
  struct found found;
  size_t *order;                      /* [edges] of the choice */
  double *exact;                      /* [edges]; NULL = not asked */
  double *clean, *corrupted, *metric; /* [pairs]: both runs, and the published circuit */
  struct evaluated *sizes;            /* [size_count]: of several sizes, all edges, none */
  size_t size_count;
  struct size_visit *visits; /* [visit_count] of the published search */
  size_t visit_count, visit_room;
  struct circuit_bootstrap bootstrap; /* resamples 0 = none */
  bool failed;                        /* no memory for a visit */
};
void circuit_sheet_free(struct circuit_sheet *sheet);

/* Adds a visit, as `visited` of a request whose context is the sheet. */
void circuit_sheet_visit(void *sheet, size_t size, double ratio, enum size_phase phase);

/* edges.csv: edge, name, source, destination, the scores under the method's name, exact where it
 * was asked, "greedy_rank_METHOD", in_circuit, in_normalised, with a bootstrap inclusion (the share
 * of resamples). text->failed without memory. */
void circuit_sheet_edges(const struct circuit_sheet *sheet, struct text *text);

/* circuits.csv: method, n, edges, edges_pruned, nodes, metric, ratio, ratio_normalised. */
void circuit_sheet_circuits(const struct circuit_sheet *sheet, struct text *text);

/* components.csv: layer, head, and what component_columns says of a head. */
void circuit_sheet_components(const struct circuit_sheet *sheet, struct text *text);

/* One line for pictures, cut to `size`; a ratio that is not defined is "-". */
void circuit_sheet_title(const struct circuit_sheet *sheet, char *title, size_t size);

/* Everything else, too. NULL without memory. */
json_t *circuit_sheet_json(const struct circuit_sheet *sheet);

/* A line for a terminal: which head has most of what. */
void circuit_sheet_heads(const struct circuit_sheet *sheet, struct text *text);

/* Adds lines for a terminal. text->failed without memory. */
void circuit_sheet_text(const struct circuit_sheet *sheet, struct text *text);

#endif

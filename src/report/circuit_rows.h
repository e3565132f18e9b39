/* Where the nodes of a circuit stand in its pictures. */
#ifndef ATTEST_REPORT_CIRCUIT_ROWS_H
#define ATTEST_REPORT_CIRCUIT_ROWS_H

#include "report/circuit_picture.h"

/* A node that an edge of the circuit has as an end; rows from 0 (the embedding), those without any
 * node left out, and the place within its row. */
struct circuit_place {
  size_t node, row, column;
};

/* All zero is allowed for circuit_rows_free. */
struct circuit_rows {
  const struct graph *graph;
  struct circuit_place *places; /* [count], ascending by node; owned */
  size_t count, rows, widest;   /* widest: columns of a row */
  double most;                  /* the largest |score| of the circuit */
};

/* text->failed, and no nodes, without memory. */
void circuit_rows_make(const struct circuit_picture *picture, struct circuit_rows *rows,
                       struct text *text);
void circuit_rows_free(struct circuit_rows *rows);

const char *circuit_rows_name(const struct circuit_rows *rows, size_t node,
                              char name[GRAPH_NAME_SIZE]);

/* "q", "k" or "v" of a head's input, else "". */
const char *circuit_rows_input(const struct graph *graph, size_t destination);

/* Columns of its row. */
size_t circuit_rows_columns(const struct circuit_rows *rows, size_t row);

/* NULL: the node is not in the circuit. */
const struct circuit_place *circuit_rows_find(const struct circuit_rows *rows, size_t node);

/* The width of a line, 0.5 to 4. */
double circuit_rows_width(const struct circuit_rows *rows, double score);

#endif

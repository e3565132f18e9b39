/* The points of a sweep and their picture. */
#ifndef ATTEST_BENCH_BENCH_SWEEP_H
#define ATTEST_BENCH_BENCH_SWEEP_H

#include "base/error.h"

#include <stddef.h>

/* What is varied. */
enum sweep_axis { SWEEP_LAYERS, SWEEP_SEQUENCES, SWEEP_SEQ_LEN, SWEEP_AXES };

struct sweep_point {
  enum sweep_axis axis;
  size_t shape; /* of shapes_small */
  size_t layers, seq_len, sequences;
  double seconds, gflop;
};

/* Draws the points, one panel an axis, and beside them the line of equal time an operation. The
 * points of one shape and axis come together, ascending. Errors: EXIT_RUN. */
int sweep_plot(const struct sweep_point *points, size_t count, const char *path,
               struct error *error);

#endif

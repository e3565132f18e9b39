/* How many edges a circuit needs: the size search of arXiv 2407.10827 replayed literally, and the
 * exact answer beside it (docs/CIRCUITS.md, "How large").
 *
 * f(n) is the ratio of the circuit of n edges; it need not grow with n, so what the search finds
 * depends on its path. */
#ifndef ATTEST_CIRCUIT_SIZE_SEARCH_H
#define ATTEST_CIRCUIT_SIZE_SEARCH_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define SIZE_SEARCH_THRESHOLD 0.8
#define SIZE_SEARCH_STEP 25
#define SIZE_SEARCH_STEP_AFTER 50 /* once a size was found */

enum size_phase {
  SIZE_OUTER, /* growing by steps */
  SIZE_BINARY /* inside the last step, offsets included */
};
const char *size_phase_name(enum size_phase phase); /* "outer", "binary" */

struct size_search {
  size_t bound;     /* no size of this or more is tried while growing; the answer if none is met */
  double threshold; /* of the ratio, above 0 */
  bool stop;        /* as soon as the answer is known; else on to the bound, as published */

  /* f(size) to *ratio; equal sizes may be asked for again. Errors: its own, which end the search.
   */
  int (*ratio)(void *context, size_t size, double *ratio, struct error *error);
  void (*visited)(void *context, size_t size, double ratio, enum size_phase phase); /* or NULL */
  void *context;
};

struct size_found {
  size_t size; /* the bound where no size was met */
  bool met;
};

/* size = step = 25; while size < bound:
 *   evaluate f(size). The first above the threshold t starts the search inside
 *     [max(size - step, 1), size], and step = 50 from then on.
 *   While nothing is found: step < 25 and (f < .75 t or f < f(size - step)): step = max(25, 2
 * step); then f > .75 t: step = max(1, step / 2). size += step. Inside [a, b]: halving, lo = a, hi
 * = b; f(mid) >= t moves hi below mid, else lo above it; where |f(mid) - t| <= .1 t the offsets -5
 * .. 5 without 0 are tried in this order within [a, b]: the first with f >= t that is smaller than
 * the best so far becomes it, and hi goes below it. No size is evaluated, or told as visited, twice
 * there. Errors: those of ratio, EXIT_RUN. */
int size_search_run(const struct size_search *search, struct size_found *found,
                    struct error *error);

/* The least size with f >= t, by trying 1, 2, 3 ... up to the bound; `visited` is not called. */
int size_scan_run(const struct size_search *search, struct size_found *found, struct error *error);

#endif

/* Circuits of the first n edges of an order, pruned, each run once: what is left of the metric.
 *
 * The circuits of an order are nested, and so are they when pruned: as many edges left are the same
 * circuit. What was evaluated is kept by that number. */
#ifndef ATTEST_CIRCUIT_EVALUATION_H
#define ATTEST_CIRCUIT_EVALUATION_H

#include "circuit/choice.h"
#include "circuit/patched.h"
#include "circuit/size_search.h"

struct evaluation {
  struct circuit_runs *runs;
  const size_t *order;         /* [edges] of the graph; borrowed */
  double clean, corrupted;     /* mean metrics */
  unsigned char *kept;         /* [edges]: the circuit that was asked for last */
  bool *nodes;                 /* [sources + 1] of it */
  double *metric;              /* [pairs], scratch */
  double *known;               /* [edges + 1]: mean metric by edges left; NAN = not evaluated */
  const char *file, *identity; /* where `known` is kept for resuming, and its 32 characters; NULL */
  double saved;                /* when, on progress_clock */
};

/* Reads the file, if there is one of this identity. Owner: the caller, evaluation_free, also after
 * an error. Errors: EXIT_RUN. */
int evaluation_create(struct circuit_runs *runs, const size_t *order, const char *file,
                      const char *identity, struct evaluation *evaluation, struct error *error);
void evaluation_free(struct evaluation *evaluation);

/* A circuit that was evaluated. */
struct evaluated {
  size_t asked, edges, nodes; /* edges of the choice; edges and nodes that pruning left */
  double metric;              /* mean over pairs */
  double ratio;               /* metric / clean, as published */
  double normalised;          /* (metric - corrupted) / (clean - corrupted) */
};

/* Errors: those of circuit_patched_run; EXIT_RUN when interrupted, after what is known was kept. */
int evaluation_run(struct evaluation *evaluation, size_t n, struct evaluated *evaluated,
                   struct error *error);

/* As functions of a size search, the evaluation as their context. */
int evaluation_ratio(void *evaluation, size_t n, double *ratio, struct error *error);
int evaluation_normalised(void *evaluation, size_t n, double *ratio, struct error *error);

/* The metric of every pair under that circuit, [pairs]. Errors: as above. */
int evaluation_pairs(struct evaluation *evaluation, size_t n, double *metric, struct error *error);

#endif

/* The circuit of a model on a task: scores, choice, size, what is left of the metric
 * (docs/CIRCUITS.md). */
#ifndef ATTEST_CIRCUIT_FOUND_H
#define ATTEST_CIRCUIT_FOUND_H

#include "base/file.h"
#include "circuit/attribution.h"
#include "circuit/components.h"
#include "circuit/evaluation.h"

struct circuit_request {
  struct attribution method;
  enum choice_rule rule;
  double threshold;             /* of the ratio */
  size_t bound;                 /* edges at most; 0 = all */
  size_t n;                     /* edges of the circuit of a fixed size */
  bool scan;                    /* also for the least size, by trying each */
  const char *scores_directory; /* for finished pairs; NULL = nothing is kept */
  const char *sizes_file;       /* for finished evaluations; NULL likewise */
  const char *identity;         /* 32 characters: model, task, pairs; with either of them */
  void (*visited)(void *context, size_t size, double ratio, enum size_phase phase); /* or NULL */
  void *context;
};

/* Which circuit. */
enum found_by {
  FOUND_BY_RATIO,      /* the published search: metric / clean */
  FOUND_BY_NORMALISED, /* the same search by (metric - corrupted) / (clean - corrupted) */
  FOUND_BY_SIZE,       /* the first n edges */
  FOUND_WAYS
};

struct found_circuit {
  bool met;            /* the threshold; true for FOUND_BY_SIZE */
  struct evaluated is; /* where it was not met: of the bound */
  unsigned char *kept; /* [edges], pruned; owned */
};

/* All zero: nothing to free. Release with found_free. */
struct found {
  struct graph graph;
  size_t pairs;
  double clean, corrupted; /* mean metrics */
  size_t correct;          /* pairs whose clean metric is above 0 */
  struct completeness completeness;
  double *scores;      /* [edges], mean over pairs; owned */
  size_t tried, below; /* sizes above that of FOUND_BY_RATIO that the search tried; of these, with
                          a ratio below the threshold */
  bool scanned;
  struct size_found least; /* of the scan */
  struct found_circuit by[FOUND_WAYS];
  struct component *components; /* [component_count] every head, layer by layer; owned */
  size_t component_count;       /* 0: they were not asked for */
};

/* Finds it. `scores`: [pairs][edges], gets those of each pair; order: [edges], the choice's. Owner
 * of `found`: the caller, found_free; nothing after an error. Components are not asked for. Errors:
 * those of circuit_scores_run and evaluation_run. */
int found_run(struct circuit_runs *runs, const struct circuit_request *request, float *scores,
              size_t *order, struct found *found, struct error *error);
void found_free(struct found *found);

/* The scores' XXH3-128, of their bytes. */
void found_digest(const struct found *found, char hex[33]);

/* Adds all of it to a file that is being written. Errors: EXIT_RUN. */
int found_write(const struct found *found, struct file_writer *writer, struct error *error);

/* Reads it back from bytes at *at, which it goes past; `path` appears in messages. Owner: the
 * caller, found_free. Errors: EXIT_INPUT (no such bytes, or damaged ones), EXIT_RUN. */
int found_read(const char *path, const struct blob *blob, size_t *at, struct found *found,
               struct error *error);

#endif

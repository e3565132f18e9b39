/* The inside of reproduction.h, shared by its files: one manifest on its way through. */
#ifndef ATTEST_STUDY_PASS_H
#define ATTEST_STUDY_PASS_H

#include "base/text.h"
#include "claims/published.h"
#include "manifest/manifest.h"
#include "study/reproduction.h"
#include "study/workdir.h"
#include "trajectory/trajectory.h"

struct pass {
  struct reproduction *all;
  struct manifest manifest;
  struct workdir work;
  struct trajectory *trajectories; /* one of a screened model, several of published tables */
  size_t count;
  struct published_tables tables; /* what is published beside trajectories; may be none */
  size_t contradicted; /* findings of the verification: what was read is not what was pinned */
  size_t unpinned;     /* files that have no pin */
  size_t left_out;     /* revisions without figures, because their files do not hold */
  size_t comparisons;  /* with what stood there before: a golden, tables, a first run */
  struct text compared, not_compared; /* what was, with what; what was not, and why */
  json_t *json;                       /* this manifest's object */
};

bool pass_is_tables(const struct pass *pass);

/* Text for the terminal, as it is; "" where there is to be none. */
void pass_say(const struct pass *pass, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A check that failed, as one line. */
void pass_fail(struct pass *pass, const char *line);

/* What the summary says was compared, which counts as a comparison, or was not. */
void pass_compared(struct pass *pass, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void pass_not_compared(struct pass *pass, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Figures that were compared with nothing count for nothing: that is a failed check unless it is
 * allowed. */
void pass_check_compared(struct pass *pass);

/* Compares the trajectories with golden, tables and first run, as far as the manifest names them;
 * those that lack revisions, with the tables alone. Errors: EXIT_INPUT, EXIT_RUN. */
int pass_compare(struct pass *pass, struct error *error);

/* Evaluates the claims and compares the verdicts with the golden ones. Errors: EXIT_INPUT,
 * EXIT_RUN. */
int pass_evaluate(struct pass *pass, struct error *error);

/* The line of this manifest in the summary of all. */
void pass_summarise(struct pass *pass);

#endif

/* Kinds of study: what is made of the revisions of a manifest. Every manifest goes through one loop
 * (reproduction.c): check, begin, obtain each revision, compare, evaluate the claims. A kind is a
 * row of the table in kind.c, and a file kind_<name>.c with its functions. */
#ifndef ATTEST_STUDY_KIND_H
#define ATTEST_STUDY_KIND_H

#include "study/manifest_run.h"

struct study_kind {
  const char *name;
  enum manifest_content content; /* the manifests it is for */
  bool streams;                  /* revisions can be fetched one by one */

  /* Reads what it will compare with, as far as there should be something yet, and checks what can
   * be known before any work. Errors: EXIT_INPUT, EXIT_RUN. */
  int (*check)(struct manifest_run *run, struct error *error);

  /* Verifies what is verified as a whole, and makes room for what the revisions will add. Errors:
   * EXIT_INPUT, EXIT_RUN. */
  int (*begin)(struct manifest_run *run, struct error *error);

  /* Adds what comes of a revision: resumed, or made and kept; or counts it as skipped. Errors:
   * EXIT_CHECK, EXIT_INPUT, EXIT_RUN. */
  int (*obtain)(struct manifest_run *run, size_t revision, struct error *error);

  /* Compares all with what stood there before, or what there is of it when revisions were skipped.
   * Errors: EXIT_INPUT, EXIT_RUN. */
  int (*compare)(struct manifest_run *run, struct error *error);
};

extern const struct study_kind kind_tables;    /* published tables: verified and loaded */
extern const struct study_kind kind_screens;   /* checkpoints: verified and screened */
extern const struct study_kind kind_circuits;  /* the same, circuits of edges found in each */
extern const struct study_kind kind_formation; /* training runs: carried out and examined */

/* The kind of a manifest. */
const struct study_kind *kind_of(const struct manifest *manifest);

#endif

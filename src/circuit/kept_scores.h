/* Scores of pairs on disk, so that an interrupted run can go on: a file a pair. */
#ifndef ATTEST_CIRCUIT_KEPT_SCORES_H
#define ATTEST_CIRCUIT_KEPT_SCORES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Where they are and whose they are; borrowed. */
struct kept_scores {
  const char *directory; /* NULL: nothing is kept */
  const char *identity;  /* 32 characters */
  const char *method;
  size_t edges;
};

/* Errors: EXIT_RUN. */
int kept_scores_write(const struct kept_scores *kept, size_t pair, const float *scores,
                      struct error *error);

/* *found: whether there is a whole file of this identity, method and pair. Errors: EXIT_RUN. */
int kept_scores_read(const struct kept_scores *kept, size_t pair, float *scores, bool *found,
                     struct error *error);

#endif

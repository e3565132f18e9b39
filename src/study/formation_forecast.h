/* What the training runs of a manifest of arXiv 2404.07129 are going to take. */
#ifndef ATTEST_STUDY_FORMATION_FORECAST_H
#define ATTEST_STUDY_FORMATION_FORECAST_H

#include "study/formation_work.h"

/* Of those that have not ended, as if none of them had begun: the most that it can be. */
struct formation_forecast {
  size_t left, threads;
  double sequences, seconds; /* seconds by the first one that is left, measured */
  uint64_t bytes;            /* of memory, on all threads */
};

/* done[runs->count] says which have ended; NULL: none has. Errors: EXIT_INPUT, EXIT_RUN. */
int formation_forecast_of(const struct formation_work *work, const struct formation_runs *runs,
                          const bool *done, size_t threads, struct formation_forecast *forecast,
                          struct error *error);

/* Whether runs on so many threads, which take `bytes` together, have the memory. Errors:
 * EXIT_INPUT. */
int formation_check_memory(const char *manifest, size_t threads, uint64_t bytes, uint64_t memory,
                           struct error *error);

#endif

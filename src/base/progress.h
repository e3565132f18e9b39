/* Progress of long work on standard error: a bar with an estimate of the time left on a terminal,
 * a line every ten seconds elsewhere. */
#ifndef ATTEST_BASE_PROGRESS_H
#define ATTEST_BASE_PROGRESS_H

#include <stdbool.h>

struct progress {
  char label[96];
  double total;       /* amount of work, any unit */
  double first;       /* of it, done before the start */
  double start, last; /* seconds, monotonic clock */
  bool quiet, terminal, shown;
};

double progress_clock(void); /* seconds, monotonic */
void progress_start(struct progress *progress, const char *label, double total, bool quiet);
void progress_go_on(struct progress *progress,
                    double done); /* this much was done before the start */
void progress_update(struct progress *progress, double done);
void progress_end(struct progress *progress);

#endif

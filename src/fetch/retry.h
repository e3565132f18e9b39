/* Another try after a failure: how often, after which wait, and the line that says so. */
#ifndef ATTEST_FETCH_RETRY_H
#define ATTEST_FETCH_RETRY_H

#include "fetch/download.h"

struct retry {
  const struct download *download;
  uint64_t failures; /* in a row */
  uint64_t backoff;  /* milliseconds before the next try */
};

/* Before the first try, and after one that brought something. */
void retry_start(struct retry *retry, const struct download *download);

/* After a failure, which `error` tells: says it and waits for the seconds that the server asked
 * for (0 = not said) or longer each time; an interrupt cuts the wait short. False when there is no
 * try left; `error` then tells how many there were. */
bool retry_again(struct retry *retry, uint64_t asked, struct error *error);

#endif

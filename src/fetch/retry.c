#define _GNU_SOURCE
#include "fetch/retry.h"

#include "base/interrupt.h"
#include "base/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define LONGEST_BACKOFF 60000                /* milliseconds */
#define NAP ((struct timespec){0, 50000000}) /* between looks at an interrupt */

void retry_start(struct retry *retry, const struct download *download)
{
  *retry = (struct retry){.download = download, .backoff = download->options->retry_wait};
}

/* Sleeps in short pieces, so that ^C is heard. */
static void wait_for(double seconds)
{
  struct timespec nap = NAP;
  double start = progress_clock();
  while (progress_clock() - start < seconds && !interrupt_requested())
    nanosleep(&nap, NULL);
}

static bool give_up(const struct retry *retry, struct error *error)
{
  char line[sizeof error->text];
  snprintf(line, sizeof line, "%s", error->text);
  if (retry->failures > 1)
    error_set(error, error->code, "%.900s; given up after %" PRIu64 " tries", line,
              retry->failures);
  return false;
}

bool retry_again(struct retry *retry, uint64_t asked, struct error *error)
{
  const struct download *download = retry->download;
  uint64_t most = download->options->retries;
  double seconds = asked ? (double)asked : 1e-3 * (double)retry->backoff;
  char line[sizeof error->text + 100];
  if (retry->failures++ >= most)
    return give_up(retry, error);
  if (!interrupt_requested()) {
    snprintf(line, sizeof line, "%s; trying again in %g s (%" PRIu64 " of %" PRIu64 ")",
             error->text, seconds, retry->failures, most);
    download->notice(download->context, line);
  }
  wait_for(seconds);
  retry->backoff = retry->backoff * 2 < LONGEST_BACKOFF ? retry->backoff * 2 : LONGEST_BACKOFF;
  return true;
}

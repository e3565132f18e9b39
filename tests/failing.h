/* Runs of every command in which one call fails, or all from one on: whatever fails, a run ends as
 * if nothing had failed, or with exit code 3, one line and no output that is not whole. */
#ifndef ATTEST_TESTS_FAILING_H
#define ATTEST_TESTS_FAILING_H

#include <stdbool.h>
#include <stddef.h>

/* What differs from run to run and is compared without its figures. */
enum failing_times { NO_TIMES, TIMES_IN_TEXT, TIMES_EVERYWHERE };

struct failing_job {
  const char *line; /* words; "@" = folder of the outputs, "%" = of the inputs, "#" = server */
  enum failing_times times;
  bool resumes; /* leaves finished pieces, from which a second run must come to the clean end */
  bool lines;   /* says more than one line: of each file, or libarchive its own first */
  size_t share; /* slow: run this many times less often than others; 0 = as often */
};

extern const struct failing_job failing_jobs[];
extern const size_t failing_job_count;

/* Makes what the jobs read, in the folder "%". */
void failing_inputs(const char *in);

/* What is to fail, as preload_alloc.c and preload_io.c understand it. */
struct failing_kind {
  const char *call;
  int reason;        /* errno, 0 = half of the bytes */
  const char *words; /* must be in the error's line; NULL = any */
  bool harmless;     /* every run must end as the clean one */
  bool alone;        /* never all from one on */
};

/* Makes the inputs; starts the server. Group fixtures of cmocka; skipped runs need no inputs. */
int failing_setup(void **state);
int failing_teardown(void **state);

/* Why nothing can be preloaded here, NULL if it can. `allocations`: not under a sanitizer. */
const char *failing_hindrance(bool allocations);

/* Lets calls of every kind fail in a job: about `runs` of each kind, evenly spread, one alone in
 * three of four runs and all from it on in the others; ATTEST_FAILURES=N overrides `runs`, 0 = each
 * call in turn, both ways. Fails the test after the last run if anything was wrong. */
void failing_run(const struct failing_job *job, const char *library,
                 const struct failing_kind *kinds, size_t kind_count, size_t runs);

#endif

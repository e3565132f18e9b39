/* A report as test cases, for formats that machines read. What decides is what decides the exit
 * code of `reproduce`: a failed check fails its case; a claim that does not come out is a finding
 * about the paper and fails nothing. */
#ifndef ATTEST_REPORT_CASES_H
#define ATTEST_REPORT_CASES_H

#include "report/report.h"

enum case_outcome {
  CASE_PASSED,
  CASE_FINDING, /* a figure that does not come out as stated, or only under another reading */
  CASE_SKIPPED, /* what was not compared or evaluated */
  CASE_FAILED
};

/* One line each; UTF-8, may be hostile. */
struct report_case {
  char *suite;   /* "2606.02378 F2", "checks of nursery-olmo"; owned */
  char *name;    /* owned */
  char *message; /* what was found, or why it was not looked at; "" = nothing; owned */
  enum case_outcome outcome;
  size_t order; /* as it came */
};

/* All zero: none. Release with cases_free. */
struct cases {
  struct report_case *list; /* by suite, then as they came */
  size_t count, capacity;
};

/* Every check of every manifest, and every figure under the reading that its paper states. Errors:
 * EXIT_RUN. */
int cases_make(const struct report *report, struct cases *cases, struct error *error);
void cases_free(struct cases *cases);

size_t cases_count(const struct cases *cases, enum case_outcome outcome);

#endif

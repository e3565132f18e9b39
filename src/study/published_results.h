/* Courses over training that published tables hold, as results for a report to draw. */
#ifndef ATTEST_STUDY_PUBLISHED_RESULTS_H
#define ATTEST_STUDY_PUBLISHED_RESULTS_H

#include "claims/published.h"
#include "study/journal.h"

/* Adds a JOURNAL_RESULT for each table that is one. */
void published_results(struct journal *journal, const struct published_tables *tables);

#endif

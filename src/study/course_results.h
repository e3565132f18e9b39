/* The circuits of a course as results, for a report to draw. */
#ifndef ATTEST_STUDY_COURSE_RESULTS_H
#define ATTEST_STUDY_COURSE_RESULTS_H

#include "study/journal.h"

/* The table of one task, as the course's file has it. */
struct course_table {
  const char *task;  /* what its line is called */
  const char *title; /* of its result: as long-lived as the journal */
  const char *csv;
};

/* Adds to the journal, as JOURNAL_RESULT: "circuits", the whole table of each task, which is not
 * drawn; "circuit_edges" and "circuit_overlap" with the columns task, step, and the edges of the
 * circuit, or its Jaccard index with that of the revision before; a line a task. */
void course_results(struct journal *journal, const struct course_table *tables, size_t count);

#endif

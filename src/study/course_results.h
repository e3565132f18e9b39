/* The circuits of a course as results, for a report to draw. */
#ifndef ATTEST_STUDY_COURSE_RESULTS_H
#define ATTEST_STUDY_COURSE_RESULTS_H

#include "study/course_files.h"
#include "study/journal.h"

/* Adds to the journal, as JOURNAL_RESULT: "circuits", the whole table of each task of the manifest,
 * which is not drawn; "circuit_edges" and "circuit_overlap" with the columns task, step, and the
 * edges of the circuit, or its Jaccard index with that of the revision before; a line a task. The
 * files are those of the manifest's tasks, in their order. */
void course_results(struct journal *journal, const struct manifest *manifest,
                    const struct course_files *files);

#endif

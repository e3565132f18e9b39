/* The tasks and settings of a manifest with circuits, read and checked before any work. */
#ifndef ATTEST_STUDY_COURSE_TASKS_H
#define ATTEST_STUDY_COURSE_TASKS_H

#include "circuit/found.h"
#include "manifest/manifest.h"

/* All zero: none. Release with course_tasks_free. */
struct course_tasks {
  struct task *list; /* [count], in the order of the manifest; owned */
  size_t count;
  size_t unpinned; /* files without a pin */
  char digest[33]; /* XXH3-128 of their SHA-256: names what is kept of work on them */
};

/* Reads every file, keeps its first pairs, and compares its SHA-256 with the pin. Errors:
 * EXIT_INPUT (also for a file that is not the pinned one, and two tasks of one name), EXIT_RUN. */
int course_tasks_read(const struct manifest *manifest, struct course_tasks *tasks,
                      struct error *error);
/* Whether every task has the pairs that the manifest asks for. Errors: EXIT_INPUT. */
int course_tasks_check_pairs(const struct manifest *manifest, const struct course_tasks *tasks,
                             struct error *error);
void course_tasks_free(struct course_tasks *tasks);

/* What the manifest asks for. Errors: EXIT_INPUT. */
int course_request(const struct manifest *manifest, struct circuit_request *request,
                   struct error *error);

#endif

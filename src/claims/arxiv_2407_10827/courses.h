/* What the evaluations of a course of circuits share. */
#ifndef ATTEST_CLAIMS_ARXIV_2407_10827_COURSES_H
#define ATTEST_CLAIMS_ARXIV_2407_10827_COURSES_H

#include "claims/arxiv_2407_10827/paper.h"
#include "trajectory/circuit_course.h"

struct facts {
  const struct circuit_course *course;
};

/* What is said of each task, one after the other. */
struct words {
  struct text text;
  bool holds;
};

static inline const struct found *course_at(const struct circuit_course *course, size_t revision,
                                            size_t task)
{
  return &course->revisions[revision].found[task];
}

/* What stands in front of a task's words. */
static inline const char *course_part(size_t task)
{
  return task ? "; " : "";
}

/* The words become the outcome's; releases them. */
void course_say(struct words *words, struct outcome *outcome);

/* The first revision whose clean metric exceeds half of the last one's, which is above 0;
 * course->revision_count: none. */
size_t course_emerges(const struct circuit_course *course, size_t task);

/* --- course_components.c --- */

/* Heads that are name movers at the last revision reach half of their cases within a factor of two
 * of their task, in tokens; what comes out are these factors, of the first and the last of them.
 * Arguments: "all" of them, or those "acting" on the logits in the last circuit; the task, or none
 * for every task with answers in its prompts. */
evaluation course_movers;

/* What is asserted of components, and kept apart. */
extern const struct assertion course_components[];

#endif

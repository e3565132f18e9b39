/* Trajectories, published tables and courses of circuits from folders that a command names. */
#ifndef ATTEST_COMMAND_TRAJECTORIES_H
#define ATTEST_COMMAND_TRAJECTORIES_H

#include "claims/published.h"
#include "trajectory/circuit_course.h"
#include "trajectory/trajectory.h"

#define MOST_TRAJECTORIES 64
#define MOST_TABLES 8
#define MOST_COURSES 64

/* All zero: none. Release with trajectories_free. */
struct trajectories {
  struct trajectory all[MOST_TRAJECTORIES];
  size_t count;
  struct published_tables tables[MOST_TABLES]; /* a folder each, no two of one paper and kind */
  size_t table_count;
  struct course_folder courses[MOST_COURSES]; /* no two of one model and kind */
  size_t course_count;
};

/* Adds what a folder holds: a trajectory, published tables, a course of circuits, or, where it has
 * none of them, what its subfolders hold, in name order. Errors: EXIT_INPUT, EXIT_RUN. */
int trajectories_load(struct trajectories *loaded, const char *directory, struct error *error);

void trajectories_free(struct trajectories *loaded);

#endif

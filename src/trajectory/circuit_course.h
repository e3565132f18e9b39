/* Circuits of a model over its revisions: what was found at each, how that changes, and how it is
 * written: a CSV a task with one row a revision, one of all heads, and an index (docs/CIRCUITS.md,
 * "Over training"). */
#ifndef ATTEST_TRAJECTORY_CIRCUIT_COURSE_H
#define ATTEST_TRAJECTORY_CIRCUIT_COURSE_H

#include "circuit/found.h"
#include "trajectory/trajectory.h"

#include <jansson.h>

#define CIRCUIT_COURSE_INDEX "circuits.json"
#define CIRCUIT_COURSE_COMPONENTS "components.csv"

struct course_task {
  char *name; /* plain; owned */
  enum task_metric metric;
  char sha256[65]; /* of its file */
};

struct course_revision {
  const char *name; /* borrowed */
  uint64_t step;
  double tokens;       /* units of 1e9 */
  struct found *found; /* [task_count]; owned */
};

/* Strings but those of the tasks are borrowed, of a course that was read from `index`. Release with
 * circuit_course_free. */
struct circuit_course {
  const char *model, *source, *caveat;
  enum trajectory_kind kind;
  struct graph graph;
  const char *method, *choose; /* names */
  double threshold;
  size_t task_count, revision_count;
  struct course_task *tasks;
  struct course_revision *revisions; /* ascending in tokens */
  json_t *index;                     /* owned; NULL */
};

void circuit_course_free(struct circuit_course *course);

/* The rows of a task, a revision each; figures of change are missing in the first. The columns are
 * those of circuit_course_columns. Errors: EXIT_RUN. */
#define CIRCUIT_COURSE_COLUMNS 50
extern const struct table_column circuit_course_columns[CIRCUIT_COURSE_COLUMNS];
int circuit_course_rows(const struct circuit_course *course, size_t task, struct table *table,
                        struct error *error);

/* Whether every circuit has the scores of its components. */
bool circuit_course_has_components(const struct circuit_course *course);

/* The rows of all heads: revision by revision, in it task by task. The columns are
 * component_columns. Errors: EXIT_RUN. */
int circuit_course_components(const struct circuit_course *course, struct table *table,
                              struct error *error);

/* What is said of a head; the first COMPONENT_PLACE columns say of which revision and task. */
#define COMPONENT_PLACE 4
#define COMPONENT_COLUMNS 21
extern const struct table_column component_columns[COMPONENT_COLUMNS];

/* Adds the cells behind the first COMPONENT_PLACE of head number `head`. */
void component_cells(const struct found *found, size_t head, struct table *table);

/* A course that was written, read back from its folder: the figures of every circuit and component,
 * which edges a circuit has, but no scores of edges; and the rows of its files as they stand there.
 * All zero: none. Release with course_folder_free. */
struct course_folder {
  struct circuit_course course;
  struct table *tables;    /* [course.task_count] of circuit_course_columns; owned */
  struct table components; /* of component_columns; no column: the folder has none */
};

/* Errors: EXIT_INPUT (file, line and what is wrong there; files that do not belong together),
 * EXIT_RUN. */
int course_folder_load(const char *directory, struct course_folder *folder, struct error *error);
void course_folder_free(struct course_folder *folder);

/* {"format": 1, "model", "kind", "source", "caveat", "graph", "method", "choose", "threshold",
 * "tasks": [{"task", "metric", "sha256", "file", "revisions": [{"name", "step", "tokens",
 * "circuit": "edge numbers of the published search", "normalised": "..."}]}]}. NULL without
 * memory.
 */
json_t *circuit_course_json(const struct circuit_course *course);

#endif

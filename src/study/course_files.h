/* A course of circuits as files, written, or compared with those of a golden. */
#ifndef ATTEST_STUDY_COURSE_FILES_H
#define ATTEST_STUDY_COURSE_FILES_H

#include "trajectory/circuit_course.h"

struct course_file {
  char *name; /* "copy.csv", CIRCUIT_COURSE_COMPONENTS, CIRCUIT_COURSE_INDEX; owned */
  struct text text;
};

/* All zero: none. Release with course_files_free. */
struct course_files {
  struct course_file *list; /* a file a task, that of components where there are some, the index */
  size_t count;
};

/* Errors: EXIT_INPUT (a text that is not UTF-8), EXIT_RUN. */
int course_files_make(const struct circuit_course *course, struct course_files *files,
                      struct error *error);
void course_files_free(struct course_files *files);

/* Writes them into a directory, which is made if needed. Errors: EXIT_INPUT, EXIT_RUN. */
int course_files_write(const char *directory, const struct course_files *files,
                       struct error *error);

/* Whether the files of a directory are these, byte for byte; else *difference says the first that
 * is not, in one line. Errors: EXIT_RUN. */
int course_files_compare(const char *directory, const struct course_files *files, bool *differ,
                         char difference[1024], struct error *error);

#endif

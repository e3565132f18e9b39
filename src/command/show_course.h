/* attest show of circuits over training. */
#ifndef ATTEST_COMMAND_SHOW_COURSE_H
#define ATTEST_COMMAND_SHOW_COURSE_H

#include "pass/runtime.h"

#include <stdbool.h>

/* Whether a folder holds circuits over training, and no trajectory. */
bool show_is_course(const char *directory);

/* Errors: EXIT_INPUT for a folder with neither, such as one of tables or of several others. */
int show_check(const char *directory, struct error *error);

/* The circuits of every task over the revisions; or, with a revision's name, what its heads do; or
 * one head ("4.4" or "L4H4") over the revisions. Errors: EXIT_INPUT, EXIT_RUN. */
int show_course(const char *directory, const struct common_options *common, const char *revision,
                const char *head, struct error *error);

#endif

/* What commands that read a trajectory and tell of it have in common. */
#ifndef ATTEST_COMMAND_READING_H
#define ATTEST_COMMAND_READING_H

#include "pass/runtime.h"
#include "trajectory/trajectory.h"

#include <jansson.h>

/* Checks the common options, loads the trajectory, and makes sure that --json is no file of it.
 * Owner: the caller, trajectory_free. Errors: EXIT_INPUT, EXIT_RUN. */
int reading_load(const char *directory, const struct common_options *common,
                 struct trajectory *trajectory, struct error *error);

/* The index of a revision; the last for NULL. Errors: EXIT_INPUT, naming those that are there. */
int reading_revision(const struct trajectory *trajectory, const char *name, size_t *index,
                     struct error *error);

/* A number of tokens above 0, as 1000000000 or 1e9; NULL leaves *tokens. Errors: EXIT_INPUT. */
int reading_tokens(const char *option, const char *text, double *tokens, struct error *error);

/* Where the figures come from: adds lines, or members. */
void reading_source_text(const struct trajectory *trajectory, struct text *text);
void reading_source_json(const struct trajectory *trajectory, json_t *object);

/* Writes the JSON where it is asked for, and the text to standard output unless it goes there or
 * --quiet. Takes both over. Errors: EXIT_RUN. */
int reading_deliver(const struct common_options *common, json_t *json, struct text *text,
                    struct error *error);

#endif

/* What a bootstrap of a screen shows: as a table of all figures, and in short for a terminal. */
#ifndef ATTEST_COMMAND_INTERVALS_H
#define ATTEST_COMMAND_INTERVALS_H

#include "base/table.h"
#include "probe/bootstrap.h"
#include "trajectory/trajectory.h"

/* "heads.csv" -> "heads.bootstrap.csv"; free(). NULL and error without memory. */
char *intervals_path(const char *out, struct error *error);

/* A row a figure: six selectivities, pr and class_kept of every head, then those of the whole
 * model, whose layer and head are missing. */
struct table intervals_table(const struct revision *revision, const struct bootstrap *bootstrap);

/* Writes it as CSV. Errors: EXIT_RUN. */
int intervals_write(const char *path, const struct revision *revision,
                    const struct bootstrap *bootstrap, struct error *error);

/* {"resamples", "seed", "pr_seed", digests of both streams, "figures": the table}; json_decref.
 * NULL without memory. */
json_t *intervals_json(const struct revision *revision, const struct bootstrap *bootstrap);

/* Adds the figures of the whole model, and the heads of a class or with another class in some of
 * the resamples, each with the class that it is nearest to. text->failed without memory. */
void intervals_text(const struct revision *revision, const struct bootstrap *bootstrap,
                    struct text *text);

#endif

/* What `reproduce` keeps of a complete run for reports, beside what it needs to go on (workdir.h):
 *
 *   WORK/run.json              the JSON of the run
 *   WORK/run/<kind>-<model>/   its trajectories
 *
 * The JSON has the SHA-256 of every CSV, so that a report cannot mix two runs. */
#ifndef ATTEST_REPORT_RUN_FOLDER_H
#define ATTEST_REPORT_RUN_FOLDER_H

#include "report/report.h"
#include "study/journal.h"

#define RUN_FILE "run.json"

/* [{"model", "kind", "revisions": [{"revision", "sha256"}]}] of all trajectories. NULL and EXIT_RUN
 * without memory. */
json_t *run_trajectories_json(const struct journal *journal, struct error *error);

/* Writes both, the JSON last. Errors: EXIT_RUN. */
int run_folder_write(const char *work, const struct journal *journal, const json_t *run,
                     struct error *error);

/* Adds a run that was kept: a work folder, or the JSON of a run alone, which has no trajectories.
 * Errors: EXIT_INPUT (also: a trajectory that is not of this run), EXIT_RUN. */
int run_folder_read(struct report *report, const char *path, struct error *error);

/* Whether trajectories that were given beside the JSON of a run are of that run. Errors:
 * EXIT_INPUT. */
int run_folder_check(const struct report *report, struct error *error);

#endif

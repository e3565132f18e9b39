/* On which machine, by which binary and by which command something was computed. */
#ifndef ATTEST_REPORT_PROVENANCE_H
#define ATTEST_REPORT_PROVENANCE_H

#include "pass/runtime.h"

#include <jansson.h>

#define PROVENANCE_DATE 16 /* bytes of a date */

/* YYYY-MM-DD of SOURCE_DATE_EPOCH (reproducible-builds.org); "" where that is not set. Errors:
 * EXIT_INPUT (it is no time). */
int provenance_date_set(char date[PROVENANCE_DATE], struct error *error);

/* {"command": "attest reproduce ...", "date", "binary_sha256", "cpu", "threads", "libraries":
 * {name: version}}: of this process. The date is today's (UTC), or that of SOURCE_DATE_EPOCH. Users
 * and passwords in addresses are left out. NULL and error: EXIT_INPUT (SOURCE_DATE_EPOCH),
 * EXIT_RUN. */
json_t *provenance_json(const struct runtime *runtime, int argc, char *const *argv,
                        struct error *error);

#endif

/* On which machine, by which binary and by which command something was computed. */
#ifndef ATTEST_REPORT_PROVENANCE_H
#define ATTEST_REPORT_PROVENANCE_H

#include "pass/runtime.h"

#include <jansson.h>

/* {"command": "attest reproduce ...", "binary_sha256", "cpu", "threads", "libraries": {name:
 * version}}: of this process. Users and passwords in addresses are left out. NULL and error:
 * EXIT_RUN. */
json_t *provenance_json(const struct runtime *runtime, int argc, char *const *argv,
                        struct error *error);

#endif

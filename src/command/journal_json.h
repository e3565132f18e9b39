/* The journal of a run for scripts. */
#ifndef ATTEST_COMMAND_JOURNAL_JSON_H
#define ATTEST_COMMAND_JOURNAL_JSON_H

#include "study/journal.h"

#include <jansson.h>

/* All manifests and claims; no times, so that two runs can be compared. json_decref. NULL and
 * EXIT_RUN without memory. */
json_t *journal_json(const struct journal *journal, const char *isa, struct error *error);

#endif

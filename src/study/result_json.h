/* Figures as a table, for the JSON of a run and for reports. */
#ifndef ATTEST_STUDY_RESULT_JSON_H
#define ATTEST_STUDY_RESULT_JSON_H

#include "study/journal.h"

#include <jansson.h>

/* Of a JOURNAL_RESULT: {"name", "title", "plot": null or {"x", "y", "series", "group", "log",
 * "about", "level"}, "columns": [...], "rows": [[...]]}; cells that read as numbers are numbers, an
 * empty one is null. NULL without memory. */
json_t *result_json(const struct journal_entry *entry);

#endif

/* Reports that commands write. */
#ifndef ATTEST_COMMAND_REPORT_OUTPUT_H
#define ATTEST_COMMAND_REPORT_OUTPUT_H

#include "report/report.h"

/* A format that a report can be written in. */
struct report_format {
  const char *name;   /* "junit" */
  const char *ending; /* of files that get it without being asked for; NULL = none */
  int (*write)(const struct report *report, bool every, struct text *out, struct error *error);
};

#define REPORT_FORMATS "html, markdown, junit, tap, tap14, in-toto or ro-crate"
#define REPORT_CHOICES "html|markdown|junit|tap|tap14|in-toto|ro-crate"
#define REPORT_ENDINGS                                                                             \
  "HTML, or by the end of its name Markdown (.md), JUnit (.xml), TAP (.tap, .tap14), an "          \
  "in-toto statement (.intoto.json) or an RO-Crate (ro-crate-metadata.json)"

#define REPORT_KNOWN_ENDINGS                                                                       \
  ".html, .htm, .md, .xml, .tap, .tap14, .intoto.json and ro-crate-metadata.json"

/* The format of this name, or, for NULL, that of the ending of the file's name; HTML where it has
 * none. Errors: EXIT_INPUT (also: no format has this ending). */
int report_format(const char *named, const char *path, const struct report_format **format,
                  struct error *error);

/* Writes the report to a file, "-" = standard output; whole or not at all. Errors: EXIT_INPUT (it
 * does not fit the format), EXIT_RUN. */
int report_output(const struct report *report, const struct report_format *format, bool every,
                  const char *path, struct error *error);

#endif

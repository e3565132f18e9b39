/* Reports that commands write. */
#ifndef ATTEST_COMMAND_REPORT_OUTPUT_H
#define ATTEST_COMMAND_REPORT_OUTPUT_H

#include "report/page.h"
#include "report/report.h"

/* The format that is named ("html", "markdown"), or, for NULL, that of the file's name: Markdown
 * for .md, else HTML. Errors: EXIT_INPUT. */
int report_format(const char *named, const char *path, enum page_format *format,
                  struct error *error);

/* Writes the report to a file, "-" = standard output; whole or not at all. Errors: EXIT_RUN. */
int report_output(const struct report *report, enum page_format format, bool every,
                  const char *path, struct error *error);

#endif

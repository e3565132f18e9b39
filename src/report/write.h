/* The report as HTML or Markdown. */
#ifndef ATTEST_REPORT_WRITE_H
#define ATTEST_REPORT_WRITE_H

#include "report/page.h"
#include "report/report.h"

/* Adds the whole report to `out`. HTML has every reading of every figure. Markdown has the figures
 * that do not come out and counts the others, and is cut where it would not fit into a comment
 * (fit.h); with `every` it has all, too, however long that is. Errors: EXIT_RUN. */
int report_write(const struct report *report, enum page_format format, bool every, struct text *out,
                 struct error *error);

/* Its parts. */
void write_claims(struct page *page, const struct report *report, bool every);
int write_models(struct page *page, const struct report *report, struct error *error);
void write_results(struct page *page, const struct report *report);
void write_checks(struct page *page, const struct report *report);
void write_provenance(struct page *page, const struct report *report);

#endif

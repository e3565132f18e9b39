/* Text for HTML, SVG and XML. */
#ifndef ATTEST_REPORT_MARKUP_H
#define ATTEST_REPORT_MARKUP_H

#include "base/text.h"

/* Adds a string as the content of an element or of an attribute in double quotes: what is special
 * there is escaped, and what is not printable UTF-8 becomes \xNN, which XML could not hold. */
void markup_add(struct text *text, const char *in);

#endif

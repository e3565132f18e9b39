/* A series as one line of text. */
#ifndef ATTEST_REPORT_SPARK_H
#define ATTEST_REPORT_SPARK_H

#include "base/text.h"

/* Adds a character a value, from the lowest to the highest of `low` .. `high` (both 0: those of the
 * values): eight blocks, or, without UTF-8, "_.:-=+*#". A blank where a value is not finite. */
void spark_add(struct text *text, const double *values, size_t count, double low, double high,
               bool utf8);

#endif

/* Figures as they are printed: "4.05 %", "-9.64 +- 8.76 pp", "21-38 %", "~20 pp", "never". The
 * numbers of such a text, when a recomputed one matches, and the text with recomputed numbers.
 *
 * A printed number is met by what rounds to it at the printed decimals (claims.h); after "~" by
 * what rounds to it at as many significant digits as are printed, trailing zeros of an integer not
 * counted ("~20" by 15 to under 25, "~10" by 9.5 to under 15). Two numbers joined by a hyphen are a
 * band. What stands in parentheses and names of heads (L4H4) are no numbers; "never" and "infinite"
 * are INFINITY. */
#ifndef ATTEST_CLAIMS_STATED_H
#define ATTEST_CLAIMS_STATED_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

#define STATED_MOST 24

struct stated_number {
  double value, unit; /* unit: of the last printed digit */
  int decimals;
  int digits;        /* significant ones; 0: not printed with "~" */
  bool exponent;     /* printed as 9.8e+07 */
  bool band_end;     /* a hyphen joins it to the number before */
  size_t start, end; /* in the text, "~" included */
};

/* The numbers of a text, at most STATED_MOST. */
size_t stated_parse(const char *text, struct stated_number numbers[STATED_MOST]);

/* Whether the value meets the number; `slack`, relative, is what the tables' digits leave open. */
bool stated_meets(const struct stated_number *number, double value, double slack);

/* Whether all values meet the numbers: one each, or a single one within a band. */
bool stated_all_meet(const struct stated_number *numbers, size_t count, const double *values,
                     size_t value_count, double slack);

/* Whether two values round to the same number of one significant digit. */
bool stated_about(double a, double b);

/* The text with the values in the place of its numbers, one each, or a single one in the place of a
 * band. text->failed without memory. */
void stated_fill(const char *stated, const struct stated_number *numbers, size_t count,
                 const double *values, size_t value_count, double slack, struct text *text);

#endif

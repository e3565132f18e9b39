/* What the tests of reports share: finding plots and points in HTML. */
#ifndef ATTEST_TESTS_REPORTING_H
#define ATTEST_TESTS_REPORTING_H

#include "workshop.h"

/* Of the <svg> with this title; it lies in `html`. */
static inline const char *find_plot(const char *html, const char *title)
{
  char words[400];
  snprintf(words, sizeof words, "-title\">%s</title>", title);
  const char *at = strstr(html, words);
  if (!at)
    fail_msg("no plot called %s", title);
  return at;
}

/* Whether the plot that begins at `plot` has something with this title; where it begins. */
static inline const char *find_in_plot(const char *plot, const char *title)
{
  char words[400];
  snprintf(words, sizeof words, "<title>%s</title>", title);
  const char *end = strstr(plot, "</svg>"), *at = strstr(plot, words);
  if (!at || at > end)
    fail_msg("%.80s: no %s", plot, words);
  while (*at != '<' || (strncmp(at, "<path", 5) != 0 && strncmp(at, "<rect", 5) != 0))
    at--;
  return at;
}

#endif

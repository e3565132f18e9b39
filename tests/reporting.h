/* What the tests of reports share: trajectories as the CSV files say, and what an HTML says. */
#ifndef ATTEST_TESTS_REPORTING_H
#define ATTEST_TESTS_REPORTING_H

#include "workshop.h"

#include "report/write.h"

#define PUBLISHED_MODELS 3
static const char *const published_models[PUBLISHED_MODELS] = {"pythia-1b", "olmo-1b-0724",
                                                               "olmoe-1b-7b-0924"};

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

/* The report of a document and of trajectories; owned by the caller. */
static inline char *write_report(const struct report *report, enum page_format format)
{
  struct text text = {0};
  struct error error = {0};
  if (report_write(report, format, false, &text, &error))
    fail_msg("%s", error.text);
  return text.data;
}

#endif

/* A fresh trajectory against published tables, which came from other arithmetic on another machine:
 * by class agreement, relative error bands and claim verdicts, as the manifest states; never by
 * bits. */
#ifndef ATTEST_STUDY_BANDS_H
#define ATTEST_STUDY_BANDS_H

#include "manifest/manifest.h"
#include "trajectory/trajectory.h"

/* Shares of heads, selectivities and participation ratios of a revision that agree. */
struct agreement {
  double classes, selectivities, prs;
  bool held; /* all three within the bands */
};

/* A revision against that of its name in the tables. Errors: EXIT_INPUT (there is none, or of
 * another shape). */
int bands_measure(const struct revision *fresh, const struct trajectory *published,
                  const struct published_bands *bands, struct agreement *agreement,
                  struct error *error);

/* The claims of both, figure by figure: how many verdicts the tables have, and how many are not the
 * same. Errors as claims_evaluate. */
int bands_compare_verdicts(struct trajectory *fresh, struct trajectory *published, size_t *count,
                           size_t *different, struct error *error);

/* Whether the bands are so wide that any figures at all lie within. */
bool bands_hold_for_all(const struct published_bands *bands);

#endif

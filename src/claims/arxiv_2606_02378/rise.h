/* When the participation ratio of a head is raised, and when its selectivity crosses a threshold.
 */
#ifndef ATTEST_CLAIMS_ARXIV_2606_02378_RISE_H
#define ATTEST_CLAIMS_ARXIV_2606_02378_RISE_H

#include "base/error.h"
#include "trajectory/trajectory.h"

#include <stdbool.h>
#include <stddef.h>

/* What PR must be above, at some revision up to the crossing. */
enum rise_reference {
  ABOVE_FIRST,   /* the head's own PR at the first revision */
  ABOVE_MINIMUM, /* the head's own lowest PR at an earlier revision */
  ABOVE_MEDIAN,  /* the median head of the same revision */
  RISE_REFERENCES
};

struct rise {
  size_t crossing, raised_at; /* raised_at: trajectory->count when PR is not raised */
  double pr, reference;       /* at raised_at, else at the crossing */
  bool judged, missing;       /* missing: a participation ratio is not available */
};

/* First revision at which the head (layer * n_heads + head) has a selectivity of at least the
 * threshold; trajectory->count: never. */
size_t rise_crossing(const struct trajectory *trajectory, size_t head, enum head_class class,
                     double threshold);

/* Whether the PR of a head is raised at or before its crossing, which it has. A head that crosses
 * at the very first revision has no earlier PR of its own to be above of.
 * medians[trajectory->count], of ABOVE_MEDIAN: rise_medians. */
struct rise rise_find(const struct trajectory *trajectory, size_t head, size_t crossing,
                      enum rise_reference reference, const double *medians);

/* The median PR of each revision, free(); NULL and EXIT_RUN without memory. */
double *rise_medians(const struct trajectory *trajectory, struct error *error);

#endif

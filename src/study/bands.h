/* A fresh trajectory against published tables, which came from other arithmetic on another machine:
 * by class agreement, relative error bands and claim verdicts, as the manifest states; never by
 * bits. */
#ifndef ATTEST_STUDY_BANDS_H
#define ATTEST_STUDY_BANDS_H

#include "base/text.h"
#include "claims/claims.h"
#include "manifest/manifest.h"

#include <jansson.h>

/* Compares revision by revision (by name); adds a line a revision and a line for the verdicts to
 * `text`, and objects to the array `json`; the number of bands left goes to *failures. Errors:
 * EXIT_INPUT (tables missing or of another shape), EXIT_RUN. */
int bands_compare(struct trajectory *fresh, const struct published_bands *bands, struct text *text,
                  json_t *json, size_t *failures, struct error *error);

/* Whether the bands are so wide that any figures at all lie within. */
bool bands_hold_for_all(const struct published_bands *bands);

#endif

/* What a verification looked at and what it could not, for the last line. */
#ifndef ATTEST_STUDY_VERIFIED_H
#define ATTEST_STUDY_VERIFIED_H

#include "base/text.h"
#include "manifest/manifest_verify.h"

#include <jansson.h>

/* Adds "; 200 tensors of 10 revisions compared, each with all others; not compared: ...". Of tables
 * nothing: they hold no tensors. */
void verified_add_tensors(struct text *text, const struct manifest_check *check,
                          const struct manifest_result *result);

/* Adds "; UNPINNED: 2 files", and how many are pinned in part. */
void verified_add_pins(struct text *text, const struct manifest_result *result);

/* The counts of tensors, json_decref(). NULL without memory. */
json_t *verified_tensors_json(const struct manifest_result *result);

#endif

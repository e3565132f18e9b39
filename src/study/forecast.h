/* What hours of work will take, said before they begin. */
#ifndef ATTEST_STUDY_FORECAST_H
#define ATTEST_STUDY_FORECAST_H

#include "base/text.h"
#include "manifest/manifest.h"
#include "pass/runtime.h"

/* Screens of all revisions of a manifest, by the shape of the first one that is on the disk below
 * `checkpoints` (NULL = where the manifest says), to the notices of `runtime`. Nothing is said when
 * it is a matter of minutes, and when none is there or cannot be screened. */
void forecast_screens(const struct manifest *manifest, const char *checkpoints,
                      const struct runtime *runtime);

/* Adds to `text` what `screen --until-sure` would take and save where a screen of n sequences, or
 * several, take so many seconds: "... may end after 100, 200, 400 ... of 2000 sequences: ...".
 * Nothing where n is too short for a look. */
void forecast_until_sure(int64_t n, double seconds, struct text *text);

/* The digests of the files of a manifest, of revision `only` if not NULL. */
void forecast_digests(const struct manifest *manifest, const char *checkpoints,
                      const struct manifest_revision *only, const struct notices *notices);

/* The digests of so many bytes of `path`. */
void forecast_bytes(const char *path, uint64_t bytes, const struct notices *notices);

#endif

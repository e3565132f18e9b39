/* Keeps the rows of a bootstrap beside those of the sample, so that a run that is resumed need not
 * draw them again. A file of doubles with its shape and digest; bytes are those of this machine. */
#ifndef ATTEST_STUDY_RESAMPLED_H
#define ATTEST_STUDY_RESAMPLED_H

#include "base/error.h"
#include "trajectory/trajectory.h"

/* rows[resamples][heads of `sample`]. Errors: EXIT_RUN. */
int resampled_write(const char *path, const struct head_row *rows, size_t resamples,
                    const struct revision *sample, struct error *error);

/* Reads them back to *rows, free(). Errors: EXIT_INPUT (missing, damaged, of another shape),
 * EXIT_RUN. */
int resampled_read(const char *path, size_t resamples, const struct revision *sample,
                   struct head_row **rows, struct error *error);

#endif

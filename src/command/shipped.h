/* Where manifests/ and golden/ are that come with attest. */
#ifndef ATTEST_COMMAND_SHIPPED_H
#define ATTEST_COMMAND_SHIPPED_H

#include "base/error.h"

#include <limits.h>
#include <stddef.h>

/* What such a path begins with: "@attest/" for those in the program itself (make dist), else "" for
 * the working directory, else share/attest beside the program's bin/ (make install); all must have
 * `wanted`. Errors: EXIT_INPUT (in none of them). */
int shipped_root(const char *wanted, char root[PATH_MAX], struct error *error);

/* The paths of `names` with that root: one allocation, free(). NULL and error. */
const char **shipped_paths(const char *const *names, size_t count, struct error *error);

#endif

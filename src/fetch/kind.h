/* Whether bytes can be the file of a name at all: without pins, nothing else tells a file from the
 * page that a login, a proxy or a mirror answers with status 200 in its place. */
#ifndef ATTEST_FETCH_KIND_H
#define ATTEST_FETCH_KIND_H

#include "base/error.h"

#include <stddef.h>

/* Looks at the first bytes of the file on disk that is, or will be, called `name`: weights and JSON
 * must begin like such, other files not like a page or a git-lfs pointer. `where` appears in the
 * message. Errors: EXIT_CHECK, EXIT_RUN. */
int kind_check(const char *where, const char *name, const char *path, struct error *error);

/* Adds to an error what a body that begins with these bytes is, if it is not the file. */
void kind_explain(const char *name, const void *data, size_t size, struct error *error);

#endif

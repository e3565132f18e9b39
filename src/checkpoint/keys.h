/* Strict JSON objects: a key nobody reads is refused by name. */
#ifndef ATTEST_CHECKPOINT_KEYS_H
#define ATTEST_CHECKPOINT_KEYS_H

#include "base/error.h"

#include <jansson.h>

/* Refuses any key of `object` that is not in the NULL-terminated list. `where` stands in the
 * message. Errors: EXIT_INPUT. */
int keys_known(const json_t *object, const char *where, const char *const *known,
               struct error *error);

#endif

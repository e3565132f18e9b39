/* The keys of config.json that are not settings of a forward pass (settings.h). Three answers: a
 * key that does not touch the result is accepted, or is accepted at the values where it does not;
 * at another value it is refused with the reason; one that is unknown is refused as unknown. */
#ifndef ATTEST_MODEL_CONFIG_KEYS_H
#define ATTEST_MODEL_CONFIG_KEYS_H

#include "model/family.h"

#include <jansson.h>

/* Errors: EXIT_INPUT, with the key, its value and the reason. */
int config_keys_check(const char *name, const json_t *object, const struct family *family,
                      struct error *error);

#endif

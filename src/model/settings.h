/* The one normalising step for config.json: whichever way a writer spells a setting, it is found
 * once. Older writers state rope_theta, rotary_emb_base, rotary_pct, partial_rotary_factor and
 * rope_scaling {type or rope_type}; newer ones rope_parameters {rope_type, rope_theta,
 * partial_rotary_factor}, which may be keyed by the type of the layer.
 *
 * Keys that say the same thing must hold equal values (numbers by value: 10000 equals 10000.0),
 * else both are named and refused; null states nothing where another key states a value. */
#ifndef ATTEST_MODEL_SETTINGS_H
#define ATTEST_MODEL_SETTINGS_H

#include "model/family.h"

#include <jansson.h>

/* Where a setting is stated: `key` of `object`. */
struct stated {
  const json_t *object; /* NULL = not stated */
  const char *group;    /* the key of config.json that holds the object; "" = config.json itself */
  const char *key;
};

struct settings {
  const char *name; /* of config.json, for messages */
  const struct family *family;
  struct stated stated[SETTINGS]; /* borrowed from the JSON object and the table of families */
};

/* Finds what `object`, a config.json of `family`, states. Errors: EXIT_INPUT (a contradiction,
 * layer types that differ, a rope_parameters that is not an object, keys of it that are unknown).
 */
int settings_collect(const char *name, const json_t *object, const struct family *family,
                     struct settings *settings, struct error *error);

/* The value; NULL = not stated. */
const json_t *settings_value(const struct settings *settings, enum setting setting);

/* "rope_parameters.rope_theta" for messages; the value as JSON, cut where it is long. */
#define SETTINGS_TEXT 128
const char *settings_key(const struct settings *settings, enum setting setting,
                         char text[SETTINGS_TEXT]);
const char *settings_show(const json_t *value, char text[SETTINGS_TEXT]);

#endif

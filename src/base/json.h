/* JSON input by jansson: duplicate keys, depth bombs, masses of empty objects and huge numbers are
 * refused, and every value is fetched with its type and range checked. */
#ifndef ATTEST_BASE_JSON_H
#define ATTEST_BASE_JSON_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parses size bytes as one JSON object (nothing after it); a UTF-8 byte order mark before it is
 * skipped. `name` stands in messages. The caller owns *object (json_decref). Errors: EXIT_INPUT
 * with line, column, key and what was found in place of what; EXIT_RUN (memory). */
int json_parse_object(const char *name, const void *data, size_t size, json_t **object,
                      struct error *error);

/* Reads and parses a JSON file of at most `limit` bytes. */
int json_read_object(const char *path, size_t limit, json_t **object, struct error *error);

/* Values of `object` by key; `where` stands in messages before the key. A missing key or a value
 * of another type or out of [low, high] is EXIT_INPUT. Strings belong to the object. */
int json_get_integer(const json_t *object, const char *where, const char *key, int64_t low,
                     int64_t high, int64_t *value, struct error *error);
int json_get_number(const json_t *object, const char *where, const char *key, double low,
                    double high, double *value, struct error *error);
int json_get_string(const json_t *object, const char *where, const char *key, const char **value,
                    struct error *error);
int json_get_boolean(const json_t *object, const char *where, const char *key, bool *value,
                     struct error *error);
int json_get_array(const json_t *object, const char *where, const char *key, json_t **value,
                   struct error *error);
int json_get_object(const json_t *object, const char *where, const char *key, json_t **value,
                    struct error *error);

/* A string that text_is_label: the name of a model or a revision. */
int json_get_label(const json_t *object, const char *where, const char *key, const char **value,
                   struct error *error);

/* Refuses any key of `object` that is not in the NULL-terminated list, by name: nothing is ignored.
 * Errors: EXIT_INPUT. */
int json_check_keys(const json_t *object, const char *where, const char *const *known,
                    struct error *error);

/* Whether `key` is absent or null. */
bool json_is_absent(const json_t *object, const char *key);

/* Writes a JSON value to a file, "-" = standard output: indented, keys in insertion order, each
 * real with the fewest of 15, 16 or 17 significant digits that read back to the same bits, newline
 * at the end. Errors: EXIT_RUN, also for NULL, which is what json_pack gives without memory or for
 * a text that is not UTF-8. */
int json_write(const char *path, const json_t *value, struct error *error);

#endif

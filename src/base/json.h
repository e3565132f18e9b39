/* JSON input by jansson: duplicate keys, depth bombs, masses of empty objects and huge numbers are
 * refused, and every value is fetched with its type and range checked. */
#ifndef ATTEST_BASE_JSON_H
#define ATTEST_BASE_JSON_H

#include "base/error.h"
#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parses size bytes as one JSON object (nothing after it); a UTF-8 byte order mark before it is
 * skipped. `name` appears in messages. The caller owns *object (json_decref). Errors: EXIT_INPUT
 * with line, column, key and what was found in place of what; EXIT_RUN (memory). */
int json_parse_object(const char *name, const void *data, size_t size, json_t **object,
                      struct error *error);

/* The same for a line, numbered from 1, of a file that has an object a line. */
int json_parse_line(const char *name, size_t line, const char *text, size_t size, json_t **object,
                    struct error *error);

/* Reads and parses a JSON file of at most `limit` bytes. */
int json_read_object(const char *path, size_t limit, json_t **object, struct error *error);

/* Values of `object` by key; `where` appears in messages before the key. A missing key or a value
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

/* Puts a new value, which they take over, into an object or at the end of an array. NULL, which
 * json_pack and json_string give for a text that is not UTF-8, is remembered: json_write,
 * json_format and json_compact then refuse the whole. */
void json_put(json_t *object, const char *key, json_t *value);
void json_add(json_t *array, json_t *value);

/* Adds a JSON value to a text: indented, keys in insertion order, each real with the fewest of 15,
 * 16 or 17 significant digits that read back to the same bits, newline at the end. `path` appears
 * in messages. Errors: EXIT_RUN; EXIT_INPUT where there is no value (NULL, json_put). */
int json_format(const char *path, const json_t *value, struct text *text, struct error *error);

/* Writes the same to a file, "-" = standard output. Errors: those of json_format, EXIT_RUN. */
int json_write(const char *path, const json_t *value, struct error *error);

/* Adds a text as a JSON string, with its quotes. text->failed where it is not UTF-8. */
void json_quote(struct text *text, const char *value);

/* Adds a JSON value to `text` in as few bytes as possible, without a newline. `name` appears in
 * messages. Errors as json_write. */
int json_compact(const char *name, const json_t *value, struct text *text, struct error *error);

#endif

/* Values of a recipe's parts, checked. */
#ifndef ATTEST_TRAIN_RECIPE_PART_H
#define ATTEST_TRAIN_RECIPE_PART_H

#include "base/json.h"

/* A part of the recipe, its name in messages and the keys it may have; the value of "kind" is one
 * of `kinds`, both NULL-terminated, and its index goes to *kind. */
struct recipe_part {
  json_t *object;
  char where[512];
};
int recipe_part_open(const json_t *root, const char *where, const char *key,
                     struct recipe_part *part, struct error *error);
int recipe_part_kind(const struct recipe_part *part, const char *const *kinds, int *kind,
                     struct error *error);

/* 64 hex digits in lower case, or absent: NULL. */
int recipe_get_sha256(const json_t *object, const char *where, const char *key, const char **value,
                      struct error *error);

/* As json_get_integer, for sizes. */
int recipe_get_size(const json_t *object, const char *where, const char *key, size_t low,
                    size_t high, size_t *value, struct error *error);

#endif

#include "train/recipe_part.h"

#include <stdio.h>
#include <string.h>

int recipe_part_open(const json_t *root, const char *where, const char *key,
                     struct recipe_part *part, struct error *error)
{
  snprintf(part->where, sizeof part->where, "%.440s: \"%s\"", where, key);
  return json_get_object(root, where, key, &part->object, error);
}

int recipe_part_kind(const struct recipe_part *part, const char *const *kinds, int *kind,
                     struct error *error)
{
  const char *value;
  char names[64] = "";
  if (json_get_string(part->object, part->where, "kind", &value, error))
    return error->code;
  for (*kind = 0; kinds[*kind]; ++*kind) {
    if (strcmp(kinds[*kind], value) == 0)
      return 0;
    size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%s%s", used ? " or " : "", kinds[*kind]);
  }
  return error_set(error, EXIT_INPUT, "%s: \"kind\" is \"%.100s\", must be %s", part->where, value,
                   names);
}

int recipe_get_sha256(const json_t *object, const char *where, const char *key, const char **value,
                      struct error *error)
{
  *value = NULL;
  if (json_is_absent(object, key))
    return 0;
  if (json_get_string(object, where, key, value, error))
    return error->code;
  if (strlen(*value) != 64 || strspn(*value, "0123456789abcdef") != 64)
    return error_set(error, EXIT_INPUT, "%s: \"%s\" must be 64 hex digits in lower case", where,
                     key);
  return 0;
}

int recipe_get_size(const json_t *object, const char *where, const char *key, size_t low,
                    size_t high, size_t *value, struct error *error)
{
  int64_t number;
  if (json_get_integer(object, where, key, (int64_t)low, (int64_t)high, &number, error))
    return error->code;
  *value = (size_t)number;
  return 0;
}

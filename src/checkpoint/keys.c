#include "checkpoint/keys.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

int keys_known(const json_t *object, const char *where, const char *const *known,
               struct error *error)
{
  json_t *members = (json_t *)(uintptr_t)object; /* jansson's iterator takes no const */
  const char *key;
  json_t *value;
  json_object_foreach(members, key, value)
  {
    bool found = false;
    for (size_t i = 0; known[i] && !found; i++)
      found = strcmp(key, known[i]) == 0;
    if (!found)
      return error_set(error, EXIT_INPUT, "%s: unknown key \"%.100s\"", where, key);
  }
  return 0;
}

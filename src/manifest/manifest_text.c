#include "manifest/manifest_parts.h"

#include "base/json.h"
#include "base/path.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int manifest_get_line(const json_t *object, const char *where, const char *key, char **copy,
                      struct error *error)
{
  const char *text;
  if (json_get_string(object, where, key, &text, error))
    return error->code;
  if (strlen(text) > MANIFEST_MAX_TEXT)
    return error_set(error, EXIT_INPUT, "%s: \"%s\" is longer than %d bytes", where, key,
                     MANIFEST_MAX_TEXT);
  for (const char *p = text; *p; p += text_printable(p))
    if (text_printable(p) == 0)
      return error_set(error, EXIT_INPUT, "%s: \"%s\" must be one line of printable text", where,
                       key);
  *copy = strdup(text);
  return *copy ? 0 : error_set(error, EXIT_RUN, "%s: out of memory", where);
}

int manifest_get_path(const json_t *object, const char *where, const char *key,
                      const struct manifest *manifest, char **copy, struct error *error)
{
  char *relative = NULL;
  if (manifest_get_line(object, where, key, &relative, error))
    return error->code;
  if (!*relative || *relative == '/') {
    free(relative);
    return error_set(error, EXIT_INPUT, "%s: \"%s\" must be a path relative to the manifest", where,
                     key);
  }
  const char *slash = strrchr(manifest->path, '/');
  char *folder = slash ? strndup(manifest->path, (size_t)(slash - manifest->path) + 1) : strdup("");
  if (folder)
    *copy = path_resolve(folder, relative, error);
  else
    error_set(error, EXIT_RUN, "%s: out of memory", where);
  free(folder);
  free(relative);
  return *copy ? 0 : error->code;
}

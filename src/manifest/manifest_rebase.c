#define _GNU_SOURCE
#include "manifest/manifest_rebase.h"

#include "base/json.h"
#include "base/path.h"
#include "base/text.h"
#include "manifest/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The folder that a file lies in, without symbolic links: only there does ".." lead to the parent
 * that its name shows. */
static char *folder_of(const char *path, struct error *error)
{
  const char *slash = strrchr(path, '/');
  char *named = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
  char *folder = named ? realpath(named, NULL) : NULL;
  if (!folder)
    error_set(error, EXIT_RUN, "%s: its folder cannot be found: %s", path,
              error_reason(named ? errno : ENOMEM));
  free(named);
  return folder;
}

/* Length of what two absolute paths have in common, in whole components. */
static size_t common(const char *a, const char *b)
{
  size_t length = 0, whole = 0;
  while (a[length] && a[length] == b[length])
    if (a[length++] == '/')
      whole = length;
  bool ends = (!a[length] || a[length] == '/') && (!b[length] || b[length] == '/');
  return ends ? length : whole;
}

/* The way from a folder to `target`; both are absolute. Empty when out of memory. */
static struct text way(const char *folder, const char *target)
{
  struct text text = {0};
  size_t length = common(folder, target);
  const char *up = folder + length, *down = target + length;
  for (up += *up == '/'; *up; up += *up == '/') {
    text_add(&text, text.length ? "/.." : "..");
    up += strcspn(up, "/");
  }
  down += *down == '/';
  if (*down || !text.length)
    text_add(&text, "%s%s", text.length ? "/" : "", *down ? down : ".");
  return text;
}

static int rebase(json_t *object, const char *key, const char *from, const char *to,
                  struct error *error)
{
  const char *value = json_string_value(json_object_get(object, key));
  if (!value)
    return 0;
  char *target = path_resolve(from, value, error);
  if (!target)
    return error->code;
  struct text relative = way(to, target);
  json_t *made = relative.failed ? NULL : json_string(relative.data);
  int status = 0;
  if (relative.failed)
    status = error_set(error, EXIT_RUN, "%s: out of memory", target);
  else if (!made)
    status = error_set(error, EXIT_INPUT, "%s: \"%s\": not a text that a manifest can hold", target,
                       key);
  else if (json_object_set_new(object, key, made))
    status = error_set(error, EXIT_RUN, "%s: out of memory", target);
  text_free(&relative);
  free(target);
  return status;
}

/* Whether it can be read again: folders may have names that a manifest must not hold. */
static int check(const json_t *root, const char *to, struct error *error)
{
  struct manifest manifest = {0};
  struct text text = {0};
  int status = json_compact(to, root, &text, error);
  if (!status)
    status = manifest_parse(to, text.data, text.length, &manifest, error);
  text_free(&text);
  if (!status)
    manifest_free(&manifest);
  return status;
}

int manifest_rebase(json_t *root, const char *from, const char *to, struct error *error)
{
  static const char *const keys[] = {"checkpoints", "tensors", "golden"};
  char *before = folder_of(from, error), *after = before ? folder_of(to, error) : NULL;
  int status = after ? 0 : error->code;
  bool moves = after && strcmp(before, after) != 0;
  for (size_t i = 0; i < sizeof keys / sizeof *keys && moves && !status; i++)
    status = rebase(root, keys[i], before, after, error);
  if (moves && !status)
    status = rebase(json_object_get(root, "published"), "directory", before, after, error);
  const json_t *tasks = json_object_get(json_object_get(root, "circuits"), "tasks");
  for (size_t i = 0; i < json_array_size(tasks) && moves && !status; i++)
    status = rebase(json_array_get(tasks, i), "path", before, after, error);
  if (moves && !status)
    status = check(root, to, error);
  free(before);
  free(after);
  return status;
}

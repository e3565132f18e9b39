#include "command/shipped.h"

#include "base/embedded.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define INSTALLED "/share/attest/"

static bool holds(const char *root, const char *wanted)
{
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "%s%s", root, wanted);
  return length > 0 && (size_t)length < sizeof path && file_exists(path);
}

/* PREFIX/bin/attest -> PREFIX/share/attest/; "" where the system does not tell, as without /proc.
 */
static void installed_root(char root[PATH_MAX])
{
  bool known = path_of_program(root) && strlen(root) < PATH_MAX - sizeof INSTALLED;
  *root = known ? *root : 0;
  for (int parts = 0; parts < 2 && *root; parts++) {
    char *slash = strrchr(root, '/');
    *(slash ? slash : root) = 0;
  }
  if (known)
    strcat(root, INSTALLED);
}

int shipped_root(const char *wanted, char root[PATH_MAX], struct error *error)
{
  strcpy(root, EMBEDDED_PREFIX);
  if (holds(root, wanted) && embedded_is_directory(root))
    return 0;
  *root = 0;
  if (holds(root, wanted))
    return 0;
  installed_root(root);
  if (*root && holds(root, wanted))
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: not found here, nor where make install puts it; run from the project's "
                   "folder or name a manifest",
                   wanted);
}

const char **shipped_paths(const char *const *names, size_t count, struct error *error)
{
  char root[PATH_MAX];
  if (shipped_root(names[0], root, error))
    return NULL;
  size_t bytes = count * sizeof(char *);
  for (size_t i = 0; i < count; i++)
    bytes += strlen(root) + strlen(names[i]) + 1;
  char **paths = memory_alloc(bytes, 1, "paths of manifests", error);
  if (!paths)
    return NULL;
  char *at = (char *)(paths + count);
  for (size_t i = 0; i < count; i++) {
    paths[i] = at;
    at += sprintf(at, "%s%s", root, names[i]) + 1;
  }
  return (const char **)paths;
}

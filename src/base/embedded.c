#include "base/embedded.h"

#include <limits.h>
#include <string.h>

/* Made by tools/dist/embed.sh; the address is NULL where nothing is embedded. */
extern const struct embedded_file attest_embedded[] __attribute__((weak));
extern const uint64_t attest_embedded_count __attribute__((weak));

const struct embedded_file *embedded_list(size_t *count)
{
  const uint64_t *number = &attest_embedded_count;
  *count = number ? (size_t)*number : 0;
  return attest_embedded;
}

/* "@attest/a/./b/../c" -> "a/c"; false when it is no such path or leads out. There are no links
 * inside, so that ".." undoes what stands before it. */
static bool plain(const char *path, char out[PATH_MAX])
{
  size_t used = 0;
  if (strncmp(path, EMBEDDED_PREFIX, strlen(EMBEDDED_PREFIX)) != 0 || strlen(path) >= PATH_MAX)
    return false;
  path += strlen(EMBEDDED_PREFIX);
  for (size_t length; *path; path += length + (path[length] == '/')) {
    length = strcspn(path, "/");
    if (length == 0 || (length == 1 && *path == '.'))
      continue;
    if (length == 2 && strncmp(path, "..", 2) == 0) {
      if (!used)
        return false;
      while (used && out[used - 1] != '/')
        used--;
      used -= used > 0;
      continue;
    }
    if (used)
      out[used++] = '/';
    memcpy(out + used, path, length);
    used += length;
  }
  out[used] = 0;
  return true;
}

/* The first file whose path is not below `path`. */
static size_t lower_bound(const struct embedded_file *files, size_t count, const char *path)
{
  size_t low = 0;
  while (low < count) {
    size_t middle = low + (count - low) / 2;
    if (strcmp(files[middle].path, path) < 0)
      low = middle + 1;
    else
      count = middle;
  }
  return low;
}

const struct embedded_file *embedded_find(const char *path)
{
  size_t count;
  char name[PATH_MAX];
  const struct embedded_file *files = embedded_list(&count);
  if (!count || !plain(path, name))
    return NULL;
  size_t at = lower_bound(files, count, name);
  return at < count && strcmp(files[at].path, name) == 0 ? &files[at] : NULL;
}

/* "a/b/" of "@attest/a/b", "" of all; false when no files lie below it, else the first in *at. */
static bool folder(const char *path, char name[PATH_MAX], size_t *at)
{
  size_t count;
  const struct embedded_file *files = embedded_list(&count);
  if (!count || !plain(path, name))
    return false;
  size_t length = strlen(name);
  if (length && length + 1 < PATH_MAX)
    strcpy(name + length++, "/");
  *at = lower_bound(files, count, name);
  return *at < count && strncmp(files[*at].path, name, length) == 0;
}

bool embedded_is_directory(const char *path)
{
  char name[PATH_MAX];
  size_t at;
  return folder(path, name, &at);
}

bool embedded_next(const char *directory, size_t *at, char name[EMBEDDED_NAME])
{
  char below[PATH_MAX];
  size_t count, first;
  const struct embedded_file *files = embedded_list(&count);
  if (!folder(directory, below, &first))
    return false;
  const size_t length = strlen(below);
  for (size_t i = *at ? *at : first; i < count && !strncmp(files[i].path, below, length); i++) {
    const char *rest = files[i].path + length;
    size_t bytes = strcspn(rest, "/");
    bool same = i > first && strncmp(files[i - 1].path + length, rest, bytes) == 0 &&
                strchr("/", files[i - 1].path[length + bytes]);
    if (same || bytes >= EMBEDDED_NAME)
      continue;
    memcpy(name, rest, bytes);
    name[bytes] = 0;
    *at = i + 1;
    return true;
  }
  return false;
}

bool embedded_holds(const void *data)
{
  size_t count;
  const struct embedded_file *files = embedded_list(&count);
  const uintptr_t at = (uintptr_t)data;
  for (size_t i = 0; i < count; i++)
    if (at >= (uintptr_t)files[i].data && at - (uintptr_t)files[i].data < files[i].size)
      return true;
  return false;
}

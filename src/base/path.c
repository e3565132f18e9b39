#include "base/path.h"

#include "base/file.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether path[0 .. length) ends with a component that ".." undoes: a real directory. */
static bool undone(char *path, size_t length)
{
  struct stat info;
  char kept = path[length];
  path[length] = 0;
  const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
  bool found = *last && strcmp(last, "..") != 0 && lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
  path[length] = kept;
  return found;
}

/* Length of path[0 .. length) without its last component and the slash before it; a slash at the
 * beginning stays. */
static size_t without_last(const char *path, size_t length)
{
  while (length && path[length - 1] != '/')
    length--;
  return length > 1 ? length - 1 : length;
}

/* Components are moved to the front of the string, which never grows. */
char *path_resolve(const char *directory, const char *name, struct error *error)
{
  char *path = file_join(directory, name, error);
  if (!path || !*path)
    return path;
  size_t used = *path == '/', rooted = used;
  for (const char *in = path + used; *in;) {
    size_t length = strcspn(in, "/");
    const char *next = in + length + (in[length] == '/');
    if (length == 0 || (length == 1 && *in == '.')) {
      in = next;
      continue;
    }
    if (length == 2 && memcmp(in, "..", 2) == 0 && used > rooted && undone(path, used)) {
      used = without_last(path, used);
    } else {
      if (used > rooted)
        path[used++] = '/';
      memmove(path + used, in, length);
      used += length;
    }
    in = next;
  }
  if (used == 0)
    path[used++] = '.';
  path[used] = 0;
  return path;
}

static bool same_file(const char *a, const char *b)
{
  struct stat one, two;
  if (stat(a, &one) != 0 || stat(b, &two) != 0)
    return strcmp(a, b) == 0; /* perhaps inside the program */
  return one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

int path_check_distinct(const char *const *paths, size_t count, struct error *error)
{
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < i; k++)
      if (same_file(paths[k], paths[i]))
        return error_set(error, EXIT_INPUT, "%s: is named twice%s%s; name it once", paths[i],
                         strcmp(paths[k], paths[i]) == 0 ? "" : ", also as ",
                         strcmp(paths[k], paths[i]) == 0 ? "" : paths[k]);
  return 0;
}

char *path_folder(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : strdup(".");
}

bool path_of_program(char path[PATH_MAX])
{
  ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
  path[length > 0 ? length : 0] = 0;
  return *path && file_exists(path);
}

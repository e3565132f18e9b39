/* Directories that outputs go to, and the disk below them. */
#define _GNU_SOURCE
#include "base/file.h"

#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* 0 or the reason as errno. */
static int make_one_directory(const char *path)
{
  if (mkdir(path, 0777) == 0)
    return 0;
  int reason = errno;
  if (file_is_directory(path))
    return 0;
  return reason == EEXIST ? ENOTDIR : reason;
}

static int directory_failed(const char *path, int reason, struct error *error)
{
  if (reason == ENOTDIR)
    return error_set(error, EXIT_INPUT,
                     "%s: directory cannot be created: a file has this name; choose another", path);
  return error_set(error, EXIT_RUN, "%s: directory cannot be created: %s",
                   *path ? path : "an empty name", error_reason(reason));
}

int file_make_directory(const char *path, struct error *error)
{
  char *copy = strdup(path);
  int reason = copy ? 0 : ENOMEM;
  for (char *p = copy; copy && *p && !reason; p++)
    if (*p == '/' && p > copy) {
      *p = 0;
      reason = make_one_directory(copy);
      if (!reason)
        *p = '/';
    }
  if (!reason)
    reason = make_one_directory(copy);
  if (reason) /* a parent that is a file is named itself */
    directory_failed(reason == ENOTDIR ? copy : path, reason, error);
  free(copy);
  return reason ? error->code : 0;
}

static size_t without_slashes(const char *path, size_t end)
{
  while (end > 1 && path[end - 1] == '/')
    end--;
  return end;
}

/* The slashes that a path ends with go, or else its last part; "." is the parent of a name alone.
 * False when there is no more. */
static bool to_parent(char *path)
{
  size_t length = strlen(path), end = without_slashes(path, length);
  if (strcmp(path, ".") == 0 || end == 0 || (end == 1 && *path == '/'))
    return false;
  if (end == length) {
    while (end > 0 && path[end - 1] != '/')
      end--;
    end = without_slashes(path, end);
  }
  if (end == 0)
    path[end++] = '.';
  path[end] = 0;
  return true;
}

/* Goes up to what is there. 0 or the reason as errno. */
static int check_directory(char *path)
{
  struct stat info;
  while (stat(path, &info) != 0) {
    int reason = errno;
    if (reason != ENOENT && reason != ENOTDIR)
      return reason;
    if (lstat(path, &info) == 0) /* a link to nothing */
      return ENOTDIR;
    if (!to_parent(path))
      return reason;
  }
  return !S_ISDIR(info.st_mode) ? ENOTDIR : access(path, W_OK | X_OK) != 0 ? errno : 0;
}

int file_check_directory(const char *path, struct error *error)
{
  char *at = *path ? strdup(path) : NULL;
  int reason = at ? check_directory(at) : *path ? ENOMEM : ENOENT;
  if (reason)
    directory_failed(reason == ENOTDIR ? at : path, reason, error);
  free(at);
  return reason ? error->code : 0;
}

int file_remove_directory(const char *path, struct error *error)
{
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  if (!directory) {
    int reason = errno;
    if (fd >= 0)
      close(fd);
    if (reason == ENOENT)
      return 0;
    return error_set(error, EXIT_RUN, "%s: cannot be removed: %s", path, error_reason(reason));
  }
  struct dirent *entry;
  while ((entry = readdir(directory)))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      (void)unlinkat(fd, entry->d_name, 0); /* rmdir reports what stays */
  closedir(directory);
  if (rmdir(path) != 0)
    return error_set(error, EXIT_RUN, "%s: cannot be removed: %s", path, error_reason(errno));
  return 0;
}

bool file_free_bytes(const char *directory, uint64_t *bytes)
{
  struct statvfs info;
  if (statvfs(directory, &info) != 0)
    return false;
  *bytes = (uint64_t)info.f_bavail * info.f_frsize;
  return true;
}

int file_check_space(const char *directory, uint64_t bytes, struct error *error)
{
  char need[32], have[32];
  uint64_t available;
  if (!file_free_bytes(directory, &available) || bytes <= available)
    return 0;
  return error_set(error, EXIT_RUN, "%s: needs %s, but only %s are free on this disk", directory,
                   text_bytes(need, sizeof need, bytes), text_bytes(have, sizeof have, available));
}

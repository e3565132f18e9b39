#define _GNU_SOURCE
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t nothing[1]; /* the data of empty files */

static int open_regular(const char *path, int *fd, size_t *size, struct error *error)
{
  struct stat info;
  /* O_NONBLOCK: opening a named pipe must not hang. */
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*fd < 0)
    return error_set(error, EXIT_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
  if (fstat(*fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(*fd);
    return error_set(error, EXIT_INPUT, "%s: not a regular file", path);
  }
  *size = (size_t)info.st_size;
  return 0;
}

int file_map(const char *path, struct blob *blob, struct error *error)
{
  int fd;
  size_t size;
  if (open_regular(path, &fd, &size, error))
    return error->code;
  *blob = (struct blob){nothing, size, size > 0};
  if (size > 0) {
    void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
      int reason = errno;
      close(fd);
      return error_set(error, EXIT_RUN, "%s: cannot be mapped: %s", path, strerror(reason));
    }
    blob->data = p;
  }
  close(fd);
  return 0;
}

int file_read(const char *path, size_t limit, struct blob *blob, struct error *error)
{
  int fd;
  size_t size, used = 0;
  if (open_regular(path, &fd, &size, error))
    return error->code;
  if (size > limit) {
    close(fd);
    return error_set(error, EXIT_INPUT, "%s: %zu bytes, more than the %zu allowed here", path, size,
                     limit);
  }
  *blob = (struct blob){nothing, 0, false};
  uint8_t *data = size ? malloc(size) : NULL;
  if (size && !data) {
    close(fd);
    return error_set(error, EXIT_RUN, "%s: out of memory for %zu bytes", path, size);
  }
  while (used < size) {
    ssize_t got = read(fd, data + used, size - used);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0) {
      int reason = got < 0 ? errno : EIO;
      free(data);
      close(fd);
      return error_set(error, EXIT_RUN, "%s: cannot be read: %s", path, strerror(reason));
    }
    used += (size_t)got;
  }
  close(fd);
  if (size)
    *blob = (struct blob){data, size, false};
  return 0;
}

void blob_free(struct blob *blob)
{
  if (blob->mapped)
    munmap((void *)(uintptr_t)blob->data, blob->size);
  else if (blob->size)
    free((void *)(uintptr_t)blob->data);
  *blob = (struct blob){0};
}

static int write_all(int fd, const void *data, size_t size)
{
  const char *p = data;
  while (size) {
    ssize_t put = write(fd, p, size);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return put < 0 ? errno : EIO;
    p += put;
    size -= (size_t)put;
  }
  return 0;
}

static int write_direct(const char *path, const void *data, size_t size, struct error *error)
{
  int standard = strcmp(path, "-") == 0;
  int fd = standard ? STDOUT_FILENO : open(path, O_WRONLY | O_CLOEXEC);
  int reason = fd < 0 ? errno : write_all(fd, data, size);
  if (fd >= 0 && !standard && close(fd) != 0 && !reason)
    reason = errno;
  if (reason)
    return error_set(error, EXIT_RUN, "%s: cannot be written: %s",
                     standard ? "standard output" : path, strerror(reason));
  return 0;
}

static void sync_directory_of(const char *path)
{
  char *copy = strdup(path);
  if (!copy)
    return;
  char *slash = strrchr(copy, '/');
  if (slash)
    slash[slash == copy ? 1 : 0] = 0;
  int fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    (void)fsync(fd); /* some file systems refuse it; the file itself is already safe */
    close(fd);
  }
  free(copy);
}

int file_write(const char *path, const void *data, size_t size, struct error *error)
{
  struct stat info;
  if (strcmp(path, "-") == 0 || (stat(path, &info) == 0 && !S_ISREG(info.st_mode)))
    return write_direct(path, data, size, error);
  const char *slash = strrchr(path, '/');
  int head = slash ? (int)(slash - path + 1) : 0;
  char *beside;
  if (asprintf(&beside, "%.*s.%s.tmp.%ld", head, path, path + head, (long)getpid()) < 0)
    return error_set(error, EXIT_RUN, "%s: out of memory", path);
  int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  int reason = fd < 0 ? errno : write_all(fd, data, size);
  if (!reason && fsync(fd) != 0)
    reason = errno;
  if (fd >= 0 && close(fd) != 0 && !reason)
    reason = errno;
  if (!reason && rename(beside, path) != 0)
    reason = errno;
  if (reason && fd >= 0)
    unlink(beside);
  free(beside);
  if (reason)
    return error_set(error, EXIT_RUN, "%s: cannot be written: %s", path, strerror(reason));
  sync_directory_of(path);
  return 0;
}

int file_check_writable(const char *path, struct error *error)
{
  struct stat info;
  const char *slash = strrchr(path, '/');
  char *directory;
  if (strcmp(path, "-") == 0)
    return 0;
  int exists = stat(path, &info) == 0;
  if (exists && S_ISDIR(info.st_mode))
    return error_set(error, EXIT_RUN, "%s: cannot be written: it is a directory", path);
  if (exists && access(path, W_OK) != 0)
    return error_set(error, EXIT_RUN, "%s: cannot be written: %s", path, strerror(errno));
  if (exists && !S_ISREG(info.st_mode))
    return 0;
  directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
  int reason = !directory ? ENOMEM : access(directory, W_OK | X_OK) != 0 ? errno : 0;
  free(directory);
  if (reason)
    return error_set(error, EXIT_RUN, "%s: cannot be written: %s", path, strerror(reason));
  return 0;
}

int file_make_directory(const char *path, struct error *error)
{
  char *copy = strdup(path);
  int failed = 0;
  if (!copy)
    return error_set(error, EXIT_RUN, "%s: out of memory", path);
  for (char *p = copy + 1; !failed; p++) {
    if (*p == '/' || *p == 0) {
      char kept = *p;
      *p = 0;
      if (mkdir(copy, 0755) != 0 && errno != EEXIST)
        failed = errno;
      *p = kept;
      if (!kept)
        break;
    }
  }
  free(copy);
  if (!failed && !file_is_directory(path))
    failed = ENOTDIR;
  if (failed)
    return error_set(error, EXIT_RUN, "%s: directory cannot be made: %s", path, strerror(failed));
  return 0;
}

int file_remove_directory(const char *path, struct error *error)
{
  DIR *directory = opendir(path);
  if (!directory) {
    if (errno == ENOENT)
      return 0;
    return error_set(error, EXIT_RUN, "%s: cannot be opened: %s", path, strerror(errno));
  }
  struct dirent *entry;
  while ((entry = readdir(directory)))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      (void)unlinkat(dirfd(directory), entry->d_name, 0); /* rmdir reports what stays */
  closedir(directory);
  if (rmdir(path) != 0)
    return error_set(error, EXIT_RUN, "%s: cannot be removed: %s", path, strerror(errno));
  return 0;
}

bool file_exists(const char *path)
{
  struct stat info;
  return stat(path, &info) == 0;
}

bool file_is_directory(const char *path)
{
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

char *file_join(const char *directory, const char *name, struct error *error)
{
  char *joined;
  size_t length = strlen(directory);
  const char *separator = length && directory[length - 1] != '/' ? "/" : "";
  if (asprintf(&joined, "%s%s%s", directory, separator, name) < 0) {
    error_set(error, EXIT_RUN, "%s: out of memory", name);
    return NULL;
  }
  return joined;
}

bool file_plain_name(const char *name)
{
  if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strlen(name) > 255)
    return false;
  for (const unsigned char *p = (const unsigned char *)name; *p; p++)
    if (*p < 0x20 || *p == 0x7F || *p == '/' || *p == '\\')
      return false;
  return true;
}

static void bus_handler(int signal_number)
{
  static const char line[] = "attest: a file in use shrank or its disk failed; put the whole file "
                             "back and run again\n";
  (void)signal_number;
  ssize_t ignored = write(STDERR_FILENO, line, sizeof line - 1);
  (void)ignored;
  _exit(EXIT_RUN);
}

void file_install_bus_handler(void)
{
  struct sigaction action = {.sa_handler = bus_handler};
  sigaction(SIGBUS, &action, NULL);
}

#define _GNU_SOURCE
#include "base/file.h"

#include "base/descriptor.h"
#include "base/embedded.h"
#include "base/file_use.h"
#include "base/temporary.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t nothing[1]; /* the data of empty files */

static int open_regular(const char *path, int *fd, struct stat *info, struct error *error)
{
  /* O_NONBLOCK: opening a named pipe must not hang. */
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*fd < 0) {
    /* A wrong path is bad input; a lack of permission or of resources is not. */
    bool absent = errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG ||
                  errno == ENXIO;
    int reason = errno;
    if (reason == ENOENT && file_use_gone(path, error))
      return error->code;
    return error_set(error, absent ? EXIT_INPUT : EXIT_RUN, "%s: cannot be opened: %s", path,
                     reason == ENOTDIR ? "part of this path is a file, not a folder"
                                       : error_reason(reason));
  }
  int reason = fstat(*fd, info) != 0 ? errno : 0;
  if (reason || !S_ISREG(info->st_mode)) {
    close(*fd);
    return reason ? error_set(error, EXIT_RUN, "%s: cannot be read: %s", path, error_reason(reason))
                  : error_set(error, EXIT_INPUT, "%s: not a regular file%s", path,
                              S_ISDIR(info->st_mode) ? ", but a folder" : "");
  }
  return 0;
}

/* A file of the program itself, which nothing can change. */
static bool is_embedded(const char *path, struct blob *blob)
{
  const struct embedded_file *file = embedded_find(path);
  if (file)
    *blob = (struct blob){file->size ? file->data : nothing, (size_t)file->size, false};
  return file != NULL;
}

int file_map(const char *path, struct blob *blob, struct error *error)
{
  int fd;
  struct stat info;
  if (is_embedded(path, blob))
    return 0;
  if (open_regular(path, &fd, &info, error))
    return error->code;
  size_t size = (size_t)info.st_size;
  *blob = (struct blob){nothing, size, size > 0};
  if (size > 0) {
    void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
      int reason = errno;
      close(fd);
      return error_set(error, EXIT_RUN, "%s: cannot be mapped: %s", path, error_reason(reason));
    }
    blob->data = p;
  }
  close(fd);
  if (file_use_begin(path, &info, blob->data, size, blob->mapped, error)) {
    if (blob->mapped)
      munmap((void *)(uintptr_t)blob->data, size);
    return error->code;
  }
  return 0;
}

static int too_large(const char *path, size_t size, size_t limit, struct error *error)
{
  return error_set(error, EXIT_INPUT, "%s: %zu bytes, more than the %zu allowed here", path, size,
                   limit);
}

int file_read(const char *path, size_t limit, struct blob *blob, struct error *error)
{
  int fd;
  struct stat info;
  if (is_embedded(path, blob))
    return blob->size > limit ? too_large(path, blob->size, limit, error) : 0;
  if (open_regular(path, &fd, &info, error))
    return error->code;
  size_t size = (size_t)info.st_size, used = 0;
  if (size > limit) {
    close(fd);
    return too_large(path, size, limit, error);
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
      const char *reason = got < 0 ? error_reason(errno) : "it shrank meanwhile";
      free(data);
      close(fd);
      return error_set(error, EXIT_RUN, "%s: cannot be read: %s", path, reason);
    }
    used += (size_t)got;
  }
  if (size)
    *blob = (struct blob){data, size, false};
  int status = file_use_begin(path, &info, blob->data, size, false, error);
  if (!status && fstat(fd, &info) == 0) /* also while it was read */
    status = file_use_begin(path, &info, blob->data, size, false, error);
  close(fd);
  if (status)
    blob_free(blob);
  return status;
}

void blob_free(struct blob *blob)
{
  if (blob->mapped) {
    file_use_end(blob->data);
    munmap((void *)(uintptr_t)blob->data, blob->size);
  } else if (blob->size && !embedded_holds(blob->data)) {
    free((void *)(uintptr_t)blob->data);
  }
  *blob = (struct blob){0};
}

static int write_standard_output(const void *data, size_t size)
{
  if (fflush(stdout) != 0) /* text printed before stays before */
    return errno;
  return descriptor_write_patiently(STDOUT_FILENO, data, size);
}

static int write_direct(const char *path, bool pipe, const void *data, size_t size)
{
  int fd = pipe ? descriptor_open_pipe(path) : open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return errno;
  int reason = pipe ? descriptor_write_patiently(fd, data, size) : descriptor_write(fd, data, size);
  if (close(fd) != 0 && !reason)
    reason = errno;
  return reason;
}

/* /dev/stdout, or the file that standard output was sent to: replacing it would lose what is
 * printed there. */
static bool is_standard_output(const struct stat *info)
{
  struct stat out;
  return fstat(STDOUT_FILENO, &out) == 0 && out.st_dev == info->st_dev &&
         out.st_ino == info->st_ino;
}

char *file_follow_links(const char *path)
{
  char *at = strdup(path);
  for (int links = 0; at; links++) {
    char target[PATH_MAX];
    ssize_t length = readlink(at, target, sizeof target - 1);
    if (length < 0)
      return at;
    target[length] = 0;
    const char *slash = strrchr(at, '/');
    int head = slash && *target != '/' ? (int)(slash - at + 1) : 0;
    char *next = NULL;
    if (links == 40)
      errno = ELOOP;
    else if (asprintf(&next, "%.*s%s", head, at, target) < 0)
      next = NULL;
    free(at);
    at = next;
  }
  return NULL;
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

/* Another name mends what is of the wrong kind, which the disk has no part in. */
static int writer_failed(const char *path, int reason, struct error *error)
{
  if (reason == EISDIR)
    return error_set(error, EXIT_INPUT, "%s: cannot be written: is a folder; name a file", path);
  if (reason == ENOTDIR)
    return error_set(error, EXIT_INPUT,
                     "%s: cannot be written: part of this path is a file, not a folder; name "
                     "another",
                     path);
  return error_set(error, EXIT_RUN, "%s: cannot be written: %s", path,
                   reason == EINTR ? "interrupted while nobody read it" : error_reason(reason));
}

int file_writer_open(const char *path, struct file_writer *writer, struct error *error)
{
  char *beside, *copy = strdup(path);
  int fd = copy ? temporary_open(path, &beside) : -1;
  if (fd < 0) {
    int reason = errno;
    free(copy);
    return writer_failed(path, reason, error);
  }
  *writer = (struct file_writer){copy, beside, fd};
  return 0;
}

int file_writer_add(struct file_writer *writer, const void *data, size_t size, struct error *error)
{
  int reason = descriptor_write(writer->fd, data, size);
  return reason ? writer_failed(writer->path, reason, error) : 0;
}

int file_writer_finish(struct file_writer *writer, struct error *error)
{
  int reason = fsync(writer->fd) != 0 ? errno : 0;
  if (close(writer->fd) != 0 && !reason)
    reason = errno;
  writer->fd = -1;
  return reason ? writer_failed(writer->path, reason, error) : 0;
}

int file_writer_publish(struct file_writer *writer, struct error *error)
{
  if (file_use_check(error) || file_use_replace(writer->path, error))
    return error->code;
  if (rename(writer->beside, writer->path) != 0)
    return writer_failed(writer->path, errno, error);
  temporary_done(writer->beside);
  sync_directory_of(writer->path);
  free(writer->beside);
  writer->beside = NULL;
  return 0;
}

void file_writer_close(struct file_writer *writer)
{
  if (writer->beside) {
    if (writer->fd >= 0)
      close(writer->fd);
    unlink(writer->beside);
    temporary_done(writer->beside);
  }
  free(writer->beside);
  free(writer->path);
  *writer = (struct file_writer){0};
}

/* `older`: the file that is there, NULL = none. */
static int replace(const char *path, const struct stat *older, const void *data, size_t size,
                   struct error *error)
{
  struct file_writer writer = {0};
  int status = file_writer_open(path, &writer, error);
  if (!status && older)
    (void)fchmod(writer.fd, older->st_mode & 0777); /* not every file system has permissions */
  if (!status)
    status = file_writer_add(&writer, data, size, error);
  if (!status)
    status = file_writer_finish(&writer, error);
  if (!status)
    status = file_writer_publish(&writer, error);
  file_writer_close(&writer);
  return status;
}

int file_write(const char *path, const void *data, size_t size, struct error *error)
{
  struct stat info;
  bool standard = strcmp(path, "-") == 0, exists = !standard && stat(path, &info) == 0;
  int reason;
  if (file_use_check(error) || (exists && file_use_replace(path, error)))
    return error->code;
  if (standard || (exists && is_standard_output(&info))) {
    reason = write_standard_output(data, size);
  } else if (exists && !S_ISREG(info.st_mode)) {
    reason = write_direct(path, S_ISFIFO(info.st_mode), data, size);
  } else {
    char *target = file_follow_links(path);
    if (!target)
      return writer_failed(path, errno, error);
    int status = replace(target, exists ? &info : NULL, data, size, error);
    free(target);
    return status;
  }
  return reason ? writer_failed(standard ? "standard output" : path, reason, error) : 0;
}

static int check_folder_of(const char *path)
{
  const char *slash = strrchr(path, '/');
  char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
  int reason = !folder ? ENOMEM : access(folder, W_OK | X_OK) != 0 ? errno : 0;
  free(folder);
  return reason;
}

int file_check_writable(const char *path, struct error *error)
{
  struct stat info;
  int reason = 0;
  if (strcmp(path, "-") == 0)
    return 0;
  bool exists = stat(path, &info) == 0;
  if (!exists && (errno != ENOENT || !*path))
    reason = errno;
  else if (exists && S_ISDIR(info.st_mode))
    reason = EISDIR;
  else if (exists && access(path, W_OK) != 0)
    reason = errno;
  if (!reason && (!exists || S_ISREG(info.st_mode))) {
    char *target = file_follow_links(path);
    reason = target ? check_folder_of(target) : errno;
    free(target);
  }
  return reason ? writer_failed(*path ? path : "an empty name", reason, error) : 0;
}

bool file_exists(const char *path)
{
  struct stat info;
  return stat(path, &info) == 0 || embedded_find(path) || embedded_is_directory(path);
}

bool file_is_directory(const char *path)
{
  struct stat info;
  return (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) || embedded_is_directory(path);
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
  for (size_t length; *name; name += length) {
    length = text_printable(name);
    if (!length || *name == '/' || *name == '\\')
      return false;
  }
  return true;
}

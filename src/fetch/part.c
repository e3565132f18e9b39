#define _GNU_SOURCE
#include "fetch/part.h"

#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)1 << 20)
#define MAX_ABOUT ((size_t)4096)

bool part_is_reserved(const char *path)
{
  return text_ends_with(path, ".part") || text_ends_with(path, ".part.json");
}

uint64_t part_size(const char *final)
{
  char path[PATH_MAX]; /* what is longer does not exist */
  struct stat info;
  int length = snprintf(path, sizeof path, "%s.part", final);
  bool there = length > 0 && (size_t)length < sizeof path && lstat(path, &info) == 0 &&
               S_ISREG(info.st_mode);
  return there ? (uint64_t)info.st_size : 0;
}

void part_remove(const char *final)
{
  static const char *const ends[] = {".part", ".part.json"};
  for (size_t i = 0; i < 2; i++) {
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s%s", final, ends[i]);
    if (length > 0 && (size_t)length < sizeof path)
      unlink(path);
  }
}

static int failed(const char *path, const char *what, struct error *error)
{
  return error_set(error, EXIT_RUN, "%s: cannot be %s: %s", path, what, error_reason(errno));
}

/* Hashes all that a descriptor still gives. */
static int digest_rest(const char *path, int fd, struct digester *digester, uint64_t *size,
                       struct error *error)
{
  uint8_t *piece = memory_alloc(PIECE, 1, path, error);
  int status = piece ? 0 : error->code;
  *size = 0;
  while (!status) {
    ssize_t got = read(fd, piece, PIECE);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      status = failed(path, "read", error);
    if (got <= 0)
      break;
    *size += (uint64_t)got;
    status = interrupt_requested() ? error_set(error, EXIT_RUN, "%s: interrupted", path)
                                   : digester_add(digester, piece, (size_t)got, error);
  }
  free(piece);
  return status;
}

int part_digest_file(const char *path, uint64_t *size, struct digest *digest, struct error *error)
{
  struct digester *digester = NULL;
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return failed(path, "opened", error);
  int status = 0;
  if (fstat(fd, &info) != 0)
    status = failed(path, "read", error);
  else if (!S_ISREG(info.st_mode))
    status = error_set(error, EXIT_RUN, "%s: not a regular file", path);
  if (!status)
    status = digester_start(&digester, error);
  if (!status)
    status = digest_rest(path, fd, digester, size, error);
  if (!status)
    status = digester_finish(digester, digest, error);
  digester_free(digester);
  close(fd);
  return status;
}

/* A part without a readable description is of a version unknown. */
static void read_about(struct part *part)
{
  struct part_version version = {0};
  struct error ignored = {0};
  json_t *object;
  const char *etag, *sha256;
  int64_t bytes;
  if (json_read_object(part->about, MAX_ABOUT, &object, &ignored))
    return;
  bool good = json_get_string(object, part->about, "etag", &etag, &ignored) == 0 &&
              json_get_string(object, part->about, "sha256", &sha256, &ignored) == 0 &&
              strlen(etag) < sizeof version.etag && strlen(sha256) < sizeof version.sha256 &&
              strpbrk(etag, "\r\n") == NULL;
  if (good) {
    version.has_bytes =
        json_get_integer(object, part->about, "bytes", 0, INT64_MAX, &bytes, &ignored) == 0;
    version.bytes = version.has_bytes ? (uint64_t)bytes : 0;
    strcpy(version.etag, etag);
    strcpy(version.sha256, sha256);
    part->version = version;
  }
  json_decref(object);
}

/* false and errno on failure. */
static bool write_all(int fd, const char *data, size_t size)
{
  while (size) {
    ssize_t put = write(fd, data, size);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return false;
    data += put;
    size -= (size_t)put;
  }
  return true;
}

/* In place: half a description does not parse, and the part is then started over. A file beside
 * would be left for ever by kill -9. */
static int write_about(const struct part *part, struct error *error)
{
  const struct part_version *version = &part->version;
  json_t *object = json_pack("{s:s, s:s}", "etag", version->etag, "sha256", version->sha256);
  if (object && version->has_bytes)
    json_put(object, "bytes", json_integer((json_int_t)version->bytes));
  struct text text = {0};
  int status = json_compact(part->about, object, &text, error);
  json_decref(object);
  int fd =
      status ? -1 : open(part->about, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (!status && (fd < 0 || !write_all(fd, text.data, text.length)))
    status = failed(part->about, "written", error);
  if (fd >= 0 && close(fd) != 0 && !status)
    status = failed(part->about, "written", error);
  text_free(&text);
  return status;
}

/* Another process may have finished and renamed the file between open and lock. */
static int lock(struct part *part, struct error *error)
{
  struct stat opened, named;
  if (flock(part->fd, LOCK_EX | LOCK_NB) != 0)
    return error_set(error, EXIT_RUN, "%s: another attest is fetching this file", part->path);
  if (fstat(part->fd, &opened) != 0)
    return failed(part->path, "read", error);
  if (lstat(part->path, &named) != 0 || opened.st_ino != named.st_ino ||
      opened.st_dev != named.st_dev)
    return error_set(error, EXIT_RUN, "%s: changed meanwhile; run the same command again",
                     part->path);
  if (!S_ISREG(opened.st_mode))
    return error_set(error, EXIT_RUN, "%s: not a regular file", part->path);
  return 0;
}

int part_open(const char *final, struct part *part, struct error *error)
{
  *part = (struct part){.fd = -1};
  part->final = strdup(final);
  if (!part->final || asprintf(&part->path, "%s.part", final) < 0 ||
      asprintf(&part->about, "%s.part.json", final) < 0)
    return error_set(error, EXIT_RUN, "%s: out of memory", final);
  part->fd = open(part->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
  if (part->fd < 0)
    return failed(part->path, "opened", error);
  if (lock(part, error) || digester_start(&part->digester, error))
    return error->code;
  read_about(part);
  return digest_rest(part->path, part->fd, part->digester, &part->size, error);
}

int part_restart(struct part *part, const struct part_version *version, struct error *error)
{
  digester_free(part->digester);
  part->digester = NULL;
  part->size = 0;
  part->version = *version;
  if (ftruncate(part->fd, 0) != 0 || lseek(part->fd, 0, SEEK_SET) != 0)
    return failed(part->path, "written", error);
  if (digester_start(&part->digester, error))
    return error->code;
  return write_about(part, error); /* after the old bytes went, before new ones come */
}

int part_add(struct part *part, const void *data, size_t size, struct error *error)
{
  if (!write_all(part->fd, data, size))
    return failed(part->path, "written", error);
  part->size += size;
  return digester_add(part->digester, data, size, error);
}

int part_finish(struct part *part, struct digest *digest, struct error *error)
{
  return digester_finish(part->digester, digest, error);
}

int part_publish(struct part *part, struct error *error)
{
  struct file_writer writer = {part->final, part->path, part->fd};
  int status = file_writer_finish(&writer, error);
  part->fd = writer.fd;
  if (!status)
    status = file_writer_publish(&writer, error);
  part->path = writer.beside; /* NULL once it has the final name */
  if (!status && unlink(part->about) != 0 && errno != ENOENT)
    status = failed(part->about, "removed", error);
  return status;
}

void part_close(struct part *part)
{
  if (part->fd >= 0)
    close(part->fd);
  digester_free(part->digester);
  free(part->final);
  free(part->path);
  free(part->about);
  *part = (struct part){.fd = -1};
}

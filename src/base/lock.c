#include "base/lock.h"

#include "base/temporary.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MARK "attest " /* what a lock file begins with */

static int open_lock(const char *path, int *fd, struct error *error)
{
  struct stat info;
  *fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (*fd < 0)
    return error_set(error, EXIT_RUN, "%s: cannot be created: %s", path, error_reason(errno));
  bool known = fstat(*fd, &info) == 0;
  int reason = errno;
  if (known && S_ISREG(info.st_mode))
    return 0;
  close(*fd);
  if (!known)
    return error_set(error, EXIT_RUN, "%s: cannot be looked at: %s", path, error_reason(reason));
  return error_set(error, EXIT_INPUT,
                   "%s: is needed as a lock, but is not a regular file; move it away", path);
}

/* What its holder wrote, without the mark: "process 12 since ...". */
static void read_holder(int fd, char text[100])
{
  char line[100] = "";
  ssize_t size = pread(fd, line, sizeof line - 1, 0);
  bool whole = size > 0 && strncmp(line, MARK, strlen(MARK)) == 0 && strchr(line, '\n');
  line[strcspn(line, "\n")] = 0;
  strcpy(text, whole ? line + strlen(MARK) : "another process");
}

static void write_holder(int fd)
{
  char line[100], since[40];
  time_t now = time(NULL);
  struct tm parts;
  if (!gmtime_r(&now, &parts) || !strftime(since, sizeof since, "%Y-%m-%d %H:%M:%S UTC", &parts))
    strcpy(since, "an unknown time");
  int length = snprintf(line, sizeof line, MARK "process %ld since %s\n", (long)getpid(), since);
  if (ftruncate(fd, 0) == 0 && pwrite(fd, line, (size_t)length, 0) != length)
    (void)ftruncate(fd, 0); /* still held, though without a name */
}

/* Nobody's data may be lost to a lock. */
static bool is_lock(int fd)
{
  char begin[sizeof MARK] = "";
  ssize_t size = pread(fd, begin, strlen(MARK), 0);
  return size == 0 || (size > 0 && strncmp(begin, MARK, (size_t)size) == 0);
}

/* Whether the name still leads to this file: who held the lock before may have removed it. */
static bool is_named(int fd, const char *path)
{
  struct stat opened, named;
  return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

static int acquire(const char *path, const char *subject, int *fd, struct error *error)
{
  char holder[100];
  for (;;) {
    if (open_lock(path, fd, error))
      return error->code;
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      read_holder(*fd, holder);
      close(*fd);
      return error_set(error, EXIT_RUN,
                       "%s: in use by %s (%s); wait until it is done, or name another place",
                       subject, holder, path);
    }
    if (is_named(*fd, path))
      break;
    close(*fd);
  }
  if (is_lock(*fd))
    return 0;
  close(*fd);
  return error_set(error, EXIT_INPUT,
                   "%s: is needed as a lock, but attest did not make it; move it away", path);
}

int lock_take(const char *path, const char *subject, struct lock *lock, struct error *error)
{
  int fd;
  char *copy = strdup(path);
  if (!copy)
    return error_set(error, EXIT_RUN, "%s: out of memory", path);
  if (acquire(path, subject, &fd, error)) {
    free(copy);
    return error->code;
  }
  write_holder(fd);
  temporary_list(copy);
  *lock = (struct lock){copy, fd};
  return 0;
}

int lock_beside(const char *file, struct lock *lock, struct error *error)
{
  struct text path = {0};
  text_add(&path, "%s.lock", file);
  int status = path.failed ? error_set(error, EXIT_RUN, "%s: out of memory", file)
                           : lock_take(path.data, file, lock, error);
  text_free(&path);
  return status;
}

void lock_release(struct lock *lock)
{
  if (!lock->path)
    return;
  if (is_named(lock->fd, lock->path))
    unlink(lock->path);
  temporary_done(lock->path);
  close(lock->fd);
  free(lock->path);
  *lock = (struct lock){0};
}

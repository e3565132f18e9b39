/* Preloaded into the program by test_io_failures: lets system calls of one name fail, counted from
 * the start of main. ATTEST_FAIL_CALL: the name. ATTEST_FAIL_ERRNO: what they fail with, 0 = half
 * of the bytes are read or written. Standard input, output and error are left alone unless
 * ATTEST_FAIL_STANDARD=1. The rest as in preload_alloc.c. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "preload.h"

enum place {
  WRITE,
  PWRITE,
  READ,
  PREAD,
  CLOSE,
  OPEN_READ,
  OPEN_WRITE,
  FSYNC,
  FTRUNCATE,
  FSTAT,
  FLOCK,
  RENAME,
  LINK,
  UNLINK,
  MKDIR,
  MMAP,
  THREAD
};
static int reason;

/* The program's next function of this name, behind this library. */
#define NEXT(result, name, ...)                                                                    \
  static result (*next)(__VA_ARGS__);                                                              \
  if (!next)                                                                                       \
  *(void **)&next = dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void)
{
  reason = (int)preload_number("ATTEST_FAIL_ERRNO");
  preload_begin();
}

__attribute__((destructor)) static void end(void)
{
  preload_end();
}

static bool fails(enum place place, const char *name)
{
  if (!preload_hit(place, name))
    return false;
  errno = reason;
  return true;
}

static bool counts(int fd)
{
  return fd > STDERR_FILENO || (fd == STDOUT_FILENO && getenv("ATTEST_FAIL_STANDARD"));
}

static size_t half(size_t size)
{
  return size > 1 ? size / 2 : size;
}

ssize_t write(int fd, const void *data, size_t size)
{
  NEXT(ssize_t, "write", int, const void *, size_t);
  if (!counts(fd) || !fails(WRITE, "write"))
    return next(fd, data, size);
  return reason ? -1 : next(fd, data, half(size));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
  NEXT(ssize_t, "pwrite", int, const void *, size_t, off_t);
  if (!fails(PWRITE, "pwrite"))
    return next(fd, data, size, at);
  return reason ? -1 : next(fd, data, half(size), at);
}

ssize_t read(int fd, void *data, size_t size)
{
  NEXT(ssize_t, "read", int, void *, size_t);
  if (!counts(fd) || !fails(READ, "read"))
    return next(fd, data, size);
  return reason ? -1 : next(fd, data, half(size));
}

ssize_t pread(int fd, void *data, size_t size, off_t at)
{
  NEXT(ssize_t, "pread", int, void *, size_t, off_t);
  if (!fails(PREAD, "pread"))
    return next(fd, data, size, at);
  return reason ? -1 : next(fd, data, half(size), at);
}

/* The descriptor is closed all the same, as Linux does. */
int close(int fd)
{
  NEXT(int, "close", int);
  bool failed = counts(fd) && fails(CLOSE, "close");
  int status = next(fd);
  if (!failed)
    return status;
  errno = reason;
  return -1;
}

int open(const char *path, int flags, ...)
{
  NEXT(int, "open", const char *, int, ...);
  mode_t mode = 0;
  if (flags & (O_CREAT | __O_TMPFILE)) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  bool failed = flags & O_ACCMODE ? fails(OPEN_WRITE, "open-write") : fails(OPEN_READ, "open-read");
  return failed ? -1 : next(path, flags, mode);
}

int fsync(int fd)
{
  NEXT(int, "fsync", int);
  return fails(FSYNC, "fsync") ? -1 : next(fd);
}

int ftruncate(int fd, off_t size)
{
  NEXT(int, "ftruncate", int, off_t);
  return fails(FTRUNCATE, "ftruncate") ? -1 : next(fd, size);
}

int fstat(int fd, struct stat *info)
{
  NEXT(int, "fstat", int, struct stat *);
  return fails(FSTAT, "fstat") ? -1 : next(fd, info);
}

int flock(int fd, int operation)
{
  NEXT(int, "flock", int, int);
  return fails(FLOCK, "flock") ? -1 : next(fd, operation);
}

int rename(const char *from, const char *to)
{
  NEXT(int, "rename", const char *, const char *);
  return fails(RENAME, "rename") ? -1 : next(from, to);
}

int link(const char *from, const char *to)
{
  NEXT(int, "link", const char *, const char *);
  return fails(LINK, "link") ? -1 : next(from, to);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
  NEXT(int, "linkat", int, const char *, int, const char *, int);
  return fails(LINK, "link") ? -1 : next(from_fd, from, to_fd, to, flags);
}

int unlink(const char *path)
{
  NEXT(int, "unlink", const char *);
  return fails(UNLINK, "unlink") ? -1 : next(path);
}

int mkdir(const char *path, mode_t mode)
{
  NEXT(int, "mkdir", const char *, mode_t);
  return fails(MKDIR, "mkdir") ? -1 : next(path, mode);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t at)
{
  NEXT(void *, "mmap", void *, size_t, int, int, int, off_t);
  return fails(MMAP, "mmap") ? MAP_FAILED : next(address, size, protection, flags, fd, at);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
  NEXT(int, "pthread_create", pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  return fails(THREAD, "pthread_create") ? reason : next(thread, attributes, start, argument);
}

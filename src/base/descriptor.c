#define _GNU_SOURCE
#include "base/descriptor.h"

#include "base/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 50 /* between two looks whether to stop */

int descriptor_write(int fd, const void *data, size_t size)
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

/* A pipe that is ready takes PIPE_BUF bytes at once and without blocking. */
int descriptor_write_patiently(int fd, const void *data, size_t size)
{
  const char *p = data;
  while (size) {
    struct pollfd ready = {fd, POLLOUT, 0};
    size_t piece = size < PIPE_BUF ? size : PIPE_BUF;
    int reason = poll(&ready, 1, WAIT_MS) > 0 ? descriptor_write(fd, p, piece) : EAGAIN;
    if (reason == EAGAIN && interrupt_requested())
      return EINTR;
    if (reason && reason != EAGAIN)
      return reason;
    p += reason ? 0 : piece;
    size -= reason ? 0 : piece;
  }
  return 0;
}

int descriptor_open_pipe(const char *path)
{
  const struct timespec wait = {0, WAIT_MS * 1000000L};
  for (;;) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 || errno != ENXIO) /* ENXIO: nobody reads it yet */
      return fd;
    if (interrupt_requested()) {
      errno = EINTR;
      return -1;
    }
    nanosleep(&wait, NULL);
  }
}

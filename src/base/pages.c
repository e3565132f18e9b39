#include "base/pages.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* `inside`: only pages that hold nothing else. */
static void advise(const void *data, size_t bytes, int advice, bool inside)
{
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t from = (uintptr_t)data, to = from + bytes;
  from = inside ? (from + page - 1) / page * page : from / page * page;
  to = inside ? to / page * page : (to + page - 1) / page * page;
  if (from < to)
    (void)madvise((void *)from, to - from, advice); /* advice: a failure changes nothing */
}

void pages_read_ahead(const void *data, size_t bytes)
{
  advise(data, bytes, MADV_WILLNEED, false);
}

void pages_drop(const void *data, size_t bytes)
{
  advise(data, bytes, MADV_DONTNEED, true);
}

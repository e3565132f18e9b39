#include "checkpoint/pages.h"

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

void pages_drop(const void *data, size_t bytes)
{
  advise(data, bytes, MADV_DONTNEED, true);
}

void tensor_fetch(const struct tensor *tensor)
{
  if (tensor && tensor->mapped)
    advise(tensor->data, tensor->bytes, MADV_WILLNEED, false);
}

void tensor_drop(const struct tensor *tensor)
{
  if (tensor && tensor->mapped)
    pages_drop(tensor->data, tensor->bytes);
}

void tensor_drop_part(const struct tensor *tensor, uint64_t first, uint64_t count)
{
  size_t size = dtype_size(tensor->dtype);
  if (tensor->mapped)
    pages_drop((const char *)tensor->data + first * size, (size_t)count * size);
}

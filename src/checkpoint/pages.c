#include "checkpoint/pages.h"

#include <sys/mman.h>
#include <unistd.h>

/* `inside`: only pages that belong to the tensor alone. */
static void advise(const struct tensor *tensor, int advice, bool inside)
{
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t from = (uintptr_t)tensor->data, to = from + tensor->bytes;
  from = inside ? (from + page - 1) / page * page : from / page * page;
  to = inside ? to / page * page : (to + page - 1) / page * page;
  if (from < to)
    (void)madvise((void *)from, to - from, advice); /* advice: a failure changes nothing */
}

void tensor_fetch(const struct tensor *tensor)
{
  if (tensor && tensor->mapped)
    advise(tensor, MADV_WILLNEED, false);
}

void tensor_drop(const struct tensor *tensor)
{
  if (tensor && tensor->mapped)
    advise(tensor, MADV_DONTNEED, true);
}

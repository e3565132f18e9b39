/* Preloaded into the program by test_allocations: lets allocations fail, counted from the start of
 * main. ATTEST_FAIL_CALL=allocation, ATTEST_FAIL_AT=K: the Kth alone; with ATTEST_FAIL_ON=1 all
 * that follow, too. ATTEST_FAIL_COUNT=FILE: names and numbers of calls are written there at the
 * end. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "preload.h"

/* The names under which glibc keeps its own beside those that are replaced here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

__attribute__((constructor)) static void begin(void)
{
  preload_begin();
}

__attribute__((destructor)) static void end(void)
{
  preload_end();
}

static bool fails(void)
{
  if (!preload_hit(0, "allocation"))
    return false;
  errno = ENOMEM;
  return true;
}

void *malloc(size_t size)
{
  return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
  return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
  return fails() ? NULL : __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
  return fails() ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
  return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
  void *made = memalign(alignment, size);
  if (!made)
    return ENOMEM;
  *out = made;
  return 0;
}

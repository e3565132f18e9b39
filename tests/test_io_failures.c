/* Disks and systems that fail at any place: every command, one failed call at a time. */
#include "failing.h"
#include "support.h"

#include <errno.h>

#define RUNS 1 /* of a job and a kind; ATTEST_FAILURES says otherwise, 0 = every call */

/* What can fail, with what, and what the line must then say. */
static const struct failing_kind kinds[] = {
    {.call = "write", .reason = ENOSPC, .words = "the disk is full"},
    {.call = "write", .reason = EIO, .words = "Input/output error"},
    {.call = "write", .reason = EDQUOT, .words = "the disk quota is used up"},
    {.call = "write", .reason = EINTR, .harmless = true, .alone = true},
    {.call = "write", .reason = 0, .harmless = true},
    {.call = "read", .reason = EIO, .words = "Input/output error"},
    {.call = "read", .reason = EINTR, .harmless = true, .alone = true},
    {.call = "read", .reason = 0, .harmless = true},
    {.call = "fsync", .reason = EIO, .words = "Input/output error"},
    {.call = "fsync", .reason = EDQUOT, .words = "the disk quota is used up"},
    {.call = "close", .reason = EDQUOT, .words = "the disk quota is used up"},
    {.call = "rename", .reason = EIO, .words = "Input/output error"},
    {.call = "open-write", .reason = ENOSPC, .words = "the disk is full"},
    {.call = "open-read", .reason = EMFILE, .words = "Too many open files"},
    {.call = "mkdir", .reason = ENOSPC, .words = "the disk is full"},
    {.call = "ftruncate", .reason = EIO, .words = "Input/output error"},
    {.call = "fstat", .reason = EIO, .words = "Input/output error"},
    {.call = "unlink", .reason = EIO, .words = "Input/output error"},
    {.call = "link", .reason = EIO, .words = "Input/output error"},
    {.call = "mmap", .reason = ENOMEM, .words = "out of memory"},
    {.call = "pthread_create", .reason = EAGAIN},
};

static void test_each_call(void **state)
{
  failing_run(*state, "preload_io.so", kinds, sizeof kinds / sizeof *kinds, RUNS);
}

int main(void)
{
  struct CMUnitTest tests[64];
  const char *hindrance = failing_hindrance(false);
  if (hindrance) {
    print_message("calls are not made to fail: %s\n", hindrance);
    return 0;
  }
  for (size_t i = 0; i < failing_job_count; i++)
    tests[i] = (struct CMUnitTest){failing_jobs[i].line, test_each_call, NULL, NULL,
                                   (void *)(uintptr_t)&failing_jobs[i]};
  return _cmocka_run_group_tests("io_failures", tests, failing_job_count, failing_setup,
                                 failing_teardown);
}

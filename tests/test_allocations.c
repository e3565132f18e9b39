/* Memory that runs out at any place: every command, one failed allocation at a time. */
#include "failing.h"
#include "support.h"

#include <errno.h>

#define RUNS 16 /* of a job; ATTEST_FAILURES says otherwise, 0 = every allocation */

static void test_each_allocation(void **state)
{
  static const struct failing_kind kind = {
      .call = "allocation", .reason = ENOMEM, .words = "out of memory"};
  failing_run(*state, "preload_alloc.so", &kind, 1, RUNS);
}

int main(void)
{
  struct CMUnitTest tests[64];
  const char *hindrance = failing_hindrance(true);
  if (hindrance) {
    print_message("allocations are not made to fail: %s\n", hindrance);
    return 0;
  }
  for (size_t i = 0; i < failing_job_count; i++)
    tests[i] = (struct CMUnitTest){failing_jobs[i].line, test_each_allocation, NULL, NULL,
                                   (void *)(uintptr_t)&failing_jobs[i]};
  return _cmocka_run_group_tests("allocations", tests, failing_job_count, failing_setup,
                                 failing_teardown);
}

/* The pool of threads and checked memory. */
#define _GNU_SOURCE
#include "support.h"

#include "base/memory.h"
#include "base/threads.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct tally {
  atomic_int seen[1000];
  atomic_int workers[8];
};

static void count_task(void *context, size_t index, int worker)
{
  struct tally *tally = context;
  atomic_fetch_add(&tally->seen[index], 1);
  atomic_fetch_add(&tally->workers[worker], 1);
}

/* Rounds of every size on one pool: each index exactly once, and only workers that exist. */
static void test_threads(void **state)
{
  (void)state;
  for (int count = 1; count <= 5; count++) {
    struct error error = {0};
    struct threads *pool;
    struct tally *tally = calloc(1, sizeof *tally);
    assert_non_null(tally);
    assert_int_equal(threads_start(count, &pool, &error), 0);
    assert_int_equal(threads_count(pool), count);
    for (size_t round = 0; round < 3000; round++) {
      size_t tasks = round % 100 == 99 ? 1000 : round % 9; /* often fewer than threads, or none */
      threads_run(pool, tasks, count_task, tally);
      for (size_t i = 0; i < 1000; i++)
        assert_int_equal(atomic_exchange(&tally->seen[i], 0), i < tasks ? 1 : 0);
    }
    for (int worker = count; worker < 8; worker++)
      assert_int_equal(atomic_load(&tally->workers[worker]), 0);
    threads_stop(pool);
    free(tally);
  }
  threads_stop(NULL);
}

static double cpu_seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void sleep_task(void *context, size_t index, int worker)
{
  (void)context;
  (void)index;
  (void)worker;
  usleep(200000);
}

/* Neither threads without work nor a caller that waits for the last task burn time. */
static void test_idle_threads_sleep(void **state)
{
  struct error error = {0};
  struct threads *pool;
  (void)state;
  assert_int_equal(threads_start(0, &pool, &error), 0);
  assert_true(threads_count(pool) >= 1);
  threads_stop(pool);
  assert_int_equal(threads_start(8, &pool, &error), 0);
  double start = cpu_seconds();
  usleep(200000);
  threads_run(pool, 2, sleep_task, NULL);
  assert_true(cpu_seconds() - start < 0.2);
  threads_stop(pool);
}

static void test_memory(void **state)
{
  static const size_t sizes[] = {0, 1, 63, 64, 100000, (size_t)2 << 20, ((size_t)5 << 20) + 1};
  struct error error = {0};
  (void)state;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    unsigned char *p = memory_zeroed(sizes[i], 1, "test", &error);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % (sizes[i] >= (size_t)2 << 20 ? (size_t)2 << 20 : 64), 0);
    for (size_t at = 0; at < sizes[i]; at++)
      assert_int_equal(p[at], 0);
    free(p);
  }
  assert_null(memory_alloc(SIZE_MAX / 8 + 2, 8, "weights", &error));
  support_assert_error(&error, EXIT_RUN, "weights: ");
  assert_null(memory_alloc(SIZE_MAX, 1, "weights", &error));
  assert_null(memory_zeroed(SIZE_MAX / 4, 3, "weights", &error));
  assert_true(memory_available() > 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_threads),
      cmocka_unit_test(test_idle_threads_sleep),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

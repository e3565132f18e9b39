/* kill -9 at twenty moments of a fetch: what is there is right, and the end is reached. */
#define _GNU_SOURCE
#include "fetching.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILLS 20
#define MOST_ROUNDS 100 /* some end before they are killed */

extern char **environ;
static struct server server;

static pid_t start(const char *manifest, const char *to)
{
  char line[2048];
  const char *words[64];
  pid_t child;
  snprintf(line, sizeof line, "fetch %s --to %s --base http://127.0.0.1:%d --retry-wait 1 --quiet",
           manifest, to, server.port);
  workshop_words(line, words);
  assert_false(support_emulated());
  assert_int_equal(posix_spawn(&child, words[0], NULL, NULL, (char **)(uintptr_t)words, environ),
                   0);
  return child;
}

/* Kills the child once the server has served this many bytes more; false if it ended before, which
 * it may also do between the last look and the kill. */
static bool kill_after(pid_t child, int64_t bytes)
{
  int64_t target = server.shared->served + bytes;
  int status;
  while (server.shared->served < target) {
    if (waitpid(child, &status, WNOHANG) == child) {
      assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
      return false;
    }
    nanosleep(&(struct timespec){0, 200000}, NULL);
  }
  kill(child, SIGKILL);
  assert_int_equal(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status))
    return WTERMSIG(status) == SIGKILL;
  assert_int_equal(WEXITSTATUS(status), 0);
  return false;
}

static void check_all(const char *const *names, const char *to, bool must_exist)
{
  for (const char *const *name = names; *name; name++)
    fetching_check(to, *name, 0, must_exist);
}

/* A fetch that reached its end starts over, so that every round has something to kill. */
static void survive(const char *const *names, enum pins pins, const char *to)
{
  const char *manifest = fetching_manifest(names, pins);
  uint32_t random = 12345;
  int kills = 0;
  for (int round = 0; kills < KILLS; round++) {
    assert_true(round < MOST_ROUNDS);
    random = random * 1664525u + 1013904223u;
    bool killed = kill_after(start(manifest, to), 16384 + (random >> 8) % 80000);
    check_all(names, to, !killed);
    kills += killed;
    if (!killed)
      workshop_shell("rm -rf %s", to);
  }
  server.shared->slow = 0;
  free(workshop_run(0, "fetch %s --to %s --base http://127.0.0.1:%d --quiet", manifest, to,
                    server.port));
  check_all(names, to, true);
  workshop_shell("test -z \"$(find %s -name '*.part*')\"", to);
}

/* ^C: exit code 3, the part stays, the same command resumes. */
static void test_interrupts_leave_parts(void **state)
{
  static const char *const names[] = {"i", NULL};
  const char *to = workshop_path("interrupted"), *manifest = fetching_manifest(names, PINNED);
  int status, ranges = server.shared->ranges;
  (void)state;
  server.shared->slow = 20000;
  int64_t target = server.shared->served + 50000;
  pid_t child = start(manifest, to);
  while (server.shared->served < target)
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  kill(child, SIGINT);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 3);
  workshop_shell("test -s %s/r/i.part", to);
  server.shared->slow = 0;
  free(workshop_run(0, "fetch %s --to %s --base http://127.0.0.1:%d --quiet", manifest, to,
                    server.port));
  assert_int_equal(server.shared->ranges, ranges + 1);
  fetching_check(to, "i", 0, true);
}

static void test_pinned_files_survive(void **state)
{
  static const char *const names[] = {"a", "b", "c", "d", NULL};
  (void)state;
  server.shared->slow = 1000;
  survive(names, PINNED, workshop_path("pinned"));
  assert_true(server.shared->ranges > 0);
}

static void test_unpinned_files_survive(void **state)
{
  static const char *const names[] = {"a", "b", "c", "d", NULL};
  (void)state;
  server.shared->slow = 1000;
  survive(names, UNPINNED, workshop_path("unpinned"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_interrupts_leave_parts),
      cmocka_unit_test(test_pinned_files_survive),
      cmocka_unit_test(test_unpinned_files_survive),
  };
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  unsetenv("ALL_PROXY");
  if (support_emulated())
    return 0; /* the child is the emulator: its start takes longer than the fetch */
  server_start(&server);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  server_stop(&server);
  return failed;
}

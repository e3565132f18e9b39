/* Trying again: what is said meanwhile and where, how it ends, and the same for sizes alone. */
#define _GNU_SOURCE
#include "misbehaving.h"

#include "base/progress.h"

#include <fcntl.h>
#include <pty.h>
#include <spawn.h>
#include <sys/wait.h>

#define LOUD "fetch %s --to %s --base http://127.0.0.1:%d --retry-wait 1 --stall-seconds 2 "

extern char **environ;

/* Runs a line about a file; what was said on standard error, free(). */
static char *listen_to(int code, const char *name, const char *base, const char *more)
{
  char line[2048], *err;
  clear();
  snprintf(line, sizeof line, "fetch %s --to %s --retry-wait 1 --base %s %s", one(name, UNPINNED),
           to, base, more);
  int got = workshop_start(line, NULL, &err);
  if (got != code)
    fail_msg("%s: exit code %d: %s", line, got, err);
  return err;
}

static const char *hub(void)
{
  static char base[64];
  snprintf(base, sizeof base, "http://127.0.0.1:%d", server.port);
  return base;
}

static size_t lines_of(const char *text)
{
  size_t lines = 0;
  for (; *text; text++)
    lines += *text == '\n';
  return lines;
}

/* One line a failure: the address, the reason, the wait. */
static void test_waits_are_said(void **state)
{
  char line[256];
  (void)state;
  char *err = listen_to(EXIT_HELD, "recovers-1", hub(), "");
  snprintf(line, sizeof line,
           "%s/some-one/the-model/resolve/main/recovers-1: HTTP status 503; trying again in "
           "0.001 s (1 of 5)\n",
           hub());
  assert_int_equal(strncmp(err, line, strlen(line)), 0);
  workshop_contains(err, "HTTP status 503; trying again in 0.002 s (2 of 5)\n");
  assert_int_equal(lines_of(err), 2);
  free(err);
  err = listen_to(EXIT_HELD, "busy", hub(), "");
  workshop_contains(err, "busy: HTTP status 429; trying again in 1 s (1 of 5)\n");
  free(err);
  err = listen_to(EXIT_HELD, "recovers-2", hub(), "--quiet");
  assert_string_equal(err, "");
  free(err);
}

static void test_failures_say_how_often(void **state)
{
  (void)state;
  char *err = listen_to(EXIT_RUN, "plain", "http://127.0.0.1:1", "--retries 1");
  workshop_contains(err, "onnect");
  workshop_contains(err, "; trying again in 0.001 s (1 of 1)\nattest: ");
  workshop_contains(err, "; given up after 2 tries\n");
  free(err);
  err = listen_to(EXIT_RUN, "plain", "http://127.0.0.1:1", "--retries 0");
  assert_null(strstr(err, "tries"));
  assert_int_equal(lines_of(err), 1);
  free(err);
}

static void test_wrong_bytes_are_said(void **state)
{
  char line[2048], *err;
  (void)state;
  clear();
  snprintf(line, sizeof line, LOUD, one("wrong-once", PINNED), to, server.port);
  assert_int_equal(workshop_start(line, NULL, &err), EXIT_HELD);
  workshop_contains(err, "wrong-once: SHA-256 is ");
  workshop_contains(err, "; fetching it once more\n");
  assert_int_equal(lines_of(err), 1);
  free(err);
}

/* All that a terminal is sent on standard error by the program with the words of a line; `side` is
 * the program's end of it. */
static void watch(char *line, int terminal, int side, char *seen, size_t capacity)
{
  const char *words[64];
  int status;
  size_t used = 0;
  ssize_t size;
  pid_t child;
  posix_spawn_file_actions_t actions;
  workshop_words(line, words);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, side, 2);
  posix_spawn_file_actions_addclose(&actions, terminal);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  assert_int_equal(
      posix_spawn(&child, words[0], &actions, NULL, (char **)(uintptr_t)words, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(side);
  while (used + 1 < capacity &&
         (size = read(terminal, seen + used, capacity - used - 1)) > 0) /* an error at its end */
    used += (size_t)size;
  seen[used] = 0;
  close(terminal);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_HELD);
}

/* The bar is cleared away before a line, and drawn again after it. */
static void test_lines_and_bars_on_a_terminal(void **state)
{
  static char seen[65536];
  char line[2048];
  int terminal, side;
  (void)state;
  if (openpty(&terminal, &side, NULL, NULL, NULL) != 0) {
    print_message("skipped: there are no pseudo-terminals (/dev/pts) here\n");
    skip();
  }
  clear();
  snprintf(line, sizeof line, LOUD, one("cut", PINNED), to, server.port);
  server.shared->slow = 60000;
  watch(line, terminal, side, seen, sizeof seen);
  server.shared->slow = 0;
  const char *bar = strstr(seen, "\rfetch ["), *notice = strstr(seen, "http://");
  assert_true(bar && notice && bar < notice);
  assert_true(strstr(notice, "\rfetch [") != NULL);
  size_t notices = 0;
  for (; notice; notice = strstr(notice + 1, "http://"), notices++) {
    const char *end = strstr(notice, " of 5)\r\n");
    assert_true(notice[-1] == '\n' || memcmp(notice - 4, "\r\033[K", 4) == 0);
    assert_true(end && memchr(notice, '\r', (size_t)(end - notice)) == NULL);
  }
  assert_int_equal(notices, 2);
}

/* Ends after --stall-seconds, not after all time. */
static void test_servers_that_never_answer(void **state)
{
  static const char *const more[] = {"--retries 0", "--retries 0 --dry-run"};
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    double start = progress_clock();
    free(workshop_refuse(EXIT_RUN, "resolve/main/silent: Operation too slow", LINE "%s",
                         one("silent", UNPINNED), to, server.port, more[i]));
    double took = progress_clock() - start;
    assert_true(took > 1.5 && took < 20);
  }
}

static void test_sizes_are_asked_again(void **state)
{
  (void)state;
  int requests = server.shared->requests;
  char *out =
      workshop_run(EXIT_HELD, LOUD "--dry-run", one("recovers-3", UNPINNED), to, server.port);
  assert_int_equal(server.shared->requests, requests + 3);
  workshop_contains(out, "main/recovers-3  293.0 KiB");
  free(out);
  char *err =
      workshop_refuse(EXIT_RUN, "status-500: HTTP status 500; given up after 3 tries",
                      LINE "--dry-run --retries 2", one("status-500", UNPINNED), to, server.port);
  assert_int_equal(server.shared->requests, requests + 6);
  free(err);
}

/* The hub told the size: where it leads to is not asked. */
static void test_sizes_by_the_hub(void **state)
{
  (void)state;
  int requests = server.shared->requests;
  char *out = workshop_run(EXIT_HELD, LINE "--dry-run --json -", one("hub-size", UNPINNED), to,
                           server.port);
  assert_int_equal(server.shared->requests, requests + 1);
  workshop_contains(out, "300000");
  free(out);
}

/* A file without a size is one line; the others have theirs. */
static void test_one_size_of_three(void **state)
{
  static const char *const names[] = {"a", "page-404", "z", NULL};
  char line[2048], *out, *err;
  (void)state;
  snprintf(line, sizeof line, LOUD "--dry-run", fetching_manifest(names, UNPINNED), to,
           server.port);
  assert_int_equal(workshop_start(line, &out, &err), EXIT_INPUT);
  workshop_contains(out, "main/a  293.0 KiB");
  workshop_contains(out, "main/page-404  unknown");
  workshop_contains(out, "main/z  293.0 KiB");
  workshop_contains(err, "resolve/main/page-404: not on the server");
  assert_int_equal(lines_of(err), 1);
  free(out);
  free(err);
}

int main(void)
{
  const struct CMUnitTest few[] = {cmocka_unit_test(test_sizes_by_the_hub)};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_waits_are_said),
      cmocka_unit_test(test_failures_say_how_often),
      cmocka_unit_test(test_wrong_bytes_are_said),
      cmocka_unit_test(test_lines_and_bars_on_a_terminal),
      cmocka_unit_test(test_servers_that_never_answer),
      cmocka_unit_test(test_sizes_are_asked_again),
      cmocka_unit_test(test_sizes_by_the_hub),
      cmocka_unit_test(test_one_size_of_three),
  };
  misbehaving_start();
  int failed = support_run_tests(tests, few);
  server_stop(&server);
  return failed;
}

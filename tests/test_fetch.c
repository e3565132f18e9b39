/* Fetching from a server that misbehaves in every way: what comes is right or is not there, and
 * each failure is one clear line. */
#define _GNU_SOURCE
#include "misbehaving.h"

#include "base/error.h"

#define ZEROS "00000000000000000000000000000000"

static void test_whole_files_come_once(void **state)
{
  (void)state;
  succeed("plain", PINNED, "");
  int requests = server.shared->requests;
  free(workshop_run(EXIT_HELD, LINE, one("plain", PINNED), to, server.port));
  assert_int_equal(server.shared->requests, requests); /* it is there and right */
  workshop_contains((const char *)(uintptr_t)server.shared->last,
                    "GET /some-one/the-model/resolve/main/plain HTTP/1.1");
  succeed("plain", UNPINNED, "");
  char *out = workshop_run(EXIT_HELD, "fetch %s --to %s --base http://127.0.0.1:%d",
                           one("plain", UNPINNED), to, server.port);
  workshop_contains(out, "UNPINNED main/plain");
  free(out);
  succeed("a b#c%d?e", PINNED, ""); /* percent-encoded */
}

static void test_wrong_files_stay_unless_replaced(void **state)
{
  char path[600];
  (void)state;
  succeed("plain", PINNED, "");
  snprintf(path, sizeof path, "%s/r/plain", to);
  support_write(path, "mine", 4);
  free(workshop_refuse(EXIT_CHECK, "--replace", LINE, one("plain", PINNED), to, server.port));
  size_t size;
  char *data = support_read(path, &size);
  assert_string_equal(data, "mine");
  free(data);
  free(workshop_run(EXIT_HELD, LINE "--replace", one("plain", PINNED), to, server.port));
  fetching_check(to, "plain", 0, true);
}

static void test_broken_connections_go_on(void **state)
{
  (void)state;
  int ranges = server.shared->ranges;
  succeed("cut", PINNED, "");
  assert_int_equal(server.shared->ranges, ranges + 2); /* 100000 bytes at a time */
  succeed("cut", UNPINNED, "");
  ranges = server.shared->ranges;
  succeed("no-tag", UNPINNED, ""); /* nothing tells that the rest is of the same file */
  succeed("weak", UNPINNED, "");
  assert_int_equal(server.shared->ranges, ranges);
  succeed("no-tag-pinned", PINNED, ""); /* but digests do */
  assert_int_equal(server.shared->ranges, ranges + 1);
  fail_with(EXIT_RUN, "cut", "cut", PINNED, "--retries 1");
  free(workshop_run(EXIT_HELD, LINE, one("cut", PINNED), to, server.port));
}

static void test_another_version_is_never_mixed_in(void **state)
{
  (void)state;
  clear();
  free(workshop_refuse(EXIT_RUN, "cut", LINE "--retries 0", one("cut", UNPINNED), to, server.port));
  server.shared->version = 1;
  int ranges = server.shared->ranges;
  free(workshop_run(EXIT_HELD, LINE, one("cut", UNPINNED), to, server.port));
  assert_true(server.shared->ranges > ranges);
  fetching_check(to, "cut", 1, true);
  fail_with(EXIT_CHECK, "SHA-256", "plain", PINNED, "");
  server.shared->version = 0;
}

/* A rest without ETag may be of any version; only a digest tells. */
static void test_a_rest_without_tag_is_not_believed(void **state)
{
  (void)state;
  int requests = server.shared->requests;
  clear();
  free(workshop_run(EXIT_HELD, LINE, one("mixes", UNPINNED), to, server.port));
  fetching_check(to, "mixes", 1, true);
  assert_int_equal(server.shared->requests, requests + 3); /* cut, another rest, whole */
}

/* What is announced is held against the pins: a wrong file is not fetched. */
static void test_announced_sizes(void **state)
{
  (void)state;
  int requests = server.shared->requests;
  fail_with(EXIT_CHECK, "300001 bytes instead of 300000", "longer", PINNED, "");
  fail_with(EXIT_CHECK, "299999 bytes instead of 300000", "shorter", PINNED, "");
  assert_int_equal(server.shared->requests, requests + 2);
  workshop_shell("test -z \"$(find %s -type f)\"", to);
}

static void test_wrong_bytes_are_fetched_once_more(void **state)
{
  (void)state;
  int requests = server.shared->requests;
  fail_with(EXIT_CHECK, "SHA-256", "wrong", PINNED, "");
  assert_int_equal(server.shared->requests, requests + 2);
  succeed("wrong-once", PINNED, "");
  succeed("wrong-range", PINNED, "");
  fail_with(EXIT_CHECK, "more than", "endless", PINNED, "");
  fail_with(EXIT_RUN, "does not say how long", "endless", UNPINNED, "");
  fail_with(EXIT_RUN, "compresses", "compressed", PINNED, "");
}

static void test_statuses(void **state)
{
  (void)state;
  fail_with(EXIT_RUN, ".netrc", "status-401", PINNED, "");
  fail_with(EXIT_RUN, ".netrc", "status-403", PINNED, "");
  fail_with(EXIT_INPUT, "resolve/main/status-404", "status-404", PINNED, "");
  int requests = server.shared->requests;
  fail_with(EXIT_RUN, "HTTP status 500", "status-500", PINNED, "--retries 3");
  assert_int_equal(server.shared->requests, requests + 4);
  succeed("recovers", PINNED, "");
  succeed("busy", PINNED, "");
}

static void test_redirects(void **state)
{
  (void)state;
  succeed("relative", PINNED, "");
  fail_with(EXIT_RUN, "redirects", "loop", PINNED, "");
  fail_with(EXIT_RUN, "file:///etc/passwd, which is not followed", "file-scheme", PINNED, "");
}

static void test_servers_that_never_end(void **state)
{
  (void)state;
  fail_with(EXIT_RUN, "headers without end", "headers", PINNED, "--retries 0");
  fail_with(EXIT_RUN, "a header line without end", "long-header", PINNED, "--retries 0");
  fail_with(EXIT_RUN, "headers without end", "continue", PINNED, "--retries 0");
  fail_with(EXIT_RUN, "noise", "noise", PINNED, "--retries 0");
  fail_with(EXIT_RUN, "stall", "stall", PINNED, "--retries 0");
}

/* The SHA-256 that a hub gives is held against the pins before, and without pins after. */
static void test_what_the_hub_says(void **state)
{
  (void)state;
  int requests = server.shared->requests;
  fail_with(EXIT_CHECK, ZEROS, "hub-lies", PINNED, "");
  assert_int_equal(server.shared->requests, requests + 2); /* the hub and where it leads, once */
  fail_with(EXIT_CHECK, "the server promised " ZEROS, "hub-lies", UNPINNED, "");
}

/* A password goes to the host it is for and to no other. */
static void test_credentials(void **state)
{
  char *home = strdup(getenv("HOME") ? getenv("HOME") : "/");
  (void)state;
  const char *netrc = workshop_path(".netrc");
  support_write(netrc, "machine 127.0.0.1 login me password secret\n", 43);
  setenv("HOME", support_directory(), 1);
  int before = server.shared->authorized;
  succeed("plain", PINNED, "");
  assert_int_equal(server.shared->authorized, before + 1);
  succeed("elsewhere", PINNED, "");
  assert_int_equal(server.shared->authorized, before + 2); /* the first of two requests */
  unlink(netrc);
  setenv("HOME", home, 1);
  free(home);
}

static void test_proxies(void **state)
{
  char proxy[64];
  (void)state;
  snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server.port);
  setenv("http_proxy", proxy, 1);
  clear();
  free(workshop_run(EXIT_HELD, "fetch %s --to %s --base http://hub.invalid --quiet",
                    one("plain", PINNED), to));
  unsetenv("http_proxy");
  workshop_contains((const char *)(uintptr_t)server.shared->last,
                    "GET http://hub.invalid/some-one/the-model/resolve/main/plain");
}

static void test_usage(void **state)
{
  (void)state;
  const char *manifest = one("plain", PINNED);
  clear();
  free(workshop_refuse(EXIT_INPUT, "--to", "fetch %s", manifest));
  free(workshop_refuse(EXIT_INPUT, "the manifest has: main", "fetch %s --to %s --revision x",
                       manifest, to));
  free(workshop_refuse(EXIT_INPUT, "--base", "fetch %s --to %s --base ftp://a", manifest, to));
  free(workshop_refuse(EXIT_INPUT, "--base", "fetch %s --to %s --base http://a:b@c", manifest, to));
  free(workshop_refuse(EXIT_INPUT, ".part", "fetch %s --to %s", one("x.part", PINNED), to));
  char *out = workshop_run(EXIT_HELD, "fetch %s --to %s --base http://127.0.0.1:1 --dry-run",
                           one("plain", PINNED), to); /* asks nobody */
  workshop_contains(out, "main/plain  293.0 KiB");
  free(out);
  out = workshop_run(EXIT_HELD, "fetch %s --to %s --base http://127.0.0.1:%d --dry-run",
                     one("relative", UNPINNED), to, server.port);
  workshop_contains(out, "main/relative  293.0 KiB");
  free(out);
  free(workshop_refuse(EXIT_RUN, "onnect", LINE, one("plain", PINNED), to, 1));
}

static void test_files_come_in_parallel(void **state)
{
  static const char *const names[] = {"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", NULL};
  (void)state;
  clear();
  server.shared->slow = 2000;
  server.shared->most_at_once = 0;
  int connections = server.shared->connections;
  free(workshop_run(EXIT_HELD, LINE "--parallel 3", fetching_manifest(names, PINNED), to,
                    server.port));
  server.shared->slow = 0;
  for (const char *const *name = names; *name; name++)
    fetching_check(to, *name, 0, true);
  assert_int_equal(server.shared->most_at_once, 3);
  assert_int_equal(server.shared->connections, connections + 3); /* each is used again */
}

int main(void)
{
  const struct CMUnitTest few[] = {cmocka_unit_test(test_whole_files_come_once),
                                   cmocka_unit_test(test_broken_connections_go_on)};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_whole_files_come_once),
      cmocka_unit_test(test_wrong_files_stay_unless_replaced),
      cmocka_unit_test(test_broken_connections_go_on),
      cmocka_unit_test(test_another_version_is_never_mixed_in),
      cmocka_unit_test(test_a_rest_without_tag_is_not_believed),
      cmocka_unit_test(test_announced_sizes),
      cmocka_unit_test(test_wrong_bytes_are_fetched_once_more),
      cmocka_unit_test(test_statuses),
      cmocka_unit_test(test_redirects),
      cmocka_unit_test(test_servers_that_never_end),
      cmocka_unit_test(test_what_the_hub_says),
      cmocka_unit_test(test_credentials),
      cmocka_unit_test(test_proxies),
      cmocka_unit_test(test_usage),
      cmocka_unit_test(test_files_come_in_parallel),
  };
  misbehaving_start();
  int failed = support_run_tests(tests, few);
  server_stop(&server);
  return failed;
}

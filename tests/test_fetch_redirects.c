/* Where a hub leads to: redirects with bodies, to other hosts and other schemes; what is believed
 * on the way; and errors with bodies. */
#define _GNU_SOURCE
#include "misbehaving.h"

#include "fetch/http.h"

#define ZEROS "00000000000000000000000000000000"

static void test_redirects_with_bodies(void **state)
{
  (void)state;
  succeed("found", PINNED, "");
  succeed("found-chunked", UNPINNED, "");
  fail_with(EXIT_RUN, "found-endless: the server sends a redirect body without end",
            "found-endless", PINNED, "--retries 0");
}

/* An error is the same with a body, and the connection stays unless the body is broken. */
static void test_errors_with_bodies(void **state)
{
  (void)state;
  int requests = server.shared->requests, connections = server.shared->connections;
  fail_with(EXIT_INPUT, "HTTP 404", "page-404", PINNED, "");
  fail_with(EXIT_INPUT, "HTTP 404", "torn-page-404", PINNED, "");
  fail_with(EXIT_INPUT, "HTTP 404", "endless-page-404", PINNED, "");
  assert_int_equal(server.shared->requests, requests + 3); /* no other try would help */
  fail_with(EXIT_RUN, "HTTP status 503", "page-503", PINNED, "--retries 2");
  assert_int_equal(server.shared->requests, requests + 6);
  assert_int_equal(server.shared->connections, connections + 4);
  fail_with(EXIT_RUN, "HTTP status 503", "torn-page-503", PINNED, "--retries 2");
  fail_with(EXIT_RUN, "HTTP status 503", "endless-page-503", PINNED, "--retries 2");
  assert_int_equal(server.shared->requests, requests + 12);
  fail_with(EXIT_RUN, "HTTP status 203", "page-203", PINNED, "");
}

/* A host that is not found now may be found later, and does not spoil what comes after it. */
static void test_host_not_found(void **state)
{
  (void)state;
  int requests = server.shared->requests;
  succeed("lost-once", PINNED, "--retries 1");
  assert_int_equal(server.shared->requests, requests + 3);
}

/* Nobody is asked by another protocol: the server sees the first connection alone. */
static void test_other_schemes(void **state)
{
  static const char *const names[] = {"scheme-ftp",  "scheme-gopher", "scheme-dict",
                                      "scheme-smtp", "scheme-ldap",   "scheme-nothing"};
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char words[64];
    int requests = server.shared->requests, connections = server.shared->connections;
    snprintf(words, sizeof words, "redirects to %s://127.0.0.1:%d/x/plain, which is not followed",
             names[i] + strlen("scheme-"), server.port);
    fail_with(EXIT_RUN, words, names[i], PINNED, "");
    assert_int_equal(server.shared->requests, requests + 1);
    assert_int_equal(server.shared->connections, connections + 1);
  }
}

static void test_where_redirects_may_lead(void **state)
{
  (void)state;
  assert_true(http_may_lead("http://a/b", "http://c/d"));
  assert_true(http_may_lead("http://a/b", "https://c/d"));
  assert_true(http_may_lead("https://a/b", "https://c/d"));
  assert_true(http_may_lead("https://a/b", "HTTPS://c/d"));
  assert_false(http_may_lead("https://a/b", "http://a/b"));
  assert_false(http_may_lead("HTTPS://a/b", "http://a/b"));
  assert_false(http_may_lead("https://a/b", "HTTP://a/b"));
  assert_false(http_may_lead("https://a/b", "httpx://a/b"));
  assert_false(http_may_lead("http://a/b", "ftp://a/b"));
  assert_false(http_may_lead("http://a/b", "file:///b"));
  assert_false(http_may_lead("http://a/b", ""));
}

static void test_origins(void **state)
{
  (void)state;
  assert_true(http_same_origin("https://a/b", "https://a:443/c?d"));
  assert_false(http_same_origin("https://a/b", "http://a/b"));
  assert_false(http_same_origin("https://a/b", "https://a:444/b"));
  assert_false(http_same_origin("https://a/b", "https://a.b/b"));
  assert_false(http_same_origin("https://a/b", "https://a@c/b"));
}

/* A repository that was renamed leads to its new name first; another host is not the hub, nor is
 * what it leads back to. */
static void test_whom_digests_are_believed(void **state)
{
  (void)state;
  int requests = server.shared->requests;
  fail_with(EXIT_CHECK, "the server has SHA-256 " ZEROS, "renamed", PINNED, "");
  assert_int_equal(server.shared->requests, requests + 3);
  fail_with(EXIT_CHECK, "the server promised " ZEROS, "renamed", UNPINNED, "");
  succeed("others-lie", PINNED, "");
  succeed("others-lie", UNPINNED, "");
  succeed("there-and-back", UNPINNED, "");
}

int main(void)
{
  const struct CMUnitTest few[] = {cmocka_unit_test(test_redirects_with_bodies)};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_redirects_with_bodies),
      cmocka_unit_test(test_errors_with_bodies),
      cmocka_unit_test(test_host_not_found),
      cmocka_unit_test(test_other_schemes),
      cmocka_unit_test(test_where_redirects_may_lead),
      cmocka_unit_test(test_origins),
      cmocka_unit_test(test_whom_digests_are_believed),
  };
  misbehaving_start();
  int failed = support_run_tests(tests, few);
  server_stop(&server);
  return failed;
}

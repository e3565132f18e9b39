/* Credentials go to the host that they are for and are written nowhere: neither those of ~/.netrc
 * and of the proxies nor those in addresses, whatever a server leads to. */
#define _GNU_SOURCE
#include "misbehaving.h"

#include "base/text.h"
#include "fetch/http.h"

#define LOGIN "somebody-at-home"
#define TOKEN SERVER_TOKEN
#define ENCODED "c29tZWJvZHktYXQtaG9tZTpoZl9vZlRoZU5ldHJj" /* LOGIN:TOKEN in base 64 */
#define NETRC "machine 127.0.0.1 login " LOGIN " password " TOKEN "\n"

static struct server other;

static void check_silent(const char *text, const char *name)
{
  static const char *const secrets[] = {TOKEN, LOGIN, ENCODED, "hf_inThe", "careless"};
  for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
    if (strstr(text, secrets[i]))
      fail_msg("%s: \"%s\" was written: %s", name, secrets[i], text);
}

/* Fetches one file, with every output that there is; nothing written has a secret in it. Returns
 * standard error, free(). */
static char *fetch_silently(int code, const char *name, enum pins pins, const char *more)
{
  char line[4096], *out, *err;
  const char *json = workshop_path("result.json");
  size_t size;
  clear();
  snprintf(line, sizeof line,
           "fetch %s --to %s --base http://127.0.0.1:%d --retry-wait 1 --stall-seconds 2 --json %s "
           "%s",
           one(name, pins), to, server.port, json, more);
  int got = workshop_start(line, &out, &err);
  if (got != code)
    fail_msg("%s: exit code %d instead of %d: %s", name, got, code, err);
  check_silent(out, name);
  check_silent(err, name);
  char *written = support_read(json, &size);
  check_silent(written, name);
  workshop_shell("! test -e %s || ! grep -rqE 'hf_|" LOGIN "|" ENCODED "' %s", to, to);
  free(written);
  free(out);
  return err;
}

/* Fetches it rightly, with the credentials in this many requests to the hub and none to the other.
 */
static void fetch_rightly(const char *name, enum pins pins, int authorized)
{
  int before = server.shared->authorized;
  free(fetch_silently(EXIT_HELD, name, pins, ""));
  fetching_check(to, name, 0, true);
  assert_int_equal(server.shared->authorized, before + authorized);
  assert_int_equal(other.shared->authorized, 0);
}

static void test_redirects_are_followed(void **state)
{
  (void)state;
  fetch_rightly("plain", PINNED, 1);
  fetch_rightly("relative", PINNED, 2); /* as hubs lead to small files */
  fetch_rightly("relative", UNPINNED, 2);
  fetch_rightly("found", UNPINNED, 2);
  fetch_rightly("user-home", PINNED, 2);
  fetch_rightly("elsewhere", PINNED, 1);
  fetch_rightly("user-elsewhere", PINNED, 1);
  fetch_rightly("there-and-back", UNPINNED, 3);
  int requests = other.shared->requests;
  fetch_rightly("other-port", PINNED, 1);
  assert_int_equal(other.shared->requests, requests + 1);
  char *err = fetch_silently(EXIT_HELD, "relative", UNPINNED, "--dry-run");
  assert_string_equal(err, "");
  free(err);
}

static void test_failures_are_silent(void **state)
{
  static const struct {
    const char *name, *words;
  } cases[] = {
      {"status-401", "HTTP 401"},
      {"user-401", "HTTP 401"},
      {"user-503", "HTTP status 503"},
      {"user-loop", "more than 10 redirects"},
      {"user-scheme", "redirects to ftp://127.0.0.1:"},
      {"user-query", "/x/plain, which is not followed"},
      {"user-nonsense", "redirects to something that is not an address"},
      {"user-continue", "/x/continue: the server sends headers without end"},
      {"user-stall", "/x/stall: Operation too slow"},
      {"user-closed", "localhost:1/"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    static const char *const tries[] = {"--retries 0", "--retries 1"};
    for (size_t k = 0; k < 2; k++) {
      char *err = fetch_silently(EXIT_RUN, cases[i].name, k ? PINNED : UNPINNED, tries[k]);
      workshop_contains(err, cases[i].words);
      free(err);
    }
  }
  free(fetch_silently(EXIT_CHECK, "wrong", PINNED, ""));
  free(fetch_silently(EXIT_INPUT, "status-404", PINNED, ""));
}

static void test_addresses_on_the_command_line(void **state)
{
  static const char *const bases[] = {
      "http://careless:hf_inTheBase@127.0.0.1/x?y", "ftp://careless:hf_inTheBase@127.0.0.1",
      "careless:hf_inTheBase@127.0.0.1", "http://127.0.0.1/?token=hf_inTheBase",
      "http:/careless:hf_inTheBase@127.0.0.1"};
  const char *manifest = one("plain", PINNED);
  (void)state;
  for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
    char *err = workshop_refuse(EXIT_INPUT, "~/.netrc", "fetch %s --to %s --base %s", manifest, to,
                                bases[i]);
    check_silent(err, bases[i]);
    free(err);
    err = workshop_refuse(EXIT_INPUT, "~/.netrc", "reproduce %s --stream --work %s --base %s",
                          manifest, workshop_path("work"), bases[i]);
    check_silent(err, bases[i]);
    free(err);
  }
  char *err = workshop_refuse(EXIT_INPUT, "http://127.0.0.1/m.json",
                              "fetch http://careless:hf_inTheName@127.0.0.1/m.json --to %s", to);
  check_silent(err, "a manifest's name");
  free(err);
}

/* What libcurl says of a proxy that it cannot use has its password in it. */
static void test_proxies(void **state)
{
  static const char *const proxies[] = {
      "what://careless:hf_inTheProxy@127.0.0.1:1", "http://careless:hf_inTheProxy@127.0.0.1:99999",
      "http://careless:hf_inTheProxy@[::",         "what://hf_inTheProxy",
      "http://careless:hf_inTheProxy@127.0.0.1:1", "careless:hf_inTheProxy@no.invalid:1"};
  (void)state;
  for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++) {
    setenv("http_proxy", proxies[i], 1);
    char *err = fetch_silently(EXIT_RUN, "plain", PINNED, "--retries 0");
    workshop_contains(err, i < 4 ? "see http_proxy" : i == 4 ? "onnect" : "esolv");
    free(err);
  }
  unsetenv("http_proxy");
}

static void check_plain(const char *address, const char *plain, int shown)
{
  char *got = http_plain(address);
  if (!plain) {
    assert_null(got);
    return;
  }
  assert_non_null(got);
  assert_string_equal(got, plain);
  assert_int_equal(http_shown(got), shown);
  free(got);
}

static void test_plain_addresses(void **state)
{
  (void)state;
  check_plain("http://a/b", "http://a/b", 10);
  check_plain("http://me:it@a:8/b?c=d@e#f", "http://a:8/b?c=d@e", 12);
  check_plain("https://me@a/b@c", "https://a/b@c", 13);
  check_plain("http://a:b@c@d/", NULL, 0);
  check_plain("ftp://me:it;type=x@a/b", "ftp://a/b", 9);
  check_plain("gopher://me:it@a/", "gopher://a/", 11);
  check_plain("me:it@a", NULL, 0);
  check_plain("", NULL, 0);
}

static void test_texts(void **state)
{
  static const char *const texts[][2] = {
      {"see http://me:it@a/b@c, and x://y@z", "see http://a/b@c, and x://z"},
      {"http://a:b@c@d?e@f", "http://d?e@f"},
      {"mail me@a, '://b@c' or \"://\"", "mail me@a, '://c' or \"://\""},
      {"///me@a ://", "///me@a ://"},
      {"http:////me:it@a", "http:////a"}};
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    char text[64];
    strcpy(text, texts[i][0]);
    text_hide_users(text);
    assert_string_equal(text, texts[i][1]);
    struct error error = {0};
    error_set(&error, EXIT_RUN, "%s", texts[i][0]);
    assert_string_equal(error.text, texts[i][1]);
  }
}

int main(void)
{
  const struct CMUnitTest few[] = {cmocka_unit_test(test_redirects_are_followed)};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_redirects_are_followed),
      cmocka_unit_test(test_failures_are_silent),
      cmocka_unit_test(test_addresses_on_the_command_line),
      cmocka_unit_test(test_proxies),
      cmocka_unit_test(test_plain_addresses),
      cmocka_unit_test(test_texts),
  };
  char netrc[600];
  const char *home = workshop_path("home");
  misbehaving_start();
  server_start(&other);
  server.shared->other_port = other.port;
  mkdir(home, 0700);
  snprintf(netrc, sizeof netrc, "%s/.netrc", home);
  support_write(netrc, NETRC, strlen(NETRC));
  setenv("HOME", home, 1);
  int failed = support_run_tests(tests, few);
  server_stop(&server);
  server_stop(&other);
  return failed;
}

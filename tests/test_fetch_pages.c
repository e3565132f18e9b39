/* Pages in place of files: with status 200 they are told by their first bytes, with another their
 * words are in the message, as far as they can be shown. */
#define _GNU_SOURCE
#include "misbehaving.h"

#define NETRC "machine 127.0.0.1 login somebody-at-home password " SERVER_TOKEN "\n"

static void check_nothing_there(void)
{
  workshop_shell("test -z \"$(find %s -type f)\"", to);
}

static void test_pages_in_place_of_files(void **state)
{
  static const struct {
    const char *name, *words;
  } cases[] = {
      {"page.safetensors", "page.safetensors: is an HTML page, not a safetensors file"},
      {"page.bin", "is an HTML page, not weights that PyTorch saved"},
      {"page.json", "is an HTML page, not a JSON object"},
      {"page.txt", "is an HTML page"},
      {"marked.safetensors", "is an HTML page"},
      {"xml.bin", "is an XML document"},
      {"pointer.safetensors", "is a git-lfs pointer, not a safetensors file: this server has only"},
      {"pointer.bin", "is a git-lfs pointer"},
      {"pointer.json", "is a git-lfs pointer"},
      {"pointer.txt", "is a git-lfs pointer"},
      {"note.safetensors", "is plain text, not a safetensors file"},
      {"note.bin", "is plain text"},
      {"note.json", "is plain text, not a JSON object"},
      {"short.safetensors", "is plain text"},
      {"json.safetensors", "is JSON text"},
      {"json.bin", "is JSON text"},
      {"error.json", "is an error message in JSON"},
      {"torch.safetensors", "is a zip archive"},
      {"packed.json", "is gzip-compressed data"},
      {"wide.json", "is text in UTF-16"},
      {"safe.bin", "is a safetensors file, not weights that PyTorch saved"},
      {"empty.safetensors", "is an empty file"},
      {"empty.json", "is an empty file"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fail_with(EXIT_CHECK, cases[i].words, cases[i].name, UNPINNED, "");
    check_nothing_there();
  }
  int requests = server.shared->requests;
  fail_with(EXIT_CHECK, "is an HTML page", "page.json", UNPINNED, "");
  assert_int_equal(server.shared->requests, requests + 1); /* it would come again */
}

/* A page of a gigabyte is not fetched to its end. */
static void test_long_pages(void **state)
{
  (void)state;
  int64_t served = server.shared->served;
  fail_with(EXIT_CHECK, "is an HTML page", "long.safetensors", UNPINNED, "");
  assert_true(server.shared->served < served + (64 << 20));
  check_nothing_there();
}

static void test_files_that_are_what_they_seem(void **state)
{
  static const char *const good[] = {"good.safetensors", "good.bin", "old.bin",
                                     "good.json",        "bom.json", "page.md"};
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    char path[600];
    clear();
    free(workshop_run(EXIT_HELD, LINE, one(good[i], UNPINNED), to, server.port));
    snprintf(path, sizeof path, "%s/r/%s", to, good[i]);
    assert_true(file_exists(path));
  }
}

/* What an earlier run, or somebody else, took for the file. */
static void test_pages_that_are_there(void **state)
{
  char path[600];
  const char *manifest = one("good.json", UNPINNED);
  (void)state;
  clear();
  workshop_shell("mkdir -p %s/r", to);
  snprintf(path, sizeof path, "%s/r/good.json", to);
  support_write(path, "<html>", 6);
  free(workshop_refuse(EXIT_CHECK, "r/good.json: is an HTML page, not a JSON object", LINE,
                       manifest, to, server.port));
  assert_true(file_exists(path));
  free(workshop_run(EXIT_HELD, LINE "--replace", manifest, to, server.port));
  size_t size;
  char *data = support_read(path, &size);
  workshop_contains(data, "model_type");
  free(data);
}

/* Pins tell the wrong size; the bytes tell why. */
static void test_pages_against_pins(void **state)
{
  (void)state;
  fail_with(EXIT_CHECK, "(what it sends is an HTML page)", "page.json", PINNED, "");
  fail_with(EXIT_CHECK, "(what it sends is a git-lfs pointer)", "pointer.safetensors", PINNED, "");
  check_nothing_there();
}

static void check_words(int code, const char *name, const char *words, bool said)
{
  clear();
  char *err = workshop_refuse(code, words, LINE "--retries 0", one(name, PINNED), to, server.port);
  for (const char *p = err; *p; p++)
    if ((*p < ' ' || *p > '~') && p[1])
      fail_msg("%s: control characters: %s", name, err);
  if (said != (strstr(err, "; the server says: ") != NULL) || strstr(err, SERVER_TOKEN) ||
      strstr(err, "hf_") || strlen(err) > 800)
    fail_msg("%s: %s", name, err);
  free(err);
  check_nothing_there();
}

static void test_words_of_the_server(void **state)
{
  (void)state;
  check_words(EXIT_RUN, "text-401",
              "~/.netrc; the server says: Access to the model is restricted. [2J You must log in.",
              true);
  check_words(EXIT_RUN, "json-403", "the server says: Your token may not.\n", true);
  check_words(EXIT_RUN, "nested-403", "the server says: Ask its owner.\n", true);
  check_words(EXIT_INPUT, "html-404", "the server says: Gone fishing\n", true);
  check_words(EXIT_INPUT, "xml-404", "the server says: No key.\n", true);
  check_words(EXIT_RUN, "field-401", "the server says: Gated: [31mask first\n", true);
  check_words(EXIT_RUN, "long-401", "wwwwwwwwwwww...\n", true);
  check_words(EXIT_INPUT, "latin-404", "the server says: caf ferm\n", true);
  check_words(EXIT_INPUT, "zeros-404", "no such revision or file\n", false);
  check_words(EXIT_INPUT, "packed-404", "no such revision or file\n", false);
  check_words(EXIT_RUN, "empty-401", "in ~/.netrc\n", false);
  check_words(EXIT_RUN, "user-text-401", "the server says: see http://hub/x\n", true);
}

/* A server that sends credentials back has its words dropped. */
static void test_echoes(void **state)
{
  static const char *const names[] = {"echo-401", "echo-json-401", "echo-field-401",
                                      "echo-long-401"};
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    check_words(EXIT_RUN, names[i], "no access (HTTP 401)", false);
  check_words(EXIT_RUN, "echo-redirect", "/x/*************/continue: the server sends", false);
  fail_with(EXIT_CHECK, "is an HTML page", "echo-page.json", UNPINNED, "");
  check_nothing_there();
  clear();
  free(workshop_refuse(EXIT_RUN, "closed", LINE "--retries 0", one("echo-tag", UNPINNED), to,
                       server.port));
  workshop_shell("test -s %s/r/echo-tag.part.json && ! grep -q hf_ %s/r/echo-tag.part.json", to,
                 to);
}

int main(void)
{
  const struct CMUnitTest few[] = {cmocka_unit_test(test_files_that_are_what_they_seem)};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pages_in_place_of_files),
      cmocka_unit_test(test_long_pages),
      cmocka_unit_test(test_files_that_are_what_they_seem),
      cmocka_unit_test(test_pages_that_are_there),
      cmocka_unit_test(test_pages_against_pins),
      cmocka_unit_test(test_words_of_the_server),
      cmocka_unit_test(test_echoes),
  };
  char netrc[600];
  misbehaving_start();
  mkdir(workshop_path("home"), 0700);
  snprintf(netrc, sizeof netrc, "%s/.netrc", workshop_path("home"));
  support_write(netrc, NETRC, strlen(NETRC));
  setenv("HOME", workshop_path("home"), 1);
  int failed = support_run_tests(tests, few);
  server_stop(&server);
  return failed;
}

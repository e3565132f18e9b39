/* Fetching within limits: waits, ranges and disks that end, one process a file, one file a place;
 * and what is reported of all that. */
#define _GNU_SOURCE
#include "misbehaving.h"

#include "base/progress.h"

#include <fcntl.h>
#include <sys/file.h>

/* A date is a wait as well: two seconds ahead in whole seconds. */
static void test_retry_after_a_date(void **state)
{
  (void)state;
  double start = progress_clock();
  succeed("busy-until", PINNED, "");
  double took = progress_clock() - start;
  assert_true(took > 0.9 && took < 10);
}

/* A part that the server knows nothing of is given up, and the file started over. */
static void test_ranges_that_are_not_there(void **state)
{
  (void)state;
  int requests = server.shared->requests, ranges = server.shared->ranges;
  succeed("unsatisfiable", PINNED, "");
  assert_int_equal(server.shared->requests, requests + 3); /* cut, 416, whole */
  assert_int_equal(server.shared->ranges, ranges + 1);
  fail_with(EXIT_RUN, "HTTP status 416", "status-416", PINNED, "");
  assert_int_equal(server.shared->requests, requests + 4);
}

/* Says no before the first byte, or before the first request. */
static void test_disks_that_are_too_small(void **state)
{
  static const char *const names[] = {"plain", "other", "third", NULL};
  (void)state;
  fail_with(EXIT_RUN, "needs 1.0 EiB, but only ", "huge", UNPINNED, "");
  workshop_shell("test -z \"$(find %s -type f)\"", to);
  const int64_t sizes[] = {(int64_t)1 << 60, INT64_MAX};
  for (size_t i = 0; i < 2; i++) {
    const char *path = fetching_manifest(names, PINNED);
    json_t *root = workshop_json(path), *file;
    json_t *revision = json_array_get(json_object_get(root, "revisions"), 0);
    size_t k;
    json_array_foreach(json_object_get(revision, "files"), k, file)
        json_object_set_new(file, "bytes", json_integer(sizes[i]));
    workshop_json_write(path, root);
    json_decref(root);
    int requests = server.shared->requests;
    clear();
    free(workshop_refuse(EXIT_RUN, "free on this disk", LINE, path, to, server.port));
    assert_int_equal(server.shared->requests, requests);
  }
}

static void test_one_process_at_a_time(void **state)
{
  char path[600];
  (void)state;
  clear();
  const char *manifest = one("plain", PINNED);
  workshop_shell("mkdir -p %s/r", to);
  snprintf(path, sizeof path, "%s/r/plain.part", to);
  support_write(path, "theirs", 6);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
  int requests = server.shared->requests;
  free(workshop_refuse(EXIT_RUN, "another attest is fetching this file", LINE, manifest, to,
                       server.port));
  assert_int_equal(server.shared->requests, requests);
  size_t size;
  char *part = support_read(path, &size);
  assert_string_equal(part, "theirs");
  free(part);
  close(fd);
  free(workshop_run(EXIT_HELD, LINE, manifest, to, server.port));
  fetching_check(to, "plain", 0, true);
}

/* Two at once on one folder: what is there in the end is right and whole, whoever fetched it; who
 * finds a file taken says so. */
static void test_two_at_once(void **state)
{
  static const char *const names[] = {"plain", "other", "third", "fourth", NULL};
  (void)state;
  for (int i = 0; i < 6; i++) {
    const char *manifest = fetching_manifest(names, i % 2 ? PINNED : UNPINNED), *twice[2];
    twice[0] = workshop_path("first.txt");
    twice[1] = workshop_path("second.txt");
    clear();
    server.shared->slow = i < 4 ? 1000 : 0;
    workshop_shell("run() { %s " LINE "2>$1 || { test $? = 3 && grep -qE 'another attest is "
                   "fetching this file|changed meanwhile' $1; }; };"
                   "run %s & first=$!; sleep 0.0%d; run %s || exit 1; wait $first",
                   support_program(), manifest, to, server.port, twice[0], i, twice[1]);
    server.shared->slow = 0;
    free(workshop_run(EXIT_HELD, LINE, manifest, to, server.port));
    for (const char *const *name = names; *name; name++)
      fetching_check(to, *name, 0, true);
    workshop_shell("test -z \"$(find %s -name '*.part*')\"", to);
  }
}

/* Pins a file in part and fetches it: "" or the line that says what was not checked. */
static void check_partly(bool bytes, bool sha256, bool xxh3, const char *words)
{
  const char *path = one("plain", PINNED);
  json_t *root = workshop_json(path);
  json_t *file = json_array_get(
      json_object_get(json_array_get(json_object_get(root, "revisions"), 0), "files"), 0);
  if (!bytes)
    json_object_set_new(file, "bytes", json_null());
  if (!sha256)
    json_object_set_new(file, "sha256", json_null());
  if (!xxh3)
    json_object_set_new(file, "xxh3_128", json_null());
  workshop_json_write(path, root);
  json_decref(root);
  clear();
  char *out =
      workshop_run(EXIT_HELD, "fetch %s --to %s --base http://127.0.0.1:%d", path, to, server.port);
  workshop_contains(out, words);
  assert_true(*words || !strstr(out, "UNPINNED"));
  free(out);
}

/* A SHA-256 vouches for all; what else was checked is said. */
static void test_pins_in_part(void **state)
{
  (void)state;
  check_partly(true, true, true, "");
  check_partly(true, true, false, "");
  check_partly(false, true, false, "");
  check_partly(true, false, true, "UNPINNED main/plain: checked only by size and XXH3-128; found");
  check_partly(false, false, true, "UNPINNED main/plain: checked only by XXH3-128; found");
  check_partly(true, false, false, "UNPINNED main/plain: checked only by size; found");
  check_partly(false, false, false, "UNPINNED main/plain: not checked against the manifest; found");
}

static const char *text_of(const json_t *object, const char *key)
{
  return json_string_value(json_object_get(object, key));
}

static void check_entry(const json_t *files, size_t index, const char *path, const char *status)
{
  const json_t *file = json_array_get(files, index);
  bool good = strcmp(status, "failed") != 0;
  assert_string_equal(text_of(file, "revision"), "main");
  assert_string_equal(text_of(file, "path"), path);
  assert_string_equal(text_of(file, "state"), status);
  assert_true(json_is_true(json_object_get(file, "pinned")));
  assert_int_equal(json_integer_value(json_object_get(file, "bytes")), SERVER_SIZE);
  assert_true(good == json_is_string(json_object_get(file, "sha256")));
  assert_true(good == json_is_string(json_object_get(file, "xxh3_128")));
  assert_true(good == !json_object_get(file, "error"));
}

static void test_json(void **state)
{
  static const char *const names[] = {"plain", "status-404", "other", NULL};
  uint8_t *data = fetching_file(0);
  struct digest digest;
  struct error error = {0};
  char *out, *err, line[1024];
  (void)state;
  assert_int_equal(digest_of(data, SERVER_SIZE, &digest, &error), 0);
  free(data);
  succeed("plain", PINNED, "");
  snprintf(line, sizeof line, LINE "--json -", fetching_manifest(names, PINNED), to, server.port);
  assert_int_equal(workshop_start(line, &out, &err), EXIT_INPUT);
  workshop_contains(err, "resolve/main/status-404: not on the server");
  json_t *root = workshop_json_text(out), *files = json_object_get(root, "files");
  assert_string_equal(text_of(root, "repository"), "some-one/the-model");
  assert_int_equal(json_array_size(files), 3);
  check_entry(files, 0, "plain", "there");
  check_entry(files, 1, "status-404", "failed");
  check_entry(files, 2, "other", "fetched"); /* a missing file does not stop the others */
  assert_string_equal(text_of(json_array_get(files, 2), "sha256"), digest.sha256);
  assert_string_equal(text_of(json_array_get(files, 2), "xxh3_128"), digest.xxh3_128);
  workshop_contains(text_of(json_array_get(files, 1), "error"), "HTTP 404");
  json_decref(root);
  free(out);
  free(err);
}

/* Two files of one place would be fetched in turn for ever. */
static void test_revisions_that_share_a_place(void **state)
{
  (void)state;
  const char *path = one("plain", PINNED);
  json_t *root = workshop_json(path), *revisions = json_object_get(root, "revisions");
  json_t *second = json_deep_copy(json_array_get(revisions, 0));
  json_object_set_new(second, "name", json_string("second"));
  json_object_set_new(second, "step", json_integer(1));
  json_object_set_new(second, "tokens", json_real(1));
  json_array_append_new(revisions, second);
  workshop_json_write(path, root);
  int requests = server.shared->requests;
  static const char *const only[] = {"", "--revision main", "--dry-run"};
  for (size_t i = 0; i < sizeof only / sizeof *only; i++)
    free(workshop_refuse(EXIT_INPUT, "have the same directory \"r\" for file plain", LINE "%s",
                         path, to, server.port, only[i]));
  assert_int_equal(server.shared->requests, requests);
  json_object_set_new(second, "directory", json_string("r/second"));
  workshop_json_write(path, root);
  json_decref(root);
  clear();
  free(workshop_run(EXIT_HELD, LINE "--revision second", path, to, server.port));
  assert_int_equal(server.shared->requests, requests + 1);
  fetching_check(to, "second/plain", 0, true);
}

int main(void)
{
  const struct CMUnitTest few[] = {cmocka_unit_test(test_one_process_at_a_time),
                                   cmocka_unit_test(test_json)};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_retry_after_a_date),
      cmocka_unit_test(test_ranges_that_are_not_there),
      cmocka_unit_test(test_disks_that_are_too_small),
      cmocka_unit_test(test_one_process_at_a_time),
      cmocka_unit_test(test_two_at_once),
      cmocka_unit_test(test_pins_in_part),
      cmocka_unit_test(test_json),
      cmocka_unit_test(test_revisions_that_share_a_place),
  };
  misbehaving_start();
  int failed = support_run_tests(tests, few);
  server_stop(&server);
  return failed;
}

/* Paths that were joined: shorter, and of the same file. */
#include "support.h"

#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void expect(const char *directory, const char *name, const char *expected)
{
  struct error error = {0};
  char *path = path_resolve(directory, name, &error);
  assert_non_null(path);
  assert_string_equal(path, expected);
  free(path);
}

static void test_text(void **state)
{
  (void)state;
  expect("a", "b", "a/b");
  expect("a/", "./b/", "a/b");
  expect("", "a//b/./c", "a/b/c");
  expect("", "", "");
  expect(".", ".", ".");
  expect("/", "a", "/a");
  expect("//", ".", "/");
  expect("/", "..", "/..");
  expect("..", "../a", "../../a");
  expect("no-such/..", "a", "no-such/../a"); /* what is not there is not known */
  expect("tests/fixtures", "../../manifests/nursery-olmo.json", "manifests/nursery-olmo.json");
  expect("tests", "..", ".");
  expect("tests/..", "..", "..");
  expect("Makefile", "../x", "Makefile/../x"); /* no directory: opening it must fail */
}

/* "link/.." is the parent of what the link leads to. */
static void test_links(void **state)
{
  char path[600], target[600];
  struct stat plain, resolved;
  struct error error = {0};
  (void)state;
  snprintf(target, sizeof target, "%s/deep", support_directory());
  assert_int_equal(mkdir(target, 0700), 0);
  snprintf(target, sizeof target, "%s/deep/er", support_directory());
  assert_int_equal(mkdir(target, 0700), 0);
  snprintf(path, sizeof path, "%s/link", support_directory());
  assert_int_equal(symlink(target, path), 0);
  static const char *const names[] = {"..", "../er", "../../link/../er", "../er/../er/../../deep"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char joined[700];
    snprintf(joined, sizeof joined, "%s/%s", path, names[i]);
    char *short_path = path_resolve(path, names[i], &error);
    assert_non_null(short_path);
    assert_true(strlen(short_path) <= strlen(joined));
    assert_int_equal(stat(joined, &plain), 0);
    assert_int_equal(stat(short_path, &resolved), 0);
    assert_int_equal(plain.st_ino, resolved.st_ino);
    free(short_path);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_text),
      cmocka_unit_test(test_links),
  };
  return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}

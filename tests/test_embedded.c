/* Files inside the program: this one brings some along, as a program of make dist does. */
#include "support.h"

#include "base/embedded.h"
#include "base/file.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What tools/dist/embed.sh makes. */
const struct embedded_file attest_embedded[] = {
    {"a-b", (const uint8_t *)"between", 7},
    {"a/b/c.txt", (const uint8_t *)"letters", 7},
    {"a/empty", (const uint8_t *)"", 0},
    {"z", (const uint8_t *)"last", 4},
};
const uint64_t attest_embedded_count = 4;

static void expect(const char *path, const char *content)
{
  struct blob mapped, whole;
  struct error error = {0};
  assert_true(file_exists(path));
  assert_false(file_is_directory(path));
  assert_int_equal(file_map(path, &mapped, &error), 0);
  assert_int_equal(file_read(path, strlen(content), &whole, &error), 0);
  assert_int_equal(mapped.size, strlen(content));
  assert_int_equal(whole.size, strlen(content));
  assert_non_null(mapped.data);
  assert_memory_equal(mapped.data, content, mapped.size);
  assert_memory_equal(whole.data, content, whole.size);
  blob_free(&mapped); /* must not free what is in the program: the sanitizers watch */
  blob_free(&whole);
}

static void test_files(void **state)
{
  (void)state;
  expect("@attest/a/b/c.txt", "letters");
  expect("@attest/./a//b/../../a/b/c.txt", "letters");
  expect("@attest/a/x/../empty", "");
  expect("@attest/a-b", "between");
  expect("@attest/z", "last");
}

static void test_what_is_not_there(void **state)
{
  static const char *const paths[] = {"@attest/a/b/c",
                                      "@attest/a/b/c.txt.x",
                                      "@attest/../z",
                                      "@attest/a/../../z",
                                      "@attest",
                                      "@attes/z",
                                      "z",
                                      "./@attest/z"};
  (void)state;
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    struct blob blob;
    struct error error = {0};
    assert_null(embedded_find(paths[i]));
    assert_false(file_exists(paths[i]));
    assert_int_equal(file_map(paths[i], &blob, &error), EXIT_INPUT);
    assert_non_null(strstr(error.text, paths[i]));
  }
}

static void test_directories(void **state)
{
  (void)state;
  assert_true(file_is_directory("@attest/"));
  assert_true(file_is_directory("@attest/a"));
  assert_true(file_is_directory("@attest/a/b/"));
  assert_true(file_is_directory("@attest/a/b/../."));
  assert_false(file_is_directory("@attest/a/b/c.txt"));
  assert_false(file_is_directory("@attest/b"));
  assert_false(file_is_directory("@attest/zz"));
  assert_false(file_is_directory("@attest/a/empty"));
}

static void expect_names(const char *directory, const char *wanted)
{
  char name[EMBEDDED_NAME], all[200] = "";
  for (size_t at = 0; embedded_next(directory, &at, name);)
    strcat(strcat(all, name), " ");
  assert_string_equal(all, wanted);
}

static void test_names(void **state)
{
  (void)state;
  expect_names("@attest/", "a-b a z ");
  expect_names("@attest/a", "b empty ");
  expect_names("@attest/a/b/", "c.txt ");
  expect_names("@attest/a/b/c.txt", "");
  expect_names("@attest/b", "");
  expect_names("tests", "");
}

static void test_limit(void **state)
{
  struct blob blob;
  struct error error = {0};
  (void)state;
  assert_int_equal(file_read("@attest/a-b", 6, &blob, &error), EXIT_INPUT);
  assert_non_null(strstr(error.text, "@attest/a-b: 7 bytes, more than the 6"));
}

/* A folder of that name can be read all the same. */
static void test_folder_of_that_name(void **state)
{
  struct blob blob;
  struct error error = {0};
  char before[4096];
  (void)state;
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(support_directory()), 0);
  assert_int_equal(mkdir("@attest", 0777), 0);
  assert_int_equal(file_write("./@attest/z", "mine", 4, &error), 0);
  assert_int_equal(file_read("./@attest/z", 10, &blob, &error), 0);
  assert_memory_equal(blob.data, "mine", 4);
  blob_free(&blob);
  expect("@attest/z", "last");
  assert_int_equal(chdir(before), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_files),       cmocka_unit_test(test_what_is_not_there),
      cmocka_unit_test(test_directories), cmocka_unit_test(test_limit),
      cmocka_unit_test(test_names),       cmocka_unit_test(test_folder_of_that_name),
  };
  return cmocka_run_group_tests_name("embedded", tests, NULL, NULL);
}

/* Where a program that is installed finds what reproduce reads without arguments. */
#include "workshop.h"

/* Runs a copy of the program as DIRECTORY/bin/attest, in the empty folder DIRECTORY/work. */
static void expect_error(const char *directory, const char *words)
{
  char line[1024], before[1024], *out, *err;
  snprintf(line, sizeof line, "%s/bin/attest", directory);
  const char *const argv[] = {line, "reproduce", NULL};
  assert_non_null(getcwd(before, sizeof before));
  char work[1024];
  snprintf(work, sizeof work, "%s/work", directory);
  assert_int_equal(chdir(work), 0);
  int code = support_run(argv, &out, &err);
  assert_int_equal(chdir(before), 0);
  assert_int_equal(code, EXIT_INPUT);
  workshop_contains(err, words);
  free(out);
  free(err);
}

static void test_installed(void **state)
{
  const char *place = workshop_path("usr");
  char wanted[600];
  (void)state;
  workshop_shell("mkdir -p %s/bin %s/work && cp %s %s/bin/attest && chmod +x %s/bin/attest", place,
                 place, support_program(), place, place);
  expect_error(place, "manifests/published.json: not found here, nor where make install puts it");
  workshop_shell("mkdir -p %s/share/attest/manifests && echo '{}' >%s/share/attest/manifests/"
                 "published.json",
                 place, place);
  snprintf(wanted, sizeof wanted, "%s/share/attest/manifests/published.json: ", place);
  expect_error(place, wanted);
  /* The working directory comes first. */
  workshop_shell("mkdir %s/work/manifests && echo '{}' >%s/work/manifests/published.json", place,
                 place);
  expect_error(place, "attest: manifests/published.json: ");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_installed)};
  return cmocka_run_group_tests_name("shipped", tests, NULL, NULL);
}

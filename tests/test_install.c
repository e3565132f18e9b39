/* make install and make uninstall: what is put into a prefix works from there, and all of it goes
 * again. */
#include "workshop.h"

/* make, with the program as it is: nothing is compiled for this. */
#define MAKE "env -u MAKEFLAGS -u MFLAGS make -s PREFIX=/opt/it DESTDIR=%s"

static size_t files_in(const char *folder)
{
  char line[900];
  size_t size;
  snprintf(line, sizeof line, "find %s ! -type d 2>/dev/null | wc -l >%s", folder,
           workshop_path("count"));
  assert_int_equal(system(line), 0);
  char *text = support_read(workshop_path("count"), &size);
  size_t count = (size_t)strtoul(text, NULL, 10);
  free(text);
  return count;
}

static void test_and_back(void **state)
{
  const char *place = workshop_path("root");
  (void)state;
  workshop_shell("mkdir -p %s/opt/it/bin && touch %s/opt/it/bin/another", place, place);
  workshop_shell(MAKE " install >/dev/null", place);
  workshop_shell("test -x %s/opt/it/bin/attest && test -s %s/opt/it/share/man/man1/attest-screen.1 "
                 "&& test -s %s/opt/it/share/bash-completion/completions/attest && "
                 "test -s %s/opt/it/share/attest/golden/published/trajectory.json -o "
                 "-d %s/opt/it/share/attest/golden/published",
                 place, place, place, place, place);
  assert_true(files_in(place) > 300);
  workshop_shell(
      "cd %s && opt/it/bin/attest claims opt/it/share/attest/golden/published >/dev/null; "
      "test $? = 1",
      place);
  workshop_shell(MAKE " uninstall >/dev/null", place);
  assert_int_equal(files_in(place), 1); /* what was there before */
  workshop_shell("test -e %s/opt/it/bin/another && test ! -e %s/opt/it/share/attest", place, place);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_and_back)};
  if (support_emulated() || strcmp(support_program(), "build/attest") != 0 ||
      system("test -e build/attest && command -v make >/dev/null") != 0) {
    print_message("installing is tried with the build in build/ alone\n");
    return 0;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The user's locale shows nowhere: neither in what is read nor in what is printed or written. */
#include "workshop.h"

#include <unistd.h>

#define MODEL "tests/fixtures/conformance/gpt_neox-smooth-f32/model"
#define PROTOCOL "--n 16 --seq-len 64 --vocab 10:128 --pr-n 16 --threads 1"

/* A locale with a decimal comma: the system's, or else compiled from Debian's sources of locales.
 * Without either, the names of locales are all that a wrong program could trip over. */
static void choose_comma(void)
{
  const char *own = workshop_path("locales");
  char path[600], options[700];
  workshop_shell(
      "mkdir -p %s && { locale -a | grep -qi '^de_DE.utf-\\?8$' || localedef -i de_DE -f "
      "UTF-8 %s/de_DE.UTF-8 || echo \"no locale with a decimal comma: apt-get install "
      "locales\"; } 2>/dev/null",
      own, own);
  snprintf(path, sizeof path, "%s/de_DE.UTF-8", own);
  setenv("LC_ALL", "de_DE.UTF-8", 1);
  if (access(path, F_OK) != 0)
    return;
  setenv("LOCPATH", own, 1);
  snprintf(path, sizeof path, "%s/leaks", own); /* glibc does not free its copy of LOCPATH */
  support_write(path, "leak:argz_add_sep\n", 18);
  snprintf(options, sizeof options, "suppressions=%s:print_suppressions=0", path);
  setenv("LSAN_OPTIONS", options, 1);
}

/* All that commands with numbers write and print, in a folder. */
static void run_all(const char *folder)
{
  workshop_shell("rm -rf %s && mkdir %s", folder, folder);
  free(workshop_run(0, "screen " MODEL " " PROTOCOL " --quiet --out %s/s.csv", folder));
  free(workshop_run(0, "screen " MODEL " " PROTOCOL " --quiet --json %s/s.json", folder));
  char *text = workshop_run(0, "compare %s/s.csv %s/s.csv", folder, folder);
  workshop_contains(text, "equal to the bit");
  free(text);
  char path[600];
  snprintf(path, sizeof path, "%s/claims.txt", folder);
  text = workshop_run(1, "claims golden/published --json %s/claims.json", folder);
  support_write(path, text, strlen(text));
  free(text);
  snprintf(path, sizeof path, "%s/synth.txt", folder);
  text = workshop_run(0,
                      "synth --like olmo:layers=1,hidden=64,heads=2,vocab=100,clip=1.5 --out "
                      "%s.model",
                      folder);
  free(text);
  text = workshop_run(0, "inspect %s.model --no-hash", folder);
  workshop_contains(text, " GFLOP, ");
  free(text);
  workshop_shell("cp %s.model/config.json %s/synth.json && rm -r %s.model", folder, folder, folder);
}

static void test_decimal_comma(void **state)
{
  const char *plain = workshop_path("plain"), *comma = workshop_path("comma");
  (void)state;
  if (support_emulated())
    skip();
  setenv("LC_ALL", "C.UTF-8", 1); /* the charset may show, in the symbols of a summary */
  run_all(plain);
  choose_comma();
  run_all(comma);
  workshop_shell("diff -r %s %s", plain, comma);
  char path[600];
  size_t size;
  snprintf(path, sizeof path, "%s/synth.json", comma);
  char *config = support_read(path, &size);
  workshop_contains(config, "\"clip_qkv\": 1.5");
  free(config);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_decimal_comma)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

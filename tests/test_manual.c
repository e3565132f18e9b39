/* Manual pages and completions: one for every subcommand, taken as they are by the programs that
 * read them, where those are installed. */
#include "workshop.h"

#define MOST 64

/* The subcommands as --help lists them: whoever adds one need not tell this test. */
static size_t subcommands(char names[MOST][32])
{
  char *help = workshop_run(EXIT_HELD, "--help");
  size_t count = 0;
  for (char *line = strtok(help, "\n"); line; line = strtok(NULL, "\n"))
    if (strncmp(line, "  ", 2) == 0) {
      assert_true(count < MOST);
      assert_int_equal(sscanf(line, " %31s", names[count++]), 1);
    }
  free(help);
  assert_true(count >= 18);
  return count;
}

static bool installed(const char *program)
{
  char line[128];
  snprintf(line, sizeof line, "command -v %s >/dev/null", program);
  bool found = system(line) == 0;
  if (!found)
    print_message("%s is not installed: not tried\n", program);
  return found;
}

/* Option names that --help prints, each after `prefix` in `text`. */
static void expect_options(const char *command, const char *text, const char *prefix, bool escaped)
{
  char *help = workshop_run(EXIT_HELD, "%s --help", command);
  char *options = strstr(help, "\nOptions:\n");
  size_t found = 0;
  assert_non_null(options);
  for (char *line = strtok(options, "\n"); line; line = strtok(NULL, "\n")) {
    char name[64], wanted[200];
    if (sscanf(line, "  --%63[a-z0-9-]", name) != 1)
      continue;
    size_t used = (size_t)snprintf(wanted, sizeof wanted, "%s", prefix);
    for (const char *c = name; *c; c++)
      used += (size_t)snprintf(wanted + used, sizeof wanted - used, "%s%c",
                               escaped && *c == '-' ? "\\" : "", *c);
    workshop_contains(text, wanted);
    found++;
  }
  assert_true(found > 0);
  free(help);
}

/* Every command's page has all its options; mandoc finds nothing to say but that the pages are not
 * installed. */
static void test_pages(void **state)
{
  char names[MOST][32];
  size_t count = subcommands(names);
  const char *folder = workshop_path("pages");
  bool lint = installed("mandoc");
  (void)state;
  free(workshop_run(EXIT_HELD, "manual --to %s", folder));
  for (size_t i = 0; i < count; i++) {
    char path[600];
    snprintf(path, sizeof path, "%s/attest-%.31s.1", folder, names[i]);
    size_t size;
    char *page = support_read(path, &size);
    char *printed = workshop_run(EXIT_HELD, "manual %s", names[i]);
    assert_string_equal(page, printed);
    expect_options(names[i], page, ".It Fl \\-", true);
    workshop_contains(page, ".Sh EXIT STATUS");
    free(page);
    free(printed);
  }
  char *front = workshop_run(EXIT_HELD, "manual");
  for (size_t i = 0; i < count; i++) {
    char reference[64];
    snprintf(reference, sizeof reference, ".It Xr attest\\-%.31s 1\n", names[i]);
    workshop_contains(front, reference);
  }
  free(front);
  if (lint)
    workshop_shell("cd %s && ! mandoc -T lint *.1 | grep -v 'referenced manual not found'", folder);
}

static void test_pages_refused(void **state)
{
  (void)state;
  free(workshop_refuse(EXIT_INPUT, "nothing: no such command", "manual nothing"));
  free(workshop_refuse(EXIT_INPUT, "--to writes the pages of all", "manual screen --to x"));
  free(workshop_refuse(EXIT_INPUT, "/dev/null: directory cannot", "manual --to /dev/null/x"));
}

static void test_completions(void **state)
{
  static const struct {
    const char *shell, *command, *option; /* what stands before a command's and an option's name */
  } shells[] = {{"bash", "\n    ", " --"}, {"zsh", "\n    '", "'--"}, {"fish", " -a ", " -l "}};
  char names[MOST][32];
  size_t count = subcommands(names);
  (void)state;
  for (size_t s = 0; s < sizeof shells / sizeof *shells; s++) {
    char *script = workshop_run(EXIT_HELD, "completion %s", shells[s].shell);
    const char *path = workshop_path(shells[s].shell);
    support_write(path, script, strlen(script));
    for (size_t i = 0; i < count; i++) {
      char wanted[64];
      snprintf(wanted, sizeof wanted, "%s%.31s", shells[s].command, names[i]);
      workshop_contains(script, wanted);
      expect_options(names[i], script, shells[s].option, false);
    }
    free(script);
    if (installed(shells[s].shell))
      workshop_shell("%s -n %s", shells[s].shell, path);
  }
  free(workshop_refuse(EXIT_INPUT, "there is none for this shell", "completion csh"));
  free(workshop_refuse(EXIT_INPUT, "no shell is named", "completion"));
}

/* What bash offers after some words. */
static void expect_offer(const char *words, const char *offer)
{
  workshop_shell("bash -c 'source %s; COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
                 "_attest; [[ \"${COMPREPLY[*]}\" == \"%s\" ]] || { echo \"${COMPREPLY[*]}\"; "
                 "exit 1; }'",
                 workshop_path("bash"), words, offer);
}

static void test_bash_offers(void **state)
{
  (void)state;
  if (!installed("bash"))
    return;
  expect_offer("attest scr", "screen");
  expect_offer("attest screen --until", "--until-sure");
  expect_offer("attest screen --seq", "--seq-len");
  expect_offer("attest screen --threads tests/fixt", "");
  expect_offer("attest reproduce --work tests/fixt", "tests/fixtures");
  expect_offer("attest reproduce --json README", "README.md");
  expect_offer("attest reproduce manifests/nursery.t", "manifests/nursery.tar.zst");
  expect_offer("attest show --series \"\"", "bos induction pr");
  expect_offer("attest show golden/nursery-olmo --series b", "bos");
  expect_offer("attest show --series = in", "induction");
  expect_offer("attest show --series =", "bos induction pr");
  expect_offer("attest report --format ta", "tap tap14");
  expect_offer("attest screen --isa avx", "avx2 avx512");
  expect_offer("attest circuit --choose \"\"", "greedy topn");
  expect_offer("attest circuit --conv", "--convention");
}

/* Fixed values stand in every shell's script, and each that is offered is one that the command
 * knows: the others are refused before anything is read. */
static void test_choices(void **state)
{
  static const struct {
    const char *shell, *words;
  } scripts[] = {
      {"bash", "        --series) values='bos induction pr' ;;\n"},
      {"zsh", ":bos|induction|pr:(bos induction pr)'"},
      {"zsh", ":(auto scalar avx2 avx512 neon)'"},
      {"fish", " -l series -x -a 'bos induction pr' -d '"},
      {"fish", " -l format -x -a 'html markdown junit tap tap14 in-toto ro-crate' -d '"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
    char *script = workshop_run(EXIT_HELD, "completion %s", scripts[i].shell);
    workshop_contains(script, scripts[i].words);
    free(script);
  }
  free(workshop_refuse(EXIT_INPUT, "--series sinks: must be",
                       "show golden/nursery-olmo --series sinks"));
  char *help = workshop_run(EXIT_HELD, "show --help");
  workshop_contains(help, "  --series bos|induction|pr\n");
  free(help);
  if (installed("fish"))
    workshop_shell("fish -N -c 'source %s; complete -C \"attest show --series \"' | sort | "
                   "cut -f1 | paste -sd\" \" | grep -qx \"bos induction pr\"",
                   workshop_path("fish"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pages),       cmocka_unit_test(test_pages_refused),
      cmocka_unit_test(test_completions), cmocka_unit_test(test_bash_offers),
      cmocka_unit_test(test_choices),
  };
  return cmocka_run_group_tests_name("manual", tests, NULL, NULL);
}

/* The command line: usage errors, help, and the subcommands that do not need a model. */
#include "workshop.h"

static const char *const subcommands[] = {"reproduce", "verify", "screen", "claims",   "plan",
                                          "compare",   "synth",  "task",   "selftest", "bench"};
#define SUBCOMMANDS (sizeof subcommands / sizeof *subcommands)

static void test_usage_errors(void **state)
{
  static const struct {
    const char *line, *words;
  } cases[] = {
      {"", "no command given"},
      {"frobnicate", "frobnicate: no such command"},
      {"--frobnicate", "--frobnicate: no such command"},
      {"screen", "MODEL_DIR is missing"},
      {"screen a b", "b: one argument too many"},
      {"screen m --frob", "--frob: unknown option"},
      {"screen m -n 5", "-n: unknown option"},
      {"screen m --n", "--n: needs N"},
      {"screen m --n 0", "--n 0: must be a whole number from 1"},
      {"screen m --n -1", "--n -1: must be"},
      {"screen m --n 1e3", "--n 1e3: must be"},
      {"screen m --n 99999999999999999999999", "must be a whole number"},
      {"screen m --n 1 --n=1", "--n: given twice"},
      {"screen m --seq-len 1", "--seq-len 1: must be"},
      {"screen m --vocab 100", "--vocab 100: must be LO:HI"},
      {"screen m --vocab 9:5", "--vocab 9:5: must be LO:HI"},
      {"screen m --vocab 5:5", "--vocab 5:5: must be LO:HI"},
      {"screen m --vocab 5:", "--vocab 5:: must be LO:HI"},
      {"screen m --seed 4294967296", "--seed 4294967296: must be"},
      {"screen m --pr-n 0", "--pr-n 0: must be"},
      {"screen m --baseline-n 0", "--baseline-n 0: must be"},
      {"screen m --bos -1", "--bos -1: must be"},
      {"screen m --threads 0", "--threads 0: must be"},
      {"screen m --threads 1025", "--threads 1025: must be"},
      {"screen m --memory 0", "--memory 0: must be a size"},
      {"screen m --memory 4X", "--memory 4X: must be a size"},
      {"screen m --memory 99999999999T", "must be a size"},
      {"screen m --quiet=1", "--quiet: takes no argument"},
      {"screen m --beyond-context=yes", "--beyond-context: takes no argument"},
      {"screen m --out - --json -", "cannot both be standard output"},
      {"reproduce --checkpoints d", "--checkpoints needs exactly one manifest"},
      {"reproduce a b --checkpoints d", "--checkpoints needs exactly one manifest"},
      {"verify", "needs a manifest"},
      {"verify a b --checkpoints d", "exactly one with --checkpoints"},
      {"claims", "DIR is missing"},
      {"compare", "needs two trajectories"},
      {"compare a", "needs two trajectories"},
      {"compare a b c", "c: one argument too many"},
      {"selftest x", "x: one argument too many"},
      {"synth --out d", "--like"},
      {"synth --like olmo", "--out"},
      {"synth --like mamba --out d", "mamba"},
      {"bench x", "x: one argument too many"},
      {"bench --plot p.svg", "--sweep"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    free(workshop_refuse(EXIT_INPUT, cases[i].words, "%s", cases[i].line));
}

/* Common options are checked by every subcommand, also by those that do not compute. */
static void test_common_options(void **state)
{
  static const char *const arguments[] = {"",
                                          "manifests/published.json",
                                          WORKSHOP_MODEL,
                                          "golden/nursery-olmo",
                                          "manifests/nursery-olmo.json",
                                          "golden/nursery-olmo golden/nursery-olmo",
                                          "--like olmo --out none --dry-run",
                                          "copy --out none",
                                          "",
                                          ""};
  (void)state;
  for (size_t i = 0; i < SUBCOMMANDS; i++) {
    const char *command = subcommands[i], *rest = arguments[i];
    free(workshop_refuse(EXIT_INPUT, "--isa mmx: must be auto, scalar,", "%s %s --isa mmx", command,
                         rest));
    free(workshop_refuse(EXIT_INPUT, "--threads x: must be", "%s %s --threads x", command, rest));
    free(workshop_refuse(EXIT_INPUT, "--memory x: must be", "%s %s --memory x", command, rest));
    free(workshop_refuse(EXIT_INPUT, "--json: needs FILE", "%s %s --json", command, rest));
    free(workshop_refuse(EXIT_RUN, "/none/x.json: cannot be written", "%s %s --json %s/none/x.json",
                         command, rest, support_directory()));
  }
}

static void test_help(void **state)
{
  (void)state;
  char *all = workshop_run(EXIT_HELD, "--help");
  for (size_t i = 0; i < SUBCOMMANDS; i++) {
    workshop_contains(all, subcommands[i]);
    char *help = workshop_run(EXIT_HELD, "%s --help", subcommands[i]);
    char usage[64];
    snprintf(usage, sizeof usage, "Usage: attest %s", subcommands[i]);
    workshop_contains(help, usage);
    workshop_contains(help, "--isa auto|scalar|avx2|avx512|neon");
    workshop_contains(help, "--threads N");
    workshop_contains(help, "--memory SIZE");
    workshop_contains(help, "--json FILE");
    workshop_contains(help, "--quiet");
    free(help);
  }
  free(all);
  char *screen = workshop_run(EXIT_HELD, "screen --help");
  static const char *const options[] = {"--n N",          "--seq-len T",      "--vocab LO:HI",
                                        "--seed S",       "--pr-n N",         "--baseline-n N",
                                        "--out FILE.csv", "--beyond-context", "--bos ID",
                                        "--dump DIR",     "--dump-n N"};
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    workshop_contains(screen, options[i]);
  free(screen);
  char *ablate = workshop_run(EXIT_HELD, "ablate --help"); /* too long to have help beside it */
  workshop_contains(ablate, "  --circuit-from TRAJECTORY[:REVISION]\n      ");
  free(ablate);
  char *version = workshop_run(EXIT_HELD, "--version");
  assert_true(strncmp(version, "attest ", 7) == 0 &&
              strchr(version, '\n') == strrchr(version, '\n'));
  free(version);
}

static void test_selftest(void **state)
{
  (void)state;
  char *text = workshop_run(EXIT_HELD, "selftest --json -");
  json_t *all = workshop_json_text(text);
  assert_int_equal(json_integer_value(json_object_get(all, "failures")), 0);
  assert_true(json_array_size(json_object_get(all, "kernels")) > 0);
  json_decref(all);
  free(text);
  text = workshop_run(EXIT_HELD, "selftest --isa scalar");
  workshop_contains(text, "same bits as the C reference");
  free(text);
  text = workshop_run(EXIT_HELD, "selftest --quiet");
  assert_string_equal(text, "");
  free(text);
}

static void test_compare(void **state)
{
  char a[600], b[600];
  (void)state;
  snprintf(a, sizeof a, "golden/nursery-olmo/step562.csv");
  snprintf(b, sizeof b, "%s/step562.csv", support_directory());
  workshop_shell("cp %s %s", a, b);
  char *text = workshop_run(EXIT_HELD, "compare %s %s", a, b);
  assert_string_equal(text, "equal to the bit\n");
  free(text);
  workshop_nudge(b, 9, CLASS_INDUCTION);
  text = workshop_run(EXIT_CHECK, "compare %s %s", a, b);
  workshop_contains(text, "layer 2, head 1, induction: ");
  workshop_contains(text, ", 1 ULP\n");
  assert_ptr_equal(strchr(text, '\n'), strrchr(text, '\n'));
  free(text);
  text = workshop_run(EXIT_CHECK, "compare %s %s --json -", a, b);
  json_t *all = workshop_json_text(text);
  assert_true(json_is_false(json_object_get(all, "equal")));
  workshop_contains(json_string_value(json_object_get(all, "difference")), "layer 2, head 1");
  json_decref(all);
  free(text);
  text = workshop_run(EXIT_CHECK, "compare %s %s --quiet", a, b);
  assert_string_equal(text, "");
  free(text);
  text = workshop_run(EXIT_CHECK, "compare %s golden/published/pythia-1b/step1.csv", a);
  workshop_contains(text, "shape: 4 layers of 4 heads against 16 layers of 8 heads");
  free(text);
}

static void test_compare_directories(void **state)
{
  const char *copy = workshop_path("trajectory");
  char path[600];
  (void)state;
  workshop_shell("cp -r golden/nursery-olmo %s", copy);
  free(workshop_run(EXIT_HELD, "compare golden/nursery-olmo %s", copy));
  workshop_shell("sed -i 's/\"trained\"/\"real\"/' %s/trajectory.json", copy);
  char *said = workshop_run(EXIT_HELD, "compare golden/nursery-olmo %s", copy);
  assert_string_equal(said, "equal to the bit\nthey do not say the same of where they come from: "
                            "kind: \"trained\" against \"real\"\n");
  free(said);
  snprintf(path, sizeof path, "%s/step817.csv", copy);
  workshop_nudge(path, 15, CLASS_LOCAL);
  char *text = workshop_run(EXIT_CHECK, "compare golden/nursery-olmo %s", copy);
  workshop_contains(text, "revision step817, layer 3, head 3, local: ");
  workshop_contains(text, ", 1 ULP\n");
  free(text);
  text = workshop_run(EXIT_CHECK, "compare golden/nursery-olmo golden/nursery-olmoe");
  workshop_contains(text, "model nursery-olmo against nursery-olmoe");
  free(text);
  free(workshop_refuse(EXIT_INPUT, "one is a directory", "compare golden/nursery-olmo %s", path));
  free(workshop_refuse(EXIT_INPUT, "cannot be opened", "compare %s %s.none", path, path));
}

/* The keys that consumers of the JSON rely on. */
static void check_keys(json_t *rows)
{
  static const char *const keys[] = {"id",        "model",      "figure",  "revision", "definition",
                                     "published", "recomputed", "verdict", "evidence"};
  size_t index;
  json_t *row;
  json_array_foreach(rows, index, row)
  {
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
      if (!json_object_get(row, keys[k]))
        fail_msg("claim %zu has no \"%s\"", index, keys[k]);
  }
}

static double recomputed(json_t *rows, const char *revision, const char *definition)
{
  size_t index;
  json_t *row;
  json_array_foreach(rows, index, row)
  {
    if (strcmp(json_string_value(json_object_get(row, "model")), "olmo-1b-0724") == 0 &&
        strcmp(json_string_value(json_object_get(row, "figure")), "bos_fraction") == 0 &&
        strncmp(json_string_value(json_object_get(row, "revision")), revision, strlen(revision)) ==
            0 &&
        strcmp(json_string_value(json_object_get(row, "definition")), definition) == 0)
      return json_number_value(json_object_get(row, "recomputed"));
  }
  fail_msg("no bos_fraction of olmo-1b-0724 at %s as %s", revision, definition);
  return 0;
}

/* The abrupt sinks of OLMo between 117B and 264B tokens, under both published counts. */
static void test_claims(void **state)
{
  const char *path = workshop_path("claims.json");
  (void)state;
  char *text = workshop_run(EXIT_CHECK, "claims golden/published --all --json %s", path);
  static const char *const percent[] = {"7.4 %", "70.3 %", "5.1 %", "64.8 %"};
  for (size_t i = 0; i < sizeof percent / sizeof *percent; i++)
    workshop_contains(text, percent[i]);
  free(text);
  json_t *all = workshop_json(path), *rows = json_object_get(all, "claims");
  assert_true(json_array_size(rows) > 0);
  check_keys(rows);
  assert_true(recomputed(rows, "step56000", "screen") == 0.07421875);
  assert_true(recomputed(rows, "step126000", "screen") == 0.703125);
  assert_true(recomputed(rows, "step56000", "best-class") == 13.0 / 256.0);
  assert_true(recomputed(rows, "step126000", "best-class") == 0.6484375);
  json_decref(all);
  text = workshop_run(EXIT_CHECK, "claims golden/published --json -");
  all = workshop_json_text(text);
  check_keys(json_object_get(all, "claims"));
  json_decref(all);
  free(text);
  text = workshop_run(EXIT_CHECK, "claims golden/published --quiet");
  assert_string_equal(text, "");
  free(text);
  free(workshop_run(EXIT_HELD, "claims golden/nursery-olmo"));
}

/* Published tables beside trajectories, alone, twice, and damaged. */
static void test_claims_tables(void **state)
{
  (void)state;
  char *text = workshop_run(EXIT_CHECK, "claims golden/published/tables --all");
  workshop_contains(text, "\nP1-001  pythia-1b ");
  workshop_contains(text, "no published trajectory of pythia-1b is given");
  free(text);
  free(workshop_refuse(EXIT_INPUT, "a second folder of published tables",
                       "claims golden/published golden/published/tables"));
  text = workshop_run(EXIT_CHECK, "claims golden/published/tables golden/formation-core");
  workshop_contains(text, "\narXiv 2606.02378, ");
  workshop_contains(text, "\narXiv 2404.07129, on small models trained for this project");
  free(text);
  const char *tables = workshop_path("other-tables");
  workshop_shell("cp -r golden/published/tables %s", tables);
  workshop_shell("sed -i '5s/,81,/,-,/' %s/induction_ablations.csv", tables);
  free(workshop_refuse(EXIT_INPUT, "line 5, column top1_items: \"-\" must be a finite number",
                       "claims %s", tables));
}

static void test_verify(void **state)
{
  (void)state;
  char *text = workshop_run(EXIT_HELD, "verify manifests/published.json --json -");
  json_t *all = workshop_json_text(text);
  assert_int_equal(json_integer_value(json_object_get(all, "failures")), 0);
  json_decref(all);
  free(text);
  const char *tables = workshop_path("tables");
  workshop_shell("cp -r golden/published %s", tables);
  char path[600];
  snprintf(path, sizeof path, "%s/pythia-1b/step1.csv", tables);
  workshop_nudge(path, 0, CLASS_SELF);
  text = workshop_run(EXIT_CHECK, "verify manifests/published.json --checkpoints %s", tables);
  workshop_contains(text, "pythia-1b/step1.csv: ");
  workshop_contains(text, "1 failure");
  free(text);
  free(workshop_refuse(EXIT_INPUT, "are not there; fetch them",
                       "verify manifests/published.json --checkpoints %s.none --quiet", tables));
  free(workshop_refuse(EXIT_INPUT, "cannot be opened", "verify %s.none", tables));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_usage_errors), cmocka_unit_test(test_common_options),
      cmocka_unit_test(test_help),         cmocka_unit_test(test_selftest),
      cmocka_unit_test(test_compare),      cmocka_unit_test(test_compare_directories),
      cmocka_unit_test(test_claims),       cmocka_unit_test(test_claims_tables),
      cmocka_unit_test(test_verify),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What `attest reproduce` says of goldens: that there is none, that they are of something else, and
 * that their bytes are not those that it writes. */
#include "workplace.h"

#define MANIFEST "/manifests/" MODEL ".json"
#define TABLES "/manifests/published.json"

static const char *place; /* kept as it is: every case works on a copy */

static int setup(void **state)
{
  (void)state;
  unsetenv("CI");
  place = quick_workplace("source");
  return 0;
}

/* "<copy>/<rest>" of a fresh copy; the string stays valid until the next one. */
static const char *copy_place(const char *rest)
{
  static char path[600];
  const char *copy = workshop_path("copy");
  workshop_shell("rm -rf %s && cp -r %s %s", copy, place, copy);
  snprintf(path, sizeof path, "%s/%s", copy, rest);
  return path;
}

/* Sets a key of a manifest of the copy. */
static void set(const char *manifest, const char *key, json_t *value)
{
  json_t *root = workshop_json(manifest);
  json_object_set_new(root, key, value);
  workshop_json_write(manifest, root);
  json_decref(root);
}

/* The last line of a run that ends with this code, in a buffer. */
static const char *last_line(const char *text)
{
  static char line[1024];
  const char *end = text + strlen(text) - 1, *start = end;
  assert_true(*end == '\n');
  while (start > text && start[-1] != '\n')
    start--;
  snprintf(line, sizeof line, "%.*s", (int)(end - start), start);
  return line;
}

/* Runs a manifest of the copy, which must end so and say all of these words. */
static void run(int code, const char *manifest, const char *options, const char *last,
                const char *const *words)
{
  char *text =
      workshop_run(code, "reproduce %s --work %s/work%s", manifest, workshop_path("copy"), options);
  workshop_contains(last_line(text), last);
  for (; *words; words++)
    workshop_contains(text, *words);
  free(text);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_undisturbed(void **state)
{
  (void)state;
  const char *path = copy_place(MANIFEST);
  run(EXIT_HELD, path, "", "ALL CHECKS HELD: 1 manifest, 0 failed checks; instruction set",
      WORDS("compared: 10 revisions, kind, source and caveat with the golden trajectory ",
            "values and bytes; ablations of 10 revisions with the golden ",
            "ablations.csv, bytes; 53 verdicts with "));
  path = copy_place(TABLES);
  run(EXIT_HELD, path, "", "ALL CHECKS HELD",
      WORDS("published: compared: 153 verdicts with ",
            "published: not compared: source and caveat of the manifest itself"));
}

/* Nothing to compare with is a failure, unless it is asked for; then it is still said. */
static void test_none(void **state)
{
  (void)state;
  const char *path = copy_place(MANIFEST);
  set(path, "golden", json_null());
  run(EXIT_CHECK, path, "", "FAILED: 1 manifest, 1 failed check; NOT COMPARED: 1 manifest",
      WORDS("FAILED: NOT COMPARED: ", "--allow-uncompared", "compared: nothing",
            "53 verdicts: the manifest names no golden", "first complete run: kept"));
  run(EXIT_HELD, path, "", "ALL CHECKS HELD",
      WORDS("compared: 10 revisions with our own first run",
            "; 53 verdicts: the manifest names no golden"));
  workshop_shell("rm -r %s/work", workshop_path("copy"));
  run(EXIT_HELD, path, " --allow-uncompared", "NO CHECK FAILED: 1 manifest, 0 failed checks; NOT",
      WORDS("NOT COMPARED: nothing was there to compare with", "compared: nothing"));
  path = copy_place(TABLES);
  set(path, "golden", json_null());
  run(EXIT_CHECK, path, "", "FAILED", WORDS(" verdicts: the manifest names no golden"));
  run(EXIT_HELD, path, " --allow-uncompared", "NO CHECK FAILED", WORDS("compared: nothing"));
}

/* Bands that any figures are within compare nothing; narrow ones do. */
static void test_bands(void **state)
{
  (void)state;
  for (int wide = 0; wide < 2; wide++) {
    const char *path = copy_place(MANIFEST);
    set(path, "golden", json_null());
    set(path, "published",
        json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:b}", "directory", "../golden/" MODEL,
                  "class_agreement", wide ? 0.0 : 0.9, "selectivity_error", 0.1,
                  "selectivity_share", 0.0, "pr_error", 0.1, "pr_share", 0.0, "claims", 0));
    if (wide)
      run(EXIT_CHECK, path, "", "NOT COMPARED: 1 manifest",
          WORDS("not compared: the published tables: any figures are within bands of 0"));
    else
      run(EXIT_HELD, path, "", "ALL CHECKS HELD",
          WORDS("compared: 10 revisions with the published tables ",
                "not compared: claim verdicts with those of the published tables; to the bit: the "
                "manifest names no golden"));
  }
}

/* The manifest's words are those of the golden, whatever the figures are. */
static void test_provenance(void **state)
{
  static const struct {
    const char *key, *value, *words;
  } cases[] = {{"kind", "real", ": kind: \"trained\" against \"real\""},
               {"kind", "synthetic", ": kind: \"trained\" against \"synthetic\""},
               {"caveat", "", ": caveat: \"Small and trained"},
               {"caveat", "Small.", ": caveat: \"Small and trained"},
               {"source", "The real ones.", ": source: \"A 4-layer model"}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *path = copy_place(MANIFEST);
    set(path, cases[i].key, json_string(cases[i].value));
    run(EXIT_CHECK, path, "", "FAILED: 1 manifest, 1 failed check",
        WORDS("the manifest's words are not those of ", cases[i].words, ": they differ"));
  }
  const char *path = copy_place(TABLES);
  set(path, "caveat", json_string(""));
  run(EXIT_CHECK, path, "", "FAILED", WORDS("the manifest has no caveat", "(no caveat is stated)"));
}

/* A table that nobody pinned is not read as if it were. */
static void test_unpinned_table(void **state)
{
  (void)state;
  const char *path = copy_place(TABLES);
  json_t *root = workshop_json(path);
  const json_t *model = json_array_get(json_object_get(root, "revisions"), 0);
  json_array_remove(json_object_get(model, "files"), 3); /* step16.csv */
  workshop_json_write(path, root);
  json_decref(root);
  run(EXIT_CHECK, path, "", "FAILED: 1 manifest, 1 failed check",
      WORDS("step16.csv would be read but is not in the manifest"));
}

/* More revisions, fewer, none, or no golden where one is named. */
static void test_incomplete(void **state)
{
  static const struct {
    const char *command, *words;
    int code;
  } cases[] = {
      {"rm -r golden/" MODEL, "verdicts.tsv: missing", EXIT_INPUT},
      {"rm golden/" MODEL "/*", "verdicts.tsv: missing", EXIT_INPUT},
      {"rm golden/" MODEL "/verdicts.tsv", "verdicts.tsv: missing", EXIT_INPUT},
      {"rm golden/" MODEL "/step60.csv", "git checkout", EXIT_INPUT},
      {"rm golden/" MODEL "/trajectory.json", "git checkout", EXIT_INPUT},
      {"sed -i 's/$/\\r/' golden/" MODEL "/step60.csv", "carriage return", EXIT_INPUT},
      {"sed -i '2d' golden/" MODEL "/verdicts.tsv", "verdicts.tsv: line 2: golden \"", EXIT_CHECK},
      {"sed -i '$d' golden/" MODEL "/verdicts.tsv", "verdicts.tsv: line 54: golden no such line",
       EXIT_CHECK},
      {"echo F9 >> golden/" MODEL "/verdicts.tsv", "line 55: golden \"F9\", now no such line",
       EXIT_CHECK},
      {"sed -i '2,$d' golden/" MODEL "/verdicts.tsv", "line 2: golden no such line", EXIT_CHECK},
      {": > golden/" MODEL "/verdicts.tsv", "line 1: golden no such line", EXIT_CHECK},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *path = copy_place(MANIFEST);
    workshop_shell("cd %s && %s", workshop_path("copy"), cases[i].command);
    if (cases[i].code == EXIT_CHECK)
      run(EXIT_CHECK, path, "", "FAILED: 1 manifest, 1 failed", WORDS(cases[i].words));
    else
      free(workshop_refuse(cases[i].code, cases[i].words, "reproduce %s --quiet --work %s/work",
                           path, workshop_path("copy")));
  }
  for (int more = 0; more < 2; more++) { /* than the golden */
    char index[600];
    const char *path = copy_place(MANIFEST);
    snprintf(index, sizeof index, "%s/golden/" MODEL "/trajectory.json", workshop_path("copy"));
    json_t *root = workshop_json(more ? index : path);
    json_array_remove(json_object_get(root, "revisions"), 9);
    workshop_json_write(more ? index : path, root);
    json_decref(root);
    run(EXIT_CHECK, path, "", "FAILED",
        WORDS(more ? "9 revisions against 10" : "10 revisions against 9"));
  }
}

/* Bytes that nobody but a hand wrote, though the values are the same. */
static void test_bytes(void **state)
{
  static const struct {
    const char *command, *words;
  } cases[] = {
      {"sed -i '2s/\\([0-9]\\)$/\\10/' golden/" MODEL "/step60.csv", "step60.csv"},
      {"sed -i 's/$/\\r/' golden/" MODEL "/trajectory.json", "trajectory.json"},
      {"sed -i '3s/$/ /' golden/" MODEL "/trajectory.json", "line 3, column 26: \" \\x0A \"kind"},
      {"echo >> golden/" MODEL "/trajectory.json", "in the file, the end expected"},
      {"sed -i 's/0.00256/2.56e-3/' golden/" MODEL "/trajectory.json", "\"2.56e-3"},
      {"sed -i 's/$/\\r/' golden/" MODEL "/verdicts.tsv", "line 1, column 89: \"\\x0D"},
      {"sed -i '3s/$/ /' golden/" MODEL "/verdicts.tsv", "line 3, column "},
      {"sed -i '2s/\t0\treproduced/\t0.0\treproduced/' golden/" MODEL "/verdicts.tsv", "line 2, "},
      {"truncate -s -1 golden/" MODEL "/verdicts.tsv", "line 54, column "},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *path = copy_place(MANIFEST);
    workshop_shell("cd %s && %s", workshop_path("copy"), cases[i].command);
    run(EXIT_CHECK, path, "", "FAILED: 1 manifest, 1 failed check",
        WORDS("the values are equal but the bytes are not: line ", "git checkout",
              "--update-golden", cases[i].words));
  }
}

/* The order of keys is not a value either. */
static void test_key_order(void **state)
{
  char index[600];
  (void)state;
  const char *path = copy_place(MANIFEST);
  snprintf(index, sizeof index, "%s/golden/" MODEL "/trajectory.json", workshop_path("copy"));
  json_t *root = workshop_json(index), *kind = json_incref(json_object_get(root, "kind"));
  json_object_del(root, "kind");
  json_object_set_new(root, "kind", kind);
  workshop_json_write(index, root);
  json_decref(root);
  run(EXIT_CHECK, path, "", "FAILED",
      WORDS("trajectory.json: the values are equal but the bytes are not: line 4, column 3: "));
}

/* Writing a golden compares nothing, and says so. */
static void test_update(void **state)
{
  (void)state;
  const char *path = copy_place(TABLES);
  run(EXIT_HELD, path, " --update-golden", "GOLDEN WRITTEN, NOTHING COMPARED WITH IT: 1 manifest",
      WORDS("compared: nothing"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_undisturbed),    cmocka_unit_test(test_none),
      cmocka_unit_test(test_bands),          cmocka_unit_test(test_provenance),
      cmocka_unit_test(test_incomplete),     cmocka_unit_test(test_bytes),
      cmocka_unit_test(test_key_order),      cmocka_unit_test(test_update),
      cmocka_unit_test(test_unpinned_table),
  };
  if (support_emulated()) {
    print_message("skipped: the emulator is too slow for whole runs\n");
    return 0;
  }
  return cmocka_run_group_tests_name("golden", tests, setup, NULL);
}

/* What a run says to machines, each format validated by a tool that was not written here. Where a
 * tool is missing that is said and the rest is looked at; continuous integration has all of them.
 */
#include "workplace.h"

#include "base/text.h"

static bool in_ci;

/* Whether a shell command succeeds: asks for the tools. */
static bool succeeds(const char *command)
{
  return system(command) == 0;
}

static bool have(const char *what, const char *command)
{
  if (succeeds(command))
    return true;
  if (in_ci)
    fail_msg("%s is not installed: make deps-dev", what);
  print_message("not validated, as %s is not installed: make deps-dev\n", what);
  return false;
}

static bool have_xmllint(void)
{
  return have("xmllint", "command -v xmllint >/dev/null 2>&1");
}

static bool have_prove(void)
{
  return have("prove", "command -v prove >/dev/null 2>&1");
}

static bool have_jsonschema(void)
{
  return have("python3-jsonschema", "python3 -W ignore -c 'import jsonschema, yaml' 2>/dev/null");
}

static void validate_json(const char *path, const char *schema)
{
  workshop_shell("python3 -W ignore -m jsonschema -i %s docs/schema/%s.schema.json >&2", path,
                 schema);
}

static void refuse_json(const char *path, const char *schema)
{
  char command[1200];
  snprintf(command, sizeof command,
           "python3 -W ignore -m jsonschema -i %s docs/schema/%s.schema.json >/dev/null 2>&1", path,
           schema);
  if (succeeds(command))
    fail_msg("%s: the schema %s takes anything", path, schema);
}

/* The JSON of a run with a failed check, a finding and words that mean something to each format. */
static const char *hostile_run(void)
{
  static const char words[] = "a <b> & \"c\" ]]> # TODO d \\ %0A::error::e\n\x1b[31m\xe2\x80\xa8 f";
  const char *path = workshop_path("hostile.json");
  json_t *run = workshop_json(workshop_path("run/run.json"));
  json_t *manifest = json_array_get(json_object_get(run, "manifests"), 0);
  json_t *claim = json_array_get(json_object_get(run, "claims"), 0);
  json_array_append_new(json_object_get(manifest, "failures"), json_string(words));
  json_array_append_new(json_object_get(manifest, "not_compared"), json_string(words));
  json_object_set_new(run, "failures", json_integer(1));
  json_object_set_new(claim, "id", json_string("F1 # <x>"));
  json_object_set_new(claim, "figure", json_string(words));
  json_object_set_new(claim, "recomputed_text", json_string(words));
  json_object_set_new(claim, "verdict", json_string("not reproduced"));
  workshop_json_write(path, run);
  json_decref(run);
  return path;
}

/* A run of the published tables and of three revisions, kept in a work folder. */
static int setup(void **state)
{
  (void)state;
  unsetenv("GITHUB_ACTIONS");
  const char *ci = getenv("CI");
  in_ci = ci && *ci;
  free(workshop_run(EXIT_HELD,
                    "reproduce manifests/published.json %s/manifests/" MODEL ".json --work %s "
                    "--json %s",
                    three_revisions_workplace("place"), workshop_path("run"),
                    workshop_path("json")));
  hostile_run();
  return 0;
}

/* Writes both runs in a format; the paths go to paths[2]. */
static void write_both(const char *format, const char *paths[2])
{
  static const char *const runs[2] = {"run", "hostile.json"};
  static char names[2][64];
  for (int i = 0; i < 2; i++) {
    snprintf(names[i], sizeof names[i], "%s-%d", format, i);
    paths[i] = workshop_path(names[i]);
    free(workshop_run(EXIT_HELD, "report %s --out %s --format %s", workshop_path(runs[i]), paths[i],
                      format));
  }
}

static size_t count_of(const char *text, const char *word)
{
  size_t count = 0;
  for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
    count++;
  return count;
}

/* The stated figures of the run that do not come out as stated. */
static size_t findings(void)
{
  json_t *run = workshop_json(workshop_path("run/run.json"));
  const json_t *claim;
  size_t i, count = 0;
  json_array_foreach(json_object_get(run, "claims"), i, claim)
  {
    const char *verdict = json_string_value(json_object_get(claim, "verdict"));
    count += json_is_true(json_object_get(claim, "stated")) && strcmp(verdict, "reproduced") != 0 &&
             strcmp(verdict, "not evaluated") != 0;
  }
  json_decref(run);
  return count;
}

static void test_junit(void **state)
{
  const char *paths[2];
  size_t size;
  (void)state;
  write_both("junit", paths);
  char *text = support_read(paths[0], &size);
  workshop_contains(text, "<testsuite name=\"2606.02378 F2\"");
  workshop_contains(text, "failures=\"0\"");
  assert_int_equal(count_of(text, "<system-out>FINDING: "), findings());
  assert_null(strstr(text, "<failure"));
  free(text);
  text = support_read(paths[1], &size);
  assert_int_equal(count_of(text, "<failure "), 1);
  workshop_contains(text, "message=\"a &lt;b&gt; &amp; &quot;c&quot; ]]&gt; # TODO");
  free(text);
  if (have_xmllint())
    for (int i = 0; i < 2; i++)
      workshop_shell("xmllint --nonet --noout --schema docs/schema/junit.xsd %s 2>&1 | "
                     "grep -q 'validates$'",
                     paths[i]);
}

/* prove takes it as it is, which of Debian 12 knows version 13 at most; what is called version 14
 * differs in its first line alone. */
static void test_tap(void **state)
{
  const char *paths[2], *newer = workshop_path("run.tap14");
  size_t size;
  char words[64];
  (void)state;
  write_both("tap", paths);
  char *text = support_read(paths[0], &size);
  assert_int_equal(strncmp(text, "TAP version 13\n1..", 18), 0);
  assert_int_equal(count_of(text, "\nnot ok "), findings());
  assert_int_equal(count_of(text, "# TODO finding"), findings());
  snprintf(words, sizeof words, "1..%zu\n", text_count_lines(text, size) - 2);
  workshop_contains(text, words);
  free(text);
  free(workshop_run(EXIT_HELD, "report %s --out %s", workshop_path("run"), newer));
  workshop_shell("test \"$(head -1 %s)\" = 'TAP version 14' && sed 1s/14/13/ %s | cmp - %s", newer,
                 newer, paths[0]);
  if (!have_prove())
    return;
  workshop_shell("prove --exec cat %s >/dev/null", paths[0]);
  workshop_shell("prove --exec cat %s >%s 2>&1; test $? = 1", paths[1], workshop_path("proved"));
  text = support_read(workshop_path("proved"), &size);
  workshop_contains(text, "Failed: 1)");
  free(text);
}

static void test_in_toto(void **state)
{
  static const char *const results[2] = {"WARNED", "FAILED"};
  const char *paths[2];
  (void)state;
  write_both("in-toto", paths);
  for (int i = 0; i < 2; i++) {
    json_t *statement = workshop_json(paths[i]),
           *predicate = json_object_get(statement, "predicate");
    assert_string_equal(json_string_value(json_object_get(predicate, "result")), results[i]);
    assert_int_equal(json_array_size(json_object_get(predicate, "warnedTests")),
                     findings() + (size_t)i);
    assert_int_equal(json_array_size(json_object_get(predicate, "failedTests")), i);
    /* The binary, two manifests, and of the folder 33 tables */
    assert_int_equal(json_array_size(json_object_get(statement, "subject")), i ? 3 : 36);
    json_decref(statement);
    if (have_jsonschema())
      validate_json(paths[i], "in-toto-test-result");
  }
  workshop_shell("test \"$(sha256sum <manifests/published.json | cut -d' ' -f1)\" = "
                 "\"$(grep -A3 'manifests/published.json' %s | grep -m1 -o '[0-9a-f]\\{64\\}')\"",
                 paths[0]);
  workshop_shell(
      "(cd %s && grep -A3 '\"name\": \"run/' %s | grep -o 'run/[^\"]*\\|[0-9a-f]\\{64\\}' | "
      "paste - - | awk '{ print $2 \"  \" $1 }' | sha256sum --check --quiet)",
      workshop_path("run"), paths[0]);
  if (!have_jsonschema())
    return;
  workshop_shell("sed -i 's/WARNED/FAILED/' %s", paths[0]);
  refuse_json(paths[0], "in-toto-test-result");
}

/* Without SOURCE_DATE_EPOCH the date is that of the run: the same bytes on every day. */
static void check_date(const char *path)
{
  json_t *run = workshop_json(workshop_path("run/run.json")),
         *machine = json_object_get(run, "run");
  char words[64];
  size_t size;
  snprintf(words, sizeof words, "\"datePublished\": \"%.10s\"",
           json_string_value(json_object_get(machine, "date")));
  free(workshop_run(EXIT_HELD, "report %s --out %s", workshop_path("run"), path));
  char *crate = support_read(path, &size);
  workshop_contains(crate, words);
  free(crate);
  json_object_del(machine, "date");
  workshop_json_write(workshop_path("undated.json"), run);
  json_decref(run);
  free(workshop_refuse(EXIT_INPUT, "does not say its date", "report %s --out - --format ro-crate",
                       workshop_path("undated.json")));
  setenv("SOURCE_DATE_EPOCH", "soon", 1);
  free(workshop_refuse(EXIT_INPUT, "SOURCE_DATE_EPOCH=soon: must be seconds",
                       "report %s --out - --format ro-crate", workshop_path("run")));
  unsetenv("SOURCE_DATE_EPOCH");
}

/* Every file that the crate says it has is there. */
static void test_ro_crate(void **state)
{
  const char *path = workshop_path("run/ro-crate-metadata.json");
  (void)state;
  check_date(path);
  setenv("SOURCE_DATE_EPOCH", "86400", 1);
  free(workshop_run(EXIT_HELD, "report %s --out %s", workshop_path("run"), path));
  unsetenv("SOURCE_DATE_EPOCH");
  json_t *crate = workshop_json(path), *graph = json_object_get(crate, "@graph"), *entity;
  size_t i, files = 0;
  json_array_foreach(graph, i, entity)
  {
    const char *type = json_string_value(json_object_get(entity, "@type"));
    if (strcmp(type, "Dataset") == 0)
      assert_string_equal(json_string_value(json_object_get(entity, "datePublished")),
                          "1970-01-02");
    if (strcmp(type, "File") != 0)
      continue;
    char file[700];
    snprintf(file, sizeof file, "%s/%s", workshop_path("run"),
             json_string_value(json_object_get(entity, "@id")));
    assert_int_equal(access(file, R_OK), 0);
    files++;
  }
  assert_int_equal(files, 34);
  json_decref(crate);
  free(workshop_refuse(EXIT_INPUT, "describes a run, and here is none",
                       "report golden/nursery-olmo --out - --format ro-crate"));
  if (!have_jsonschema())
    return;
  validate_json(path, "ro-crate");
  workshop_shell("sed -i '/datePublished/d' %s", path);
  refuse_json(path, "ro-crate");
}

static void test_json(void **state)
{
  const char *plan = workshop_path("plan.json");
  (void)state;
  free(workshop_run(EXIT_HELD, "plan manifests/nursery-olmo.json --shards 2 --quiet --json %s",
                    plan));
  if (!have_jsonschema())
    return;
  validate_json(workshop_path("run/run.json"), "run");
  validate_json(workshop_path("json"), "run");
  validate_json(plan, "plan");
  workshop_shell("sed -i 's/\"verdict\": \"reproduced\"/\"verdict\": \"fine\"/' %s",
                 workshop_path("json"));
  refuse_json(workshop_path("json"), "run");
  workshop_shell("sed -i 's/\"memory\"/\"memorx\"/' %s", plan);
  refuse_json(plan, "plan");
}

static void test_kubernetes(void **state)
{
  static const char *const names[] = {"shards", "merge"};
  const char *path = workshop_path("job.json");
  (void)state;
  if (!have_jsonschema())
    return;
  for (int i = 0; i < 2; i++) {
    workshop_shell(
        "python3 -c 'import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), "
        "open(sys.argv[2], \"w\"))' docs/kubernetes/%s.yaml %s",
        names[i], path);
    validate_json(path, "kubernetes-job");
  }
  workshop_shell("sed -i 's/restartPolicy/restartpolicy/' %s", path);
  refuse_json(path, "kubernetes-job");
}

/* A line a failed check, one a finding, at most ten of these; nothing can begin a line of its own.
 */
static void test_annotations(void **state)
{
  const char *place = workplace("annotated");
  char line[900], *out, *err;
  (void)state;
  workshop_shell("sed -i 's/0 %%/1 %%/' %s/golden/published/verdicts.tsv", place);
  snprintf(line, sizeof line, "reproduce %s/manifests/published.json --work %s/w --quiet", place,
           place);
  setenv("GITHUB_ACTIONS", "true", 1);
  assert_int_equal(workshop_start(line, &out, &err), EXIT_CHECK);
  unsetenv("GITHUB_ACTIONS");
  assert_string_equal(out, "");
  assert_int_equal(count_of(err, "::error title=checks of published"), 1);
  assert_int_equal(count_of(err, "::warning title=2606.02378 "), 10);
  assert_int_equal(count_of(err, "::notice title=attest::FAILED: 1 failed check, "), 1);
  assert_null(strstr(err, "%)"));
  free(out);
  free(err);
  assert_int_equal(workshop_start(line, &out, &err), EXIT_CHECK);
  assert_null(strstr(err, "::error"));
  free(out);
  free(err);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_junit),      cmocka_unit_test(test_tap),
      cmocka_unit_test(test_in_toto),    cmocka_unit_test(test_json),
      cmocka_unit_test(test_kubernetes), cmocka_unit_test(test_annotations),
      cmocka_unit_test(test_ro_crate),
  };
  if (support_emulated()) {
    print_message("formats are looked at without an emulator\n");
    return 0;
  }
  return cmocka_run_group_tests(tests, setup, NULL);
}

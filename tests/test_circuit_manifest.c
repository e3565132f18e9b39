/* `attest circuit` from the outside, of a manifest: golden, tampered with, resumed, refused. */
#include "workshop.h"

#define ARCHIVE "manifests/nursery.tar.zst"

/* A place with a manifest of two revisions and the task `copy`, and its golden. */
static int make_first(void **state)
{
  const char *place = workshop_path("first");
  char path[600];
  (void)state;
  unsetenv("CI");
  if (support_emulated())
    return 0;
  workshop_shell("mkdir -p %s/manifests/circuits %s/golden && cp -r manifests/tasks %s/manifests",
                 place, place, place);
  snprintf(path, sizeof path, "%s/manifests/circuits/c", place);
  workshop_unpack(ARCHIVE, "nursery-gpt_neox/step267/", path);
  workshop_unpack(ARCHIVE, "nursery-gpt_neox/step2500/", path);
  json_t *m = workshop_json("manifests/circuits/nursery-gpt_neox.json");
  json_t *all = json_object_get(m, "revisions"), *two = json_array();
  json_array_append(two, json_array_get(all, 4));
  json_array_append(two, json_array_get(all, 9));
  json_object_set_new(m, "revisions", two);
  json_object_set_new(m, "checkpoints", json_string("c"));
  json_object_set_new(m, "container", json_null());
  json_t *circuits = json_object_get(m, "circuits"), *tasks = json_object_get(circuits, "tasks");
  json_array_remove(tasks, 2);
  json_array_remove(tasks, 1);
  json_object_set_new(circuits, "pairs", json_integer(2));
  json_object_set_new(circuits, "method", json_string("ig3_first1"));
  snprintf(path, sizeof path, "%s/manifests/circuits/m.json", place);
  workshop_json_write(path, m);
  json_decref(m);
  free(workshop_run(EXIT_HELD, "reproduce %s --update-golden --work %s/w", path, place));
  return 0;
}

/* A copy of it. */
static const char *make_place(const char *name)
{
  const char *place = workshop_path(name);
  workshop_shell("command cp -a %s %s", workshop_path("first"), place);
  return place;
}

static void test_manifest(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  const char *place = make_place("place");
  char *text =
      workshop_run(EXIT_HELD, "circuit %s/manifests/circuits/m.json --work %s/w --out %s/out",
                   place, place, place);
  workshop_contains(text, "equal to the golden circuits");
  workshop_contains(text, "P2-53");
  workshop_contains(text, "ALL CHECKS HELD: 1 manifest");
  free(text);
  workshop_shell("diff %s/out/copy.csv %s/golden/circuits-gpt_neox/copy.csv", place, place);
  workshop_shell("test ! -e %s/w/nursery-gpt_neox.circuits/current", place);
  workshop_shell("sed -i '2s/,yes,/,no,/' %s/golden/circuits-gpt_neox/copy.csv", place);
  text =
      workshop_run(EXIT_CHECK, "reproduce %s/manifests/circuits/m.json --work %s/w", place, place);
  workshop_contains(text, "copy.csv: line 2");
  free(text);
  workshop_shell("rm %s/golden/circuits-gpt_neox/circuits.json", place);
  free(workshop_refuse(EXIT_INPUT, "circuits.json: missing",
                       "reproduce %s/manifests/circuits/m.json --quiet --work %s/w", place, place));
}

/* Another task file than the pinned one is refused before any work. */
static void test_task_is_pinned(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  const char *place = make_place("pins");
  workshop_shell("head -n 9 manifests/tasks/nursery-copy.jsonl | sed 's/\"pairs\":64/\"pairs\":8/' "
                 "> %s/manifests/tasks/nursery-copy.jsonl",
                 place);
  free(workshop_refuse(EXIT_INPUT, "nursery-copy.jsonl: has SHA-256",
                       "circuit %s/manifests/circuits/m.json --quiet --work %s/w", place, place));
}

/* A cut task file, more pairs than there are and more edges than the graph has are refused before
 * any work. */
static void test_too_much(void **state)
{
  (void)state;
  static const struct {
    const char *key;
    int value;
    const char *words;
  } cases[] = {{"pairs", 65, "circuits: \"pairs\" is 65, but"},
               {"pairs", 2000000, "\"pairs\" is 2000000, must be"},
               {"n", 464, "circuits: \"n\" is 464, but the graph of nursery-gpt_neox has 463"}};
  if (support_emulated())
    skip();
  const char *place = make_place("much");
  char path[600];
  snprintf(path, sizeof path, "%s/manifests/circuits/m.json", place);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    json_t *m = workshop_json(path), *circuits = json_object_get(m, "circuits");
    json_object_set_new(circuits, cases[i].key, json_integer(cases[i].value));
    workshop_json_write(workshop_path("much/manifests/circuits/x.json"), m);
    json_decref(m);
    free(workshop_refuse(EXIT_INPUT, cases[i].words,
                         "circuit %s/manifests/circuits/x.json --quiet --work %s/x", place, place));
  }
  workshop_shell("sed -i '9d' %s/manifests/tasks/nursery-copy.jsonl", place);
  free(workshop_refuse(EXIT_INPUT,
                       "nursery-copy.jsonl: line 1 says \"pairs\": 64, but the file has 63",
                       "circuit %s --quiet --work %s/w", path, place));
}

/* Nothing to compare with: what to do is said. */
static void test_no_golden(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  const char *place = make_place("none");
  workshop_shell("sed -i 's/\"golden\": \".*\"/\"golden\": null/' %s/manifests/circuits/m.json",
                 place);
  char *out, *err, line[1024];
  snprintf(line, sizeof line, "circuit %s/manifests/circuits/m.json --work %s/w", place, place);
  assert_int_equal(workshop_start(line, &out, &err), EXIT_CHECK);
  workshop_contains(out, "--allow-uncompared");
  free(out);
  free(err);
  free(workshop_run(EXIT_HELD, "%s --allow-uncompared", line));
}

/* Neither tasks nor the golden give way to an output. */
static void test_inputs_of_manifest(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  const char *place = make_place("inputs");
  char task[600];
  snprintf(task, sizeof task, "%s/manifests/tasks/nursery-copy.jsonl", place);
  static const char *const lines[][2] = {{"circuit", "json"}, {"reproduce", "json"}};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    free(workshop_refuse(EXIT_INPUT, "which this command uses",
                         "%s %s/manifests/circuits/m.json --quiet --work %s/w --%s %s", lines[i][0],
                         place, place, lines[i][1], task));
  free(workshop_refuse(EXIT_INPUT, "which this command uses",
                       "circuit %s/manifests/circuits/m.json --quiet --work %s/w --out "
                       "%s/golden/circuits-gpt_neox",
                       place, place, place));
  workshop_shell("mkdir %s/out && ln %s %s/out/copy.csv && ln %s %s/task.md", place, task, place,
                 task, place);
  free(workshop_refuse(EXIT_INPUT, "which this command uses",
                       "reproduce %s/manifests/circuits/m.json --quiet --work %s/w --report "
                       "%s/task.md",
                       place, place, place));
  free(workshop_refuse(EXIT_INPUT, "which this command uses",
                       "circuit %s/manifests/circuits/m.json --quiet --work %s/w --out %s/out",
                       place, place, place));
  workshop_shell("diff manifests/tasks/nursery-copy.jsonl %s", task);
}

/* A run that ends before it has compared has kept its revisions; the same command resumes. */
static void test_resumes(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  const char *place = make_place("resumes");
  workshop_shell("mv %s/golden/circuits-gpt_neox/verdicts.tsv %s/v.tsv && "
                 "mkdir -p %s/golden/circuits-gpt_neox/verdicts.tsv %s/out/circuits.json",
                 place, place, place, place);
  char *out, *err;
  char line[1024];
  snprintf(line, sizeof line, "circuit %s/manifests/circuits/m.json --work %s/w --out %s/out",
           place, place, place);
  assert_int_equal(workshop_start(line, &out, &err), EXIT_INPUT);
  workshop_contains(out, "step2500     found");
  free(out);
  free(err);
  workshop_shell("rmdir %s/golden/circuits-gpt_neox/verdicts.tsv && "
                 "mv %s/v.tsv %s/golden/circuits-gpt_neox/verdicts.tsv",
                 place, place, place);
  out = workshop_run(EXIT_HELD, "circuit %s/manifests/circuits/m.json --work %s/w", place, place);
  workshop_contains(out, "step2500     resumed");
  workshop_contains(out, "step267      resumed");
  workshop_contains(out, "equal to the golden circuits");
  free(out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_manifest), cmocka_unit_test(test_task_is_pinned),
      cmocka_unit_test(test_too_much), cmocka_unit_test(test_inputs_of_manifest),
      cmocka_unit_test(test_resumes),  cmocka_unit_test(test_no_golden),
  };
  return cmocka_run_group_tests(tests, make_first, NULL);
}

/* `attest circuit` from the outside, of one model: options that are refused, and its files. */
#include "workshop.h"

#include <math.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MODEL "tests/fixtures/conformance/gpt_neox-smooth-f32/model"
#define RECIPE "manifests/recipes/from-nothing-olmo-seed0.json"
#define EDGES 102 /* of MODEL */

static const char task_text[] =
    "{\"task\":\"toy\",\"metric\":\"logit\"}\n"
    "{\"clean\":[1,2,3,4,5,2],\"corrupted\":[1,7,3,9,5,2],\"positive\":[3],\"negative\":[8]}\n"
    "{\"clean\":[9,12,3,44],\"corrupted\":[9,17,3,44],\"positive\":[33],\"negative\":[3]}\n"
    "{\"clean\":[11,2,31,4,15],\"corrupted\":[11,2,77,4,15],\"positive\":[3],\"negative\":[2]}\n";

static const char *task_file(void)
{
  const char *path = workshop_path("toy.jsonl");
  support_write(path, task_text, strlen(task_text));
  return path;
}

static void test_refused(void **state)
{
  (void)state;
  static const struct {
    const char *line, *words;
  } cases[] = {
      {"", "MODEL_DIR or MANIFEST.json is missing"},
      {MODEL, "--task is missing"},
      {MODEL " --task t", "--out is missing"},
      {MODEL " --task t --out @ --method acdc", "--method acdc: must be eap or ig"},
      {MODEL " --task t --out @ --method eap --steps 3", "--steps: belongs to --method ig"},
      {MODEL " --task t --out @ --convention last", "--convention last: must be"},
      {MODEL " --task t --out @ --steps 0", "--steps 0: must be"},
      {MODEL " --task t --out @ --choose best", "--choose best: must be greedy or topn"},
      {MODEL " --task t --out @ --threshold 0", "--threshold 0: must be a number above 0"},
      {MODEL " --task t --out @ --threshold x", "--threshold x: must be a number above 0"},
      {MODEL " --task t --out @ --n 0", "--n 0: must be"},
      {MODEL " --task t --out @ --bound 0", "--bound 0: must be"},
      {MODEL " --task t --out @ --bootstrap 10001", "--bootstrap 10001: must be"},
      {MODEL " --task t --out @ --work w", "--work: is for a manifest"},
      {MODEL " --task none.jsonl --out @", "none.jsonl"},
      {"manifests/circuits/nursery-olmo.json --task t", "--task: is for a single model"},
      {"manifests/circuits/nursery-olmo.json --oracle", "--oracle: is for a single model"},
      {"manifests/nursery-olmo.json", "has no \"circuits\""},
      {RECIPE,
       "seed0.json: is a recipe of a training run, not a manifest; run it with attest train"},
      {MODEL " --task " RECIPE " --out @",
       "is one JSON object over many lines, such as a manifest"},
      {"manifests/none.json", "none.json"},
      {"manifests/circuits/pythia-70m.json --allow-unpinned --quiet", "ioi.jsonl"},
  };
  const char *out = workshop_path("refused");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char line[1024] = "";
    for (const char *p = cases[i].line; *p; p++)
      snprintf(line + strlen(line), sizeof line - strlen(line), *p == '@' ? "%s" : "%.1s",
               *p == '@' ? out : p);
    free(workshop_refuse(EXIT_INPUT, cases[i].words, "circuit %s", line));
  }
}

static void test_hostile_tasks(void **state)
{
  (void)state;
  static const struct {
    const char *pair, *words;
  } cases[] = {
      {"{\"clean\":[1,128],\"corrupted\":[1,2],\"positive\":[3],\"negative\":[]}", "line 2"},
      {"{\"clean\":[1,2],\"corrupted\":[1],\"positive\":[3],\"negative\":[]}", "line 2"},
      {"{\"clean\":[1,-2],\"corrupted\":[1,2],\"positive\":[3],\"negative\":[]}", "line 2"},
      {"{\"clean\":[1,2],\"corrupted\":[1,2],\"positive\":[3000],\"negative\":[]}", "line 2"},
      {"{\"clean\":[[[[", "line 2"},
  };
  const char *path = workshop_path("bad.jsonl"), *out = workshop_path("bad-out");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[512];
    snprintf(text, sizeof text, "{\"task\":\"toy\",\"metric\":\"logit\"}\n%s\n", cases[i].pair);
    support_write(path, text, strlen(text));
    free(workshop_refuse(EXIT_INPUT, cases[i].words, "circuit " MODEL " --task %s --out %s", path,
                         out));
    workshop_shell("test ! -e %s", out);
  }
}

/* What does not fit the model, or the task, is refused before a directory is made. */
static void test_too_much(void **state)
{
  (void)state;
  const char *path = workshop_path("long.jsonl"), *out = workshop_path("long-out");
  char ids[300] = "1", text[1024];
  for (int i = 0; i < 128; i++)
    strcat(ids, ",1");
  snprintf(text, sizeof text,
           "{\"task\":\"toy\",\"metric\":\"logit\"}\n"
           "{\"clean\":[%s],\"corrupted\":[%s],\"positive\":[3],\"negative\":[]}\n",
           ids, ids);
  support_write(path, text, strlen(text));
  free(workshop_refuse(EXIT_INPUT, "long.jsonl: line 2: a prompt of 129 tokens",
                       "circuit " MODEL " --task %s --out %s", path, out));
  free(workshop_refuse(EXIT_INPUT, "--n 103: the graph of",
                       "circuit " MODEL " --task %s --out %s --n 103", task_file(), out));
  free(workshop_refuse(EXIT_INPUT, "has 3 pairs", "circuit " MODEL " --task %s --out %s --pairs 4",
                       task_file(), out));
  workshop_shell("test ! -e %s", out);
}

static char *read_file(const char *directory, const char *name, size_t *size)
{
  char path[600];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return support_read(path, size);
}

static size_t count(const char *text, const char *words)
{
  size_t found = 0;
  for (const char *at = strstr(text, words); at; at = strstr(at + 1, words))
    found++;
  return found;
}

/* Quotes and braces in pairs, edges of the circuit and no others. */
static void check_dot(const char *dot, size_t edges)
{
  assert_true(strncmp(dot, "digraph circuit {\n", 18) == 0);
  assert_int_equal(count(dot, "{"), count(dot, "}"));
  assert_int_equal(count(dot, "\"") % 2, 0);
  assert_int_equal(count(dot, " -> "), edges);
}

/* Every element is closed, none is closed that is not open. */
static void check_svg(const char *svg, size_t edges)
{
  size_t depth = 0;
  for (const char *at = strchr(svg, '<'); at; at = strchr(at, '<')) {
    const char *end = strchr(at, '>');
    assert_non_null(end);
    if (at[1] == '/')
      assert_true(depth-- > 0);
    else
      depth += end[-1] != '/';
    at = end;
  }
  assert_int_equal(depth, 0);
  assert_int_equal(count(svg, "<path "), edges);
  static const char *const legend[] = {"score above 0",     "score below 0", "a score near 0",
                                       "the largest score", "a node: input", "for its query"};
  for (size_t i = 0; i < sizeof legend / sizeof *legend; i++)
    assert_int_equal(count(svg, legend[i]), 1);
  assert_true(count(svg, "<text class=\"title\"") >= 1);
  assert_non_null(strstr(svg, "on toy: "));
}

static void check_outputs(const char *out)
{
  char path[600];
  size_t size;
  char *edges = read_file(out, "edges.csv", &size);
  char *circuits = read_file(out, "circuits.csv", &size);
  char *dot = read_file(out, "circuit.dot", &size), *svg = read_file(out, "circuit.svg", &size);
  snprintf(path, sizeof path, "%s/circuit.json", out);
  json_t *json = workshop_json(path), *circuit = json_object_get(json, "circuit");
  size_t kept = (size_t)json_integer_value(json_object_get(circuit, "edges"));
  static const char head[] =
      "edge,name,source,destination,ig5_first1,exact,greedy_rank_ig5_first1,in_circuit,"
      "in_normalised,inclusion\n0,input->a0.h0<q>,0,0,";
  assert_true(strncmp(edges, head, strlen(head)) == 0);
  assert_int_equal(count(edges, "\n"), EDGES + 1);
  assert_int_equal(json_array_size(json_object_get(circuit, "edge_names")), kept);
  assert_non_null(strstr(circuits, "\nempty,0,0,0,0,"));
  const char *full = strstr(circuits, "\nfull,102,102,102,");
  assert_non_null(full);
  full = strchr(full + 1, '\n') - 4;
  assert_true(strncmp(full, ",1,1", 4) == 0); /* to the bit */
  check_dot(dot, kept);
  check_svg(svg, kept);
  json_t *bootstrap = json_object_get(json, "bootstrap");
  assert_int_equal(json_integer_value(json_object_get(bootstrap, "seed")), 2027);
  assert_true(json_array_size(json_object_get(json, "search")) > 0);
  assert_true(json_is_object(json_object_get(json, "completeness")));
  json_decref(json);
  free(edges);
  free(circuits);
  free(dot);
  free(svg);
}

static void test_outputs(void **state)
{
  (void)state;
  const char *one = workshop_path("one"), *two = workshop_path("two"), *task = task_file();
  char *text = workshop_run(EXIT_HELD,
                            "circuit " MODEL " --task %s --out %s --steps 5 --oracle --scan "
                            "--bootstrap 20 --threads 2",
                            task, one);
  workshop_contains(text, "completeness: edges out of the input add up to");
  workshop_contains(text, "ratio");
  workshop_contains(text, "normalised");
  free(text);
  check_outputs(one);
  free(workshop_run(EXIT_HELD,
                    "circuit " MODEL " --task %s --out %s --steps 5 --oracle --scan "
                    "--bootstrap 20 --threads 1 --memory 64M --isa scalar --quiet",
                    task, two));
  workshop_shell("diff -r %s %s", one, two);
  workshop_shell("test ! -e %s/partial && test ! -e %s/circuit.json.lock", one, one);
}

static void test_task_is_no_output(void **state)
{
  (void)state;
  const char *out = workshop_path("itself");
  workshop_shell("mkdir -p %s && cp %s %s/edges.csv", out, task_file(), out);
  free(workshop_refuse(EXIT_INPUT, "edges.csv", "circuit " MODEL " --task %s/edges.csv --out %s",
                       out, out));
}

/* A directory is new, empty, or of the same run. */
static void test_directory_of_others(void **state)
{
  (void)state;
  const char *out = workshop_path("others"), *task = task_file();
  workshop_shell("rm -rf %s && mkdir %s && echo mine > %s/edges.csv", out, out, out);
  free(workshop_refuse(EXIT_INPUT, "others: holds edges.csv",
                       "circuit " MODEL " --task %s --out %s", task, out));
  workshop_shell("test \"$(cat %s/edges.csv)\" = mine && mv %s/edges.csv %s/../mine && "
                 "ln -s ../mine %s/edges.csv",
                 out, out, out, out);
  free(workshop_refuse(EXIT_INPUT, "edges.csv: is a link", "circuit " MODEL " --task %s --out %s",
                       task, out));
  workshop_shell("test \"$(cat %s/../mine)\" = mine && rm %s/edges.csv", out, out);
  char pipe[600];
  snprintf(pipe, sizeof pipe, "%s/circuit.json", out);
  assert_int_equal(mkfifo(pipe, 0600), 0);
  free(workshop_refuse(EXIT_INPUT, "circuit.json: is a pipe",
                       "circuit " MODEL " --task %s --out %s", task, out));
  workshop_shell("rm %s/circuit.json", out);
  free(workshop_run(EXIT_HELD, "circuit " MODEL " --task %s --out %s --method eap", task, out));
  free(workshop_run(EXIT_HELD, "circuit " MODEL " --task %s --out %s --method eap", task, out));
  free(workshop_refuse(EXIT_INPUT, "identity.json: belongs to another",
                       "circuit " MODEL " --task %s --out %s --method eap --n 9", task, out));
}

static void limit_file_size(rlim_t bytes)
{
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int lift_limit(void **state)
{
  (void)state;
  limit_file_size(RLIM_INFINITY);
  return 0;
}

/* All of the files or none: the picture, which is the largest, does not fit. */
static void test_disk_full(void **state)
{
  (void)state;
  const char *whole = workshop_path("whole"), *full = workshop_path("full"), *task = task_file();
  size_t json, edges, svg;
  free(workshop_run(EXIT_HELD, "circuit " MODEL " --task %s --out %s --method eap", task, whole));
  free(read_file(whole, "circuit.json", &json));
  free(read_file(whole, "edges.csv", &edges));
  free(read_file(whole, "circuit.svg", &svg));
  assert_true(edges < svg && json < svg);
  limit_file_size(svg - 1);
  free(workshop_refuse(EXIT_RUN, "circuit.svg: cannot be written: File too large",
                       "circuit " MODEL " --task %s --out %s --method eap", task, full));
  limit_file_size(RLIM_INFINITY);
  workshop_shell("test ! -e %s", full);
}

/* 0 of 0 is no number. */
static void test_no_ratio(void **state)
{
  (void)state;
  static const char text[] =
      "{\"task\":\"toy\",\"metric\":\"logit\"}\n"
      "{\"clean\":[1,2,3],\"corrupted\":[1,7,3],\"positive\":[3],\"negative\":[3]}\n";
  const char *path = workshop_path("zero.jsonl");
  support_write(path, text, strlen(text));
  char *out = workshop_run(EXIT_HELD,
                           "circuit " MODEL " --task %s --out %s --method eap "
                           "--bootstrap 2",
                           path, workshop_path("zero"));
  workshop_contains(out, "there ratio -, normalised -\n");
  workshop_contains(out, "ratio - to -, normalised - to -;");
  assert_null(strstr(out, "nan"));
  free(out);
}

/* A threshold that nothing meets is said so, with the bound. */
static void test_never_met(void **state)
{
  (void)state;
  char *text = workshop_run(EXIT_HELD,
                            "circuit " MODEL " --task %s --out %s --method eap --threshold 1000 "
                            "--bound 40",
                            task_file(), workshop_path("never"));
  workshop_contains(text, "published search by ratio: never met up to the bound of 40 edges");
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_hostile_tasks),
      cmocka_unit_test(test_outputs),
      cmocka_unit_test(test_task_is_no_output),
      cmocka_unit_test(test_never_met),
      cmocka_unit_test(test_too_much),
      cmocka_unit_test(test_directory_of_others),
      cmocka_unit_test(test_no_ratio),
      cmocka_unit_test_teardown(test_disk_full, lift_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

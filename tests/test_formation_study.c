/* Training runs as a kind of study: the same tables however they are run, going on after a kill,
 * compared with their golden; plots; and manifests that are refused. */
#include "npy_read.h"
#include "workshop.h"

#include <signal.h>

#define MANIFEST                                                                                   \
  "{\"format\": 1, \"model\": \"tiny\", \"kind\": \"trained\", \"source\": \"s\", \"caveat\": "    \
  "\"c\", \"golden\": \"golden\",\n \"formation\": {\"items\": \"F\", \"seeds\": [6], "            \
  "\"figures\": [\"3\", \"5a\", \"7\"], \"shorten\": 5000, \"stride\": 3001}}\n"

static const char *manifest(const char *name, const char *text)
{
  const char *path = workshop_path(name);
  support_write(path, text, strlen(text));
  return path;
}

/* A golden that was made here, by one thread. */
static int setup(void **state)
{
  (void)state;
  unsetenv("CI");
  const char *path = manifest("tiny.json", MANIFEST);
  free(workshop_run(EXIT_HELD, "reproduce %s --update-golden --threads 1 --isa scalar --work %s",
                    path, workshop_path("work-golden")));
  return 0;
}

static void test_same_bits(void **state)
{
  (void)state;
  const char *work = workshop_path("work-same"), *plots = workshop_path("plots");
  char *text = workshop_run(EXIT_HELD, "reproduce %s --threads 3 --work %s --plots %s",
                            workshop_path("tiny.json"), work, plots);
  workshop_contains(text, "6 training runs: 0 resumed as they had ended, 6 carried out");
  workshop_contains(text, "golden to the bit");
  workshop_contains(text, "verdicts equal to the golden ones");
  workshop_contains(text, "ALL CHECKS HELD: 1 manifest, 0 failed checks");
  free(text);
  workshop_shell("test -z \"$(find %s/tiny -type f)\"", work);
  char path[600];
  size_t size;
  snprintf(path, sizeof path, "%s/F-seed6-figure-7.svg", plots);
  char *svg = support_read(path, &size);
  workshop_contains(svg, "graft5");
  workshop_contains(svg, "unclamped");
  workshop_contains(svg, "ln 2");
  free(svg);
  snprintf(path, sizeof path, "%s/curves.csv", plots);
  char *curves = support_read(path, &size);
  workshop_contains(curves, "\nF-seed6,3,fsl_test_class,0,");
  workshop_contains(curves, "\nF-seed6,5a,bc,");
  free(curves);
}

/* Two manifests with the same models in one command: each has plots of its own, and curves of the
 * first do not go on into those of the second. */
static void test_two_manifests(void **state)
{
  (void)state;
  for (int i = 0; i < 2; i++) {
    json_t *m = workshop_json(workshop_path("tiny.json"));
    char path[64], model[16];
    snprintf(path, sizeof path, "two%d.json", i);
    snprintf(model, sizeof model, "two%d", i);
    json_object_set_new(m, "model", json_string(model));
    json_object_set_new(m, "golden", json_null());
    workshop_json_write(workshop_path(path), m);
    json_decref(m);
  }
  const char *plots = workshop_path("plots-two");
  free(workshop_run(EXIT_HELD, "reproduce %s %s --allow-uncompared --work %s --plots %s",
                    workshop_path("two0.json"), workshop_path("two1.json"),
                    workshop_path("work-two"), plots));
  workshop_shell("cmp %s/F-seed6-figure-7.svg %s/F-seed6-figure-7.svg", plots,
                 workshop_path("plots"));
  workshop_shell("sed 's/two1-//' %s/two1-F-seed6-figure-7.svg | cmp - %s/F-seed6-figure-7.svg",
                 plots, workshop_path("plots"));
}

/* What is in the golden: all seeds' tables, times and hashes. */
static void test_tables(void **state)
{
  (void)state;
  char path[600];
  size_t size;
  snprintf(path, sizeof path, "%s/runs.csv", workshop_path("golden"));
  char *runs = support_read(path, &size);
  workshop_contains(runs, "\nF-seed6,unclamped,3,200,");
  workshop_contains(runs, "\nF-seed6,graft7,7,160,");
  assert_int_equal(text_count_lines(runs, size), 2 + 1 + 3);
  free(runs);
  snprintf(path, sizeof path, "%s/heads.csv", workshop_path("golden"));
  char *heads = support_read(path, &size);
  assert_int_equal(text_count_lines(heads, size), 2 + 8);
  free(heads);
  char *text = workshop_run(EXIT_CHECK, "claims %s --all", workshop_path("golden"));
  workshop_contains(text, "Tables of arXiv 2404.07129 (trained)");
  workshop_contains(text, "Caveat: Shortened by 5000: verdicts are of a trial. Examined on "
                          "every 3001th sequence. c");
  workshop_contains(text, "P3-161");
  free(text);
}

static void test_changed_golden(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  char path[600];
  snprintf(path, sizeof path, "%s/runs.csv", workshop_path("golden"));
  workshop_shell("cp %s %s.kept; sed -i '4s/,7,/,8,/' %s", path, path, path);
  char *text = workshop_run(EXIT_CHECK, "reproduce %s --threads 2 --work %s",
                            workshop_path("tiny.json"), workshop_path("work-changed"));
  workshop_contains(text, "FAILED: ");
  workshop_contains(text, "runs.csv: not the bytes of this run: ");
  free(text);
  workshop_shell("rm %s", path); /* is named before anything is trained */
  free(workshop_refuse(EXIT_INPUT, "runs.csv: missing from the golden; restore it",
                       "reproduce %s --work %s --quiet", workshop_path("tiny.json"),
                       workshop_path("work-missing")));
  workshop_shell("test -z \"$(find %s -name '*.rows' -o -name '*.run')\"",
                 workshop_path("work-missing"));
  workshop_shell("mv %s.kept %s", path, path);
}

static size_t kept_rows(const char *work)
{
  char line[900];
  size_t size;
  snprintf(line, sizeof line, "find %s -name '*.rows' 2>/dev/null | wc -l > %s.count", work, work);
  assert_int_equal(system(line), 0);
  snprintf(line, sizeof line, "%s.count", work);
  char *text = support_read(line, &size);
  size_t count = (size_t)strtoul(text, NULL, 10);
  free(text);
  return count;
}

/* Killed once some runs have ended: those are resumed, the others come to the same bits. */
static void test_killed(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  const char *work = workshop_path("work-killed"), *words[64];
  char line[900], out[600], err[600];
  snprintf(line, sizeof line, "reproduce %s --threads 1 --work %s", workshop_path("tiny.json"),
           work);
  snprintf(out, sizeof out, "%s.out", work);
  snprintf(err, sizeof err, "%s.err", work);
  workshop_words(line, words);
  pid_t child = support_start(words, out, err);
  for (int i = 0; i < 60000 && kept_rows(work) < 2; i++)
    usleep(1000);
  kill(child, SIGKILL);
  (void)support_wait(child, NULL);
  size_t kept = kept_rows(work);
  assert_true(kept >= 2 && kept < 6);
  char *text = workshop_run(EXIT_HELD, "reproduce %s --threads 2 --work %s",
                            workshop_path("tiny.json"), work),
       words_of[80];
  snprintf(words_of, sizeof words_of, "6 training runs: %zu resumed as they had ended", kept);
  workshop_contains(text, words_of);
  workshop_contains(text, "golden to the bit");
  free(text);
}

/* What the runs of all figures need is asked before the first is trained. */
static void test_few_classes(void **state)
{
  (void)state;
  static const float numbers[160 * 2];
  char file[2048];
  size_t size = npy_make(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (160, 2, 1), }\n",
                         numbers, sizeof numbers);
  support_write(workshop_path("few.npy"), file, size);
  const char *path = manifest(
      "few.json", "{\"format\": 1, \"model\": \"few\", \"kind\": \"trained\", \"source\": \"s\", "
                  "\"caveat\": \"\", \"formation\": {\"items\": \"file\", \"file\": \"few.npy\", "
                  "\"seeds\": [6], \"figures\": [\"3\", \"6\"]}}\n");
  const char *words = "few.npy: has 160 classes, but figure 6 needs 300 (200 for training and 100 "
                      "others for testing); give more, or leave these figures out";
  free(workshop_refuse(EXIT_INPUT, words, "plan %s", path));
  free(workshop_refuse(EXIT_INPUT, words, "reproduce %s --allow-uncompared --quiet --work %s", path,
                       workshop_path("work-few")));
  workshop_shell("test ! -e %s", workshop_path("work-few"));
}

/* A trial without a golden says what it is and what would help, and what becomes of other work. */
static void test_trial(void **state)
{
  (void)state;
  const char *work = workshop_path("work-trial"),
             *current = workshop_path("work-trial/tiny/current"),
             *path = manifest("trial.json",
                              "{\"format\": 1, \"model\": \"tiny\", \"kind\": \"trained\", "
                              "\"source\": \"s\", \"caveat\": \"\", \"formation\": {\"items\": "
                              "\"F\", \"seeds\": [6], \"figures\": [\"5a\"], \"shorten\": 7}}\n");
  workshop_shell("mkdir -p %s; echo another > %s/run.txt", current, current);
  char line[2000], *text, *err;
  snprintf(line, sizeof line, "reproduce %s --work %s --json %s", path, work,
           workshop_path("trial-run.json"));
  assert_int_equal(workshop_start(line, &text, &err), EXIT_CHECK);
  workshop_contains(err, "held an interrupted run of other settings");
  free(err);
  workshop_contains(text, "TRIAL of tiny: Shortened by 7: verdicts are of a trial.");
  workshop_contains(text, "write it with attest reproduce --update-golden");
  free(text);
  size_t size;
  char *json = support_read(workshop_path("trial-run.json"), &size);
  workshop_contains(json, "Shortened by 7: verdicts are of a trial.");
  free(json);
}

/* A folder of attest train is no checkpoint, whatever it holds in place of a config.json. */
static void test_no_circuits(void **state)
{
  (void)state;
  const char *folder = workshop_path("few");
  workshop_shell("mkdir %s; touch %s/updates.csv", folder, folder);
  free(workshop_refuse(EXIT_INPUT, "holds a few-shot model, which attest circuit does not read",
                       "circuit %s --task manifests/tasks/nursery-copy.jsonl --out %s", folder,
                       workshop_path("few-out")));
}

static double planned(const json_t *plan, const char *where, const char *key)
{
  double sum = 0;
  const json_t *row;
  size_t i;
  json_array_foreach(
      json_object_get(plan, "rows"), i,
      row) if (strncmp(json_string_value(json_object_get(row, "where")), where, strlen(where)) == 0)
      sum += json_number_value(json_object_get(row, key));
  return sum;
}

/* A row a figure, all of them, and shards, which do nothing of it; what has no rows, a sentence. */
static void test_plan(void **state)
{
  (void)state;
  char *text = workshop_run(EXIT_HELD, "plan %s manifests/published-formation.json --threads 2",
                            workshop_path("tiny.json"));
  workshop_contains(text, "figure 7");
  workshop_contains(text, "published tables, read and compared in no time");
  free(text);
  text = workshop_run(EXIT_HELD, "plan %s --shards 2 --threads 2 --json -",
                      workshop_path("tiny.json"));
  json_t *plan = workshop_json_text(text);
  free(text);
  assert_true(planned(plan, "in all", "revisions") == 6);
  assert_true(planned(plan, "figure ", "revisions") == 6);
  assert_true(planned(plan, "figure 7", "sequences") == 3 * 160);
  assert_true(planned(plan, "in all", "sequences") == planned(plan, "figure ", "sequences"));
  assert_true(planned(plan, "in all", "seconds") > 0);
  assert_true(planned(plan, "in all", "memory") > 1e6);
  assert_true(planned(plan, "in all", "writes") > 1e6);
  assert_true(planned(plan, "shard ", "seconds") == 0);
  assert_true(planned(plan, "merge", "seconds") == planned(plan, "in all", "seconds"));
  json_decref(plan);
}

static void test_refused(void **state)
{
  (void)state;
#define HEAD                                                                                       \
  "{\"format\": 1, \"model\": \"m\", \"kind\": \"trained\", \"source\": \"s\", \"caveat\": \"\""
#define BODY(items, seeds, figures, more)                                                          \
  HEAD ", \"formation\": {\"items\": " items ", \"seeds\": " seeds ", \"figures\": " figures more  \
       "}}"
  static const struct {
    const char *text, *words;
  } cases[] = {
      {BODY("\"H\"", "[5]", "[\"3\"]", ""), "\"items\" is \"H\", must be F, gaussian or file"},
      {BODY("\"file\"", "[5]", "[\"3\"]", ""), "\"file\" goes with \"items\": \"file\""},
      {BODY("\"F\"", "[5]", "[\"3\"]", ", \"file\": \"x.npy\""), "and only there"},
      {BODY("\"file\"", "[5]", "[\"3\"]", ", \"file\": \"/x.npy\""), "must be a path relative"},
      {BODY("\"file\"", "[5]", "[\"3\"]", ", \"file\": \"none.npy\""), "none.npy"},
      {BODY("\"F\"", "[]", "[\"3\"]", ""), "\"seeds\" must have 1 to 64 elements"},
      {BODY("\"F\"", "[5, 5]", "[\"3\"]", ""), "\"seeds\" has 5 twice"},
      {BODY("\"F\"", "[-1]", "[\"3\"]", ""), "\"seeds\"[0] must be a whole number"},
      {BODY("\"F\"", "[5]", "[\"9\"]", ""), "\"figures\" has \"9\"; there are 3, 4b"},
      {BODY("\"F\"", "[5]", "[3]", ""), "\"figures\"[0] must be a text"},
      {BODY("\"F\"", "[5]", "[\"3\", \"3\"]", ""), "\"figures\" has \"3\" twice"},
      {BODY("\"F\"", "[5]", "[\"11\"]", ""), "figure \"11\" is of the models of \"3\""},
      {BODY("\"F\"", "[5]", "[\"3\"]", ", \"shorten\": 0"), "shorten"},
      {BODY("\"F\"", "[5]", "[\"3\"]", ", \"item_seed\": 256"), "item_seed"},
      {BODY("\"F\"", "[5]", "[\"3\"]", ", \"hope\": 1"), "hope"},
      {HEAD ", \"formation\": 7}", "formation"},
      {HEAD ", \"checkpoints\": \"x\", \"formation\": {}}",
       "\"checkpoints\": a manifest of training runs (\"formation\") has none"},
      {HEAD ", \"revisions\": [], \"formation\": {}}",
       "\"revisions\": a manifest of training runs"},
      {HEAD ", \"circuits\": {}, \"formation\": {}}", "\"circuits\": a manifest of training runs"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *path = manifest("refused.json", cases[i].text);
    free(workshop_refuse(EXIT_INPUT, cases[i].words, "reproduce %s --work %s --quiet", path,
                         workshop_path("work-refused")));
  }
  free(workshop_refuse(EXIT_INPUT, "/dev/null: directory cannot be created",
                       "reproduce %s --work %s --plots /dev/null/plots", workshop_path("tiny.json"),
                       workshop_path("work-refused")));
  static const char *const others[] = {"verify", "pin"};
  for (size_t i = 0; i < 2; i++)
    free(workshop_refuse(EXIT_INPUT, "describes training runs", "%s %s --quiet", others[i],
                         workshop_path("tiny.json")));
  free(workshop_refuse(EXIT_INPUT, "nothing to fetch", "fetch %s --to x",
                       workshop_path("tiny.json")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_bits),   cmocka_unit_test(test_two_manifests),
      cmocka_unit_test(test_tables),      cmocka_unit_test(test_changed_golden),
      cmocka_unit_test(test_killed),      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_trial),       cmocka_unit_test(test_plan),
      cmocka_unit_test(test_no_circuits), cmocka_unit_test(test_few_classes),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}

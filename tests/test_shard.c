/* How the sequences of a manifest are shared out among machines, and what a plan says of it. */
#include "workshop.h"

#include "study/shard.h"

/* Every sequence of every revision belongs to exactly one shard, in order, and no shard has more
 * than one sequence more than another. */
static void test_cuts_leave_no_gap(void **state)
{
  static const struct {
    size_t revisions, shards;
    int64_t n;
  } cases[] = {{10, 4, 500}, {1, 1, 1}, {3, 7, 5}, {2, 9, 3}, {30, 128, 2000}, {1, 10000, 64}};
  (void)state;
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    int64_t all = (int64_t)cases[c].revisions * cases[c].n, next = 0;
    for (size_t i = 1; i <= cases[c].shards; i++) {
      const struct shard shard = {i, cases[c].shards};
      int64_t own = 0;
      for (size_t r = 0; r < cases[c].revisions; r++) {
        struct shard_range range = shard_range(&shard, r, cases[c].revisions, cases[c].n);
        assert_in_range(range.from, 0, cases[c].n);
        assert_in_range(range.to, range.from, cases[c].n);
        if (range.from == range.to)
          continue;
        assert_int_equal((int64_t)r * cases[c].n + range.from, next);
        next += range.to - range.from;
        own += range.to - range.from;
      }
      assert_in_range(own, all / (int64_t)cases[c].shards, all / (int64_t)cases[c].shards + 1);
    }
    assert_int_equal(next, all);
  }
}

static void test_one_machine_has_everything(void **state)
{
  const struct shard whole = {0};
  (void)state;
  struct shard_range range = shard_range(&whole, 3, 10, 500);
  assert_int_equal(range.from, 0);
  assert_int_equal(range.to, 500);
}

static void test_names_of_shards(void **state)
{
  static const char *const wrong[] = {"",     "2",     "0/4", "5/4",     "1/0", "-1/4",
                                      "1/ 4", "1/4/4", "a/b", "1/10001", "1/"};
  struct error error = {0};
  struct shard shard;
  (void)state;
  assert_int_equal(shard_parse("2/4", &shard, &error), 0);
  assert_int_equal(shard.index, 2);
  assert_int_equal(shard.count, 4);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    error = (struct error){0};
    shard_parse(wrong[i], &shard, &error);
    support_assert_error(&error, EXIT_INPUT, "must be I/N");
  }
}

static double sum_of(const json_t *plan, const char *where, const char *key)
{
  double sum = 0;
  const json_t *row;
  size_t i;
  json_array_foreach(
      json_object_get(plan, "rows"), i,
      row) if (strcmp(json_string_value(json_object_get(row, "work")), "screens") == 0 &&
               strncmp(json_string_value(json_object_get(row, "where")), where, strlen(where)) == 0)
      sum += json_number_value(json_object_get(row, key));
  return sum;
}

/* The shards of a plan are together what the whole is. */
static void test_plan_adds_up(void **state)
{
  (void)state;
  char *out = workshop_run(EXIT_HELD, "plan manifests/nursery-olmo.json --shards 4 --json -");
  json_t *plan = workshop_json_text(out);
  assert_true(sum_of(plan, "in all", "sequences") == 5000);
  assert_true(sum_of(plan, "shard ", "sequences") == 5000);
  assert_true(sum_of(plan, "shard 2/4", "sequences") == 1250);
  assert_true(sum_of(plan, "shard 2/4", "revisions") == 3);
  double whole = sum_of(plan, "in all", "gflop"), parts = sum_of(plan, "shard ", "gflop");
  assert_true(whole > 100 && fabs(whole - parts) < 1e-9 * whole);
  assert_true(sum_of(plan, "in all", "seconds") > 0);
  json_decref(plan);
  free(out);
  out = workshop_run(EXIT_HELD, "plan manifests/published.json manifests/nursery-olmo.json");
  workshop_contains(out, "ablations");
  free(out);
  free(workshop_refuse(EXIT_INPUT, "--memory: 1.0 KiB is not enough",
                       "plan manifests/nursery-olmo.json --memory 1K"));
}

static double planned(const char *out, const char *work, const char *where, const char *key)
{
  double sum = 0;
  json_t *plan = workshop_json_text(out), *row;
  size_t i;
  json_array_foreach(
      json_object_get(plan, "rows"), i,
      row) if (strcmp(json_string_value(json_object_get(row, "work")), work) == 0 &&
               strncmp(json_string_value(json_object_get(row, "where")), where, strlen(where)) == 0)
      sum += json_number_value(json_object_get(row, key));
  json_decref(plan);
  return sum;
}

/* Circuits are not cut: a row a task, all of them, shards without work, the merge with all of it.
 */
static void test_plan_of_circuits(void **state)
{
  (void)state;
  char *out =
      workshop_run(EXIT_HELD, "plan manifests/circuits/nursery-olmo.json --shards 3 --json -");
  double all = planned(out, "circuits", "in all", "gflop");
  assert_true(planned(out, "circuits", "in all", "sequences") == 3 * 10 * 8);
  assert_true(all > 0 && fabs(planned(out, "circuits", "nursery-", "gflop") - all) < 1e-9 * all);
  assert_true(planned(out, "circuits", "in all", "memory") > 0);
  assert_true(planned(out, "circuits", "shard ", "gflop") == 0);
  assert_true(planned(out, "circuits", "merge", "gflop") == all);
  free(out);
}

/* Recipes of attest train are planned like manifests, and beside them. */
static void test_plan_of_recipes(void **state)
{
  (void)state;
  if (support_emulated())
    skip(); /* a step is measured */
  char *out = workshop_run(EXIT_HELD, "plan manifests/recipes/from-nothing-olmo-seed0.json "
                                      "manifests/nursery-olmo.json --json -");
  assert_true(planned(out, "training", "in all", "sequences") == 2500 * 16);
  assert_true(planned(out, "training", "in all", "revisions") == 10);
  assert_true(planned(out, "training", "in all", "gflop") > 100);
  assert_true(planned(out, "training", "in all", "seconds") > 0);
  assert_true(planned(out, "training", "in all", "writes") > 10 * 856072);
  assert_true(planned(out, "screens", "in all", "sequences") == 5000);
  free(out);
  free(workshop_refuse(EXIT_INPUT, "which this command uses",
                       "plan manifests/recipes/from-nothing-olmo-seed0.json --json "
                       "manifests/recipes/from-nothing-olmo-seed0.json"));
}

/* Neither a plan nor a run takes the same manifest for two. */
static void test_named_twice(void **state)
{
  static const char *const commands[] = {"plan", "reproduce --quiet"};
  const char *link = workshop_path("m.json");
  (void)state;
  workshop_shell("ln -s \"$PWD\"/manifests/published.json %s", link);
  for (size_t i = 0; i < 2; i++) {
    free(workshop_refuse(EXIT_INPUT, "/published.json: is named twice; name it once",
                         "%s manifests/published.json manifests/nursery-olmo.json "
                         "manifests/published.json",
                         commands[i]));
    free(workshop_refuse(EXIT_INPUT, "m.json: is named twice, also as manifests/published.json",
                         "%s manifests/published.json %s", commands[i], link));
  }
}

/* What a run would say of too little memory, the plan says. */
static void test_plan_of_little_memory(void **state)
{
  static const char *const manifests[] = {"manifests/circuits/nursery-olmo.json",
                                          "manifests/formation/core.json"};
  static const char *const words[] = {"--memory: 1.0 MiB is not enough; a pair of 26 tokens takes",
                                      "--memory: 1.0 MiB is not enough; 2 runs side by side take"};
  (void)state;
  if (support_emulated())
    skip();
  for (size_t i = 0; i < 2; i++) {
    char *plan =
        workshop_refuse(EXIT_INPUT, words[i], "plan %s --threads 2 --memory 1M", manifests[i]);
    char *run = workshop_refuse(EXIT_INPUT, words[i],
                                "reproduce %s --quiet --threads 2 --memory 1M --work %s",
                                manifests[i], workshop_path("little"));
    assert_string_equal(strstr(plan, words[i]), strstr(run, words[i]));
    free(plan);
    free(run);
    free(workshop_run(EXIT_HELD, "plan %s --threads 2 --memory 1G", manifests[i]));
  }
  free(workshop_refuse(EXIT_INPUT, "pythia-2.8b.json: --memory: 4.0 GiB is not enough; a pair of",
                       "plan manifests/circuits/pythia-2.8b.json --memory 4G"));
}

static void test_plan_says_what_is_missing(void **state)
{
  (void)state;
  free(workshop_refuse(EXIT_INPUT, "no revision is there to read the model's shape from",
                       "plan manifests/paper/olmo-1b-0724.json --checkpoints %s",
                       support_directory()));
  free(workshop_refuse(EXIT_INPUT, "MANIFEST is missing", "plan"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cuts_leave_no_gap),
      cmocka_unit_test(test_one_machine_has_everything),
      cmocka_unit_test(test_names_of_shards),
      cmocka_unit_test(test_plan_adds_up),
      cmocka_unit_test(test_plan_of_circuits),
      cmocka_unit_test(test_plan_of_recipes),
      cmocka_unit_test(test_named_twice),
      cmocka_unit_test(test_plan_of_little_memory),
      cmocka_unit_test(test_plan_says_what_is_missing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

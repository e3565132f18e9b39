/* Shards of what is not cut, circuits and training runs: joined, they are one run to the bit; what
 * does not belong together is refused by name. */
#include "workshop.h"

#define RUNS                                                                                       \
  "{\"format\": 1, \"model\": \"tiny\", \"kind\": \"trained\", \"source\": \"s\", \"caveat\": "    \
  "\"c\", \"golden\": \"golden/runs\",\n \"formation\": {\"items\": \"F\", \"seeds\": [6], "       \
  "\"figures\": [\"8\"], \"shorten\": 5000, \"stride\": 3001}}\n"

/* Two revisions and one task of a manifest of circuits. */
static void write_circuits(const char *place)
{
  static const size_t kept[] = {4, 9};
  char path[600];
  json_t *m = workshop_json("manifests/circuits/nursery-gpt_neox.json"), *two = json_array();
  for (size_t i = 0; i < 2; i++)
    json_array_append(two, json_array_get(json_object_get(m, "revisions"), kept[i]));
  json_object_set_new(m, "revisions", two);
  json_t *circuits = json_object_get(m, "circuits"), *tasks = json_object_get(circuits, "tasks");
  while (json_array_size(tasks) > 1)
    json_array_remove(tasks, 1);
  json_object_set_new(circuits, "pairs", json_integer(2));
  json_object_set_new(circuits, "method", json_string("eap"));
  json_object_set_new(m, "golden", json_string("golden/circuits"));
  json_object_set_new(m, "checkpoints", json_string("nursery.tar.zst"));
  json_object_set_new(json_array_get(tasks, 0), "path", json_string("tasks/nursery-copy.jsonl"));
  snprintf(path, sizeof path, "%s/circuits.json", place);
  workshop_json_write(path, m);
  json_decref(m);
}

/* A place with both manifests and goldens of theirs, made by one run, whose JSON stays. */
static int setup(void **state)
{
  (void)state;
  const char *place = workshop_path("place");
  char path[600];
  unsetenv("CI");
  workshop_shell("mkdir -p %s && cp -r manifests/tasks %s && ln -s \"$PWD\"/manifests/"
                 "nursery.tar.zst %s",
                 place, place, place);
  write_circuits(place);
  snprintf(path, sizeof path, "%s/runs.json", place);
  support_write(path, RUNS, strlen(RUNS));
  free(workshop_run(EXIT_HELD,
                    "reproduce %s/circuits.json %s/runs.json --update-golden --work %s/w", place,
                    place, place));
  free(workshop_run(EXIT_HELD,
                    "reproduce %s/circuits.json %s/runs.json --work %s/one --json %s/one.json",
                    place, place, place, place));
  return 0;
}

static void shard(const char *manifests, int i, int n, const char *work)
{
  free(workshop_run(EXIT_HELD, "reproduce %s --shard %d/%d --threads %d --work %s", manifests, i, n,
                    i, work));
}

static void test_one_run_to_the_bit(void **state)
{
  const char *place = workshop_path("place"), *work = workshop_path("shards");
  char manifests[1200];
  (void)state;
  snprintf(manifests, sizeof manifests, "%s/circuits.json %s/runs.json", place, place);
  for (int i = 1; i <= 3; i++)
    shard(manifests, i, 3, work);
  char *out = workshop_run(EXIT_HELD,
                           "merge %s/shard-2-of-3 %s/shard-3-of-3 %s/shard-1-of-3 --threads 1 "
                           "--work %s/merge --json %s/merged.json",
                           work, work, work, work, work);
  workshop_contains(out, "equal to the golden circuits");
  workshop_contains(out, "tables of training runs with ");
  workshop_contains(out, "ALL CHECKS HELD: 2 manifests, 0 failed checks");
  free(out);
  workshop_same_results(workshop_path("place/one.json"), workshop_path("shards/merged.json"));
}

/* Of both kinds: a gap, an overlap, another number of shards, other inputs. */
static void test_refused(void **state)
{
  static const char *const kinds[] = {"circuits", "runs"};
  const char *place = workshop_path("place"), *work = workshop_path("mixed");
  char manifest[600];
  (void)state;
  for (size_t k = 0; k < 2; k++) {
    workshop_shell("rm -rf %s", work);
    snprintf(manifest, sizeof manifest, "%s/%s.json", place, kinds[k]);
    shard(manifest, 1, 2, work);
    free(workshop_refuse(EXIT_INPUT, "shard 2 of 2 is missing", "merge %s/shard-1-of-2", work));
    free(workshop_refuse(EXIT_INPUT, "both are shard 1 of 2",
                         "merge %s/shard-1-of-2 %s/shard-1-of-2", work, work));
    shard(manifest, 2, 3, work);
    free(workshop_refuse(EXIT_INPUT, "is shard 2 of 3, but others are of 2",
                         "merge %s/shard-1-of-2 %s/shard-2-of-3", work, work));
    snprintf(manifest, sizeof manifest, "%s/%s.json", place, kinds[1 - k]);
    shard(manifest, 2, 2, work);
    free(workshop_refuse(EXIT_INPUT, "was run with another manifest",
                         "merge %s/shard-1-of-2 %s/shard-2-of-2", work, work));
    workshop_shell("cp %s %s.kept && sed -i 's/\"caveat\": \"/&Other. /' %s", manifest, manifest,
                   manifest);
    shard(manifest, 1, 2, work);
    workshop_shell("mv %s.kept %s", manifest, manifest);
    free(workshop_refuse(EXIT_INPUT, "was run with another manifest",
                         "merge %s/shard-1-of-2 %s/shard-2-of-2", work, work));
  }
}

/* A manifest that was changed after its shards were run. */
static void test_changed_afterwards(void **state)
{
  const char *place = workshop_path("place"), *work = workshop_path("changed");
  char manifest[600];
  (void)state;
  snprintf(manifest, sizeof manifest, "%s/runs.json", place);
  shard(manifest, 1, 1, work);
  workshop_shell("sed -i 's/5000/5001/' %s", manifest);
  free(workshop_refuse(EXIT_INPUT, "which is no manifest that the shards were run with",
                       "merge %s/shard-1-of-1 --quiet --work %s/merge", work, work));
  workshop_shell("sed -i 's/5001/5000/' %s", manifest);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_run_to_the_bit),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_changed_afterwards),
  };
  if (support_emulated()) {
    print_message("shards of circuits and training runs are joined without an emulator\n");
    return 0;
  }
  return cmocka_run_group_tests(tests, setup, NULL);
}

/* Runs of few-shot recipes: the same bits on every instruction set, compiler and thread count and
 * after every stop (tests/fixtures/few_shot_hashes.tsv: our own results, which hold for ever); what
 * a recipe may not say; the program. */
#include "few_shot.h"

#include "few_shot/training.h"

/* --- recipes --- */

static struct few_recipe parse(const char *text)
{
  struct few_recipe recipe;
  struct error error = {0};
  if (few_recipe_parse("r.json", text, strlen(text), &recipe, &error))
    fail_msg("%s", error.text);
  return recipe;
}

#define HEAD "{\"format\": 1, \"kind\": \"few_shot\", \"name\": \"small\", "

static void values_arrive(void **state)
{
  struct few_recipe r = parse(HEAD "\"sequences\": 100}");
  (void)state;
  assert_true(r.data.classes == 50 && r.data.test_classes == 100 && r.data.labels == 5);
  assert_true(r.hidden == 64 && r.heads == 8 && r.items == FEW_FEATURES && r.item_seed == 1);
  assert_true(r.initial_seed == 5 && r.train_seed == 0 && r.evaluation_seed == 1);
  assert_true(r.rate == 1e-5 && r.beta1 == 0.9 && r.beta2 == 0.999 && r.eps == 1e-8);
  assert_true(r.batch == 32 && r.sequences == 100 && r.evaluate_every == 1000);
  assert_true(r.evaluation_sequences == 1000 && !r.checkpoint_every && !r.clamp.ablate[1]);
  few_recipe_free(&r);
  r = parse(HEAD "\"sequences\": 7, \"batch\": 4, \"model\": {\"hidden\": 32, \"heads\": 4}, "
                 "\"items\": {\"kind\": \"gaussian\", \"seed\": 9}, \"seeds\": {\"initial\": 6}, "
                 "\"adam\": {\"rate\": 0.5}, \"evaluate\": {\"every\": 0}, "
                 "\"data\": {\"labels\": 10}, \"checkpoint_every\": 3, \"clamp\": {\"keep\": [3], "
                 "\"ablate\": [[0, 1]], \"preserve\": \"values\"}}");
  assert_true(r.batch == 4 && r.hidden == 32 && r.items == FEW_GAUSSIAN && r.item_seed == 9);
  assert_true(r.initial_seed == 6 && r.rate == 0.5 && !r.evaluate_every && r.data.labels == 10);
  assert_true(r.checkpoint_every == 3 && r.clamp.ablate[0] == 2 && r.clamp.ablate[1] == 7);
  assert_int_equal(r.clamp.preserve, FEW_PRESERVE_VALUES);
  few_recipe_free(&r);
  r = parse(HEAD "\"sequences\": 7, \"clamp\": {\"previous\": {\"heads\": [1, 2, 5], \"strength\": "
                 "0.75}, \"match\": {\"heads\": [3]}, \"graft\": {\"layer\": 1, \"checkpoint\": "
                 "\"x\"}}}");
  assert_true(r.clamp.previous == 0x26 && r.clamp.previous_strength == 0.75);
  assert_true(r.clamp.match == 8 && r.clamp.match_strength == 1);
  assert_int_equal(r.clamp.graft, FEW_GRAFT_LAYER1);
  few_recipe_free(&r);
}

static void hostile_recipes(void **state)
{
  static const char *const cases[][2] = {
      {"{", "r.json"},
      {"{\"format\": 1, \"kind\": \"many_shot\", \"name\": \"x\", \"sequences\": 1}", "few_shot"},
      {"{\"format\": 2, \"kind\": \"few_shot\", \"name\": \"x\", \"sequences\": 1}", "format"},
      {HEAD "\"sequences\": -1}", "sequences"},
      {HEAD "\"sequences\": 1, \"steps\": 5}", "steps"},
      {HEAD "\"sequences\": 1, \"batch\": 0}", "batch"},
      {HEAD "\"sequences\": 1, \"model\": {\"hidden\": 36, \"heads\": 4}}",
       "an even number of at most"},
      {HEAD "\"sequences\": 1, \"model\": {\"heads\": 65}}", "heads"},
      {HEAD "\"sequences\": 1, \"data\": {\"labels\": 2}}", "labels"},
      {HEAD "\"sequences\": 1, \"items\": {\"kind\": \"omniglot\"}}", "must be features"},
      {HEAD "\"sequences\": 1, \"items\": {\"kind\": \"features\", \"seed\": 256}}", "seed"},
      {HEAD "\"sequences\": 1, \"items\": {\"kind\": \"file\", \"file\": \"\"}}", "is empty"},
      {HEAD "\"sequences\": 1, \"adam\": {\"beta2\": 1}}", "beta2"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"keep\": [8]}}", "between 0 and 7"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"keep\": [3], \"ablate\": [[1, 2]]}}", "drop those"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"ablate\": [[2, 0]]}}", "[layer, head]"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"ablate\": [1]}}", "[layer, head]"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"ablate\": [[1, 2], [1, 2]]}}", "twice"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"keep\": [3, 3]}}", "twice"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"keep\": []}}", "\"keep\" is empty"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"keep\": [2], \"match\": {\"heads\": [3]}}}",
       "\"match\" names a head of layer 1 that is ablated"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"match\": {\"heads\": []}}}", "is empty"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"match\": {\"heads\": [3], \"strength\": 2}}}",
       "strength"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"preserve\": \"all\"}}", "patterns, values or both"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"copy\": 8}}", "copy"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"graft\": {\"layer\": 3, \"checkpoint\": \"x\"}}}",
       "layer"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"perfect_layer0\": true, \"preserve\": \"both\"}}",
       "passes of its own"},
      {HEAD "\"sequences\": 1, \"clamp\": {\"freeze\": true}}", "freeze"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct few_recipe recipe;
    struct error error = {0};
    if (few_recipe_parse("r.json", cases[i][0], strlen(cases[i][0]), &recipe, &error) != EXIT_INPUT)
      fail_msg("%s: is not refused", cases[i][0]);
    support_assert_error(&error, EXIT_INPUT, cases[i][1]);
    few_recipe_free(&recipe);
  }
}

/* --- one hash --- */

/* Full size, 200 updates; and small ones, which an emulator runs, too. */
#define FULL                                                                                       \
  "\"adam\": {\"rate\": 1e-3}, \"sequences\": 6400, \"evaluate\": {\"every\": 3200, "              \
  "\"sequences\": 200}"
#define SMALL                                                                                      \
  "\"model\": {\"hidden\": 16, \"heads\": 2}, \"data\": {\"classes\": 9, \"test_classes\": 4}, "   \
  "\"adam\": {\"rate\": 1e-3}, \"batch\": 4, \"sequences\": 150, \"evaluate\": {\"every\": 50, "   \
  "\"sequences\": 30}, \"checkpoint_every\": 60"

static const struct {
  const char *name, *recipe;
  bool small, slow; /* slow: also without vectors */
} hashed[] = {
    {"none-200", HEAD FULL "}", false, false},
    {"previous-200", HEAD FULL ", \"clamp\": {\"keep\": [3], \"previous\": {\"heads\": [2]}}}",
     false, true},
    {"layer0-200", HEAD FULL ", \"clamp\": {\"keep\": [3], \"perfect_layer0\": true}}", false,
     false},
    {"small-none", HEAD SMALL "}", true, true},
    {"small-values", HEAD SMALL ", \"clamp\": {\"preserve\": \"values\", \"ablate\": [[0, 1]]}}",
     true, true},
    {"small-copy", HEAD SMALL ", \"clamp\": {\"copy\": 1}}", true, true},
};

static const char *expected_hash(const char *name)
{
  static char hash[40];
  char line[128], found[64];
  FILE *file = fopen("tests/fixtures/few_shot_hashes.tsv", "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "%63s %39s", found, hash) == 2 && strcmp(found, name) == 0) {
      fclose(file);
      return hash;
    }
  fclose(file);
  fail_msg("tests/fixtures/few_shot_hashes.tsv has no line for %s", name);
  return NULL;
}

/* A recipe's data and run, in memory. */
struct opened {
  struct few_recipe recipe;
  struct few_data data;
  struct few_run *run;
};

static struct opened *open_run(const char *text, const struct kernels *kernels)
{
  struct opened *o = calloc(1, sizeof *o);
  struct error error = {0};
  assert_non_null(o);
  o->recipe = parse(text);
  const struct few_items items = few_items_surrogate(o->recipe.items, o->recipe.item_seed);
  if (few_data_create("items", &items, &o->recipe.data, &o->data, &error) ||
      few_run_create("small", &o->recipe, &o->data, NULL, kernels, &o->run, &error))
    fail_msg("%s", error.text);
  return o;
}

static void close_run(struct opened *o)
{
  few_run_free(o->run);
  few_data_free(&o->data);
  few_recipe_free(&o->recipe);
  free(o);
}

/* Of parameters, updates and evaluations. */
static void hash_run(const struct opened *o, char hex[33])
{
  const struct few_log *log = few_run_log(o->run);
  const struct few_sizes sizes = few_recipe_sizes(&o->recipe, o->data.width);
  size_t parts[] = {few_parameters(&sizes) * sizeof(float),
                    log->update_count * sizeof *log->updates,
                    log->evaluation_count * sizeof *log->evaluations};
  char *all = malloc(parts[0] + parts[1] + parts[2]);
  assert_non_null(all);
  memcpy(all, few_run_parameters(o->run), parts[0]);
  memcpy(all + parts[0], log->updates, parts[1]);
  memcpy(all + parts[0] + parts[1], log->evaluations, parts[2]);
  digest_xxh3(all, parts[0] + parts[1] + parts[2], hex);
  free(all);
}

static void one_hash(void **state)
{
  const struct few_run_events none = {.context = NULL};
  const struct kernels *list[4];
  size_t count = kernels_available(list);
  (void)state;
  for (size_t i = 0; i < sizeof hashed / sizeof *hashed; i++)
    for (size_t k = 0; k < count && (hashed[i].small || !support_emulated()); k++) {
      if (list[k]->isa == ISA_SCALAR && !hashed[i].small && !hashed[i].slow)
        continue;
      struct opened *o = open_run(hashed[i].recipe, list[k]);
      struct error error = {0};
      char hex[33];
      if (few_run(o->run, NULL, &none, &error))
        fail_msg("%s", error.text);
      hash_run(o, hex);
      if (strcmp(hex, expected_hash(hashed[i].name)) != 0)
        fail_msg("%s on %s: %s, the list has %s", hashed[i].name, list[k]->name, hex,
                 expected_hash(hashed[i].name));
      close_run(o);
    }
}

/* --- stops --- */

static bool stop_at(void *context, uint64_t update, const struct few_update *record)
{
  (void)record;
  return update != *(uint64_t *)context;
}

static void assert_same_file(const char *a, const char *b, const char *name)
{
  char paths[2][600];
  size_t sizes[2];
  snprintf(paths[0], sizeof paths[0], "%s/%s", a, name);
  snprintf(paths[1], sizeof paths[1], "%s/%s", b, name);
  char *left = support_read(paths[0], &sizes[0]), *right = support_read(paths[1], &sizes[1]);
  if (sizes[0] != sizes[1] || memcmp(left, right, sizes[0]) != 0)
    fail_msg("%s and %s differ", paths[0], paths[1]);
  free(left);
  free(right);
}

static void run_until(const char *recipe, const char *out, uint64_t update)
{
  const struct kernels *list[4];
  const struct few_run_events events = {.updated = stop_at, .context = &update};
  struct error error = {0};
  struct opened *o = open_run(recipe, list[kernels_available(list) - 1]);
  if (few_run(o->run, out, &events, &error))
    fail_msg("%s", error.text);
  assert_int_equal(few_run_done(o->run), update ? update : few_run_updates(o->run));
  close_run(o);
}

static void resumes(void **state)
{
  static const char *const files[] = {"state.safetensors", "updates.csv",     "evaluations.csv",
                                      "course.csv",        "0.safetensors",   "60.safetensors",
                                      "120.safetensors",   "150.safetensors", "identity.json"};
  const char *whole = workshop_path("whole"), *parts = workshop_path("parts");
  (void)state;
  run_until(hashed[4].recipe, whole, 0);
  run_until(hashed[4].recipe, parts, 1);
  run_until(hashed[4].recipe, parts, 13);
  run_until(hashed[4].recipe, parts, 15);
  run_until(hashed[4].recipe, parts, 0);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    assert_same_file(whole, parts, files[i]);
}

/* What a kill leaves is what was saved last; damage is told. */
static void damaged_states(void **state)
{
  const char *out = workshop_path("damaged");
  const struct few_run_events none = {.context = NULL};
  const struct kernels *list[4];
  const struct kernels *kernels = list[kernels_available(list) - 1];
  size_t size;
  (void)state;
  run_until(hashed[3].recipe, out, 20);
  char path[600];
  snprintf(path, sizeof path, "%s/state.safetensors", out);
  char *bytes = support_read(path, &size);
  for (int i = 0; i < 5; i++) {
    struct error error = {0};
    struct opened *o = open_run(i == 4 ? hashed[4].recipe : hashed[3].recipe, kernels);
    bytes[size - 100] ^= i == 0;
    support_write(path, bytes, i == 1 ? size - 40 : size);
    bytes[size - 100] ^= i == 0;
    if (i == 2)
      workshop_shell("truncate -s -1 '%s/60.safetensors'", out);
    if (i == 3)
      workshop_shell("rm '%s/60.safetensors'", out);
    assert_int_equal(few_run(o->run, out, &none, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT,
                         i == 0   ? "digest"
                         : i == 1 ? "state.safetensors"
                         : i == 2 ? "60.safetensors: was changed since the run wrote it"
                         : i == 3 ? "60.safetensors: is missing"
                                  : "another recipe");
    close_run(o);
  }
  free(bytes);
}

/* --- the program --- */

static char *train(const char *recipe, const char *out, int threads)
{
  const char *path = workshop_path("recipe.json"), *json = workshop_path("out.json");
  size_t size;
  support_write(path, recipe, strlen(recipe));
  free(workshop_run(0, "train %s --out %s --threads %d --quiet --json %s", path, out, threads,
                    json));
  return support_read(json, &size);
}

static void the_program(void **state)
{
  char *first = NULL;
  (void)state;
  for (int threads = 1; threads <= 3; threads++) {
    char name[32];
    snprintf(name, sizeof name, "threads%d", threads);
    char *text = train(hashed[3].recipe, workshop_path(name), threads);
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    const char *sha256 =
        json_string_value(json_object_get(json_object_get(root, "checkpoint"), "sha256"));
    assert_non_null(sha256);
    assert_string_equal(json_string_value(json_object_get(root, "kind")), "few_shot");
    if (first)
      assert_string_equal(sha256, first);
    else
      first = strdup(sha256);
    json_decref(root);
    free(text);
  }
  free(first);
}

/* A layer from the run above, by its checkpoint; and files that are none. */
static void grafts(void **state)
{
  char recipe[2000];
  const char *path = workshop_path("recipe.json");
  (void)state;
  snprintf(recipe, sizeof recipe,
           HEAD SMALL ", \"clamp\": {\"graft\": {\"layer\": 0, \"checkpoint\": "
                      "\"threads1/150.safetensors\"}}}");
  free(train(recipe, workshop_path("grafted"), 1));
  support_write(path, recipe, strlen(recipe));
  char *at = strstr(recipe, "\"hidden\": 16");
  memcpy(at, "\"hidden\": 20", 12);
  support_write(path, recipe, strlen(recipe));
  free(workshop_refuse(2, "is not a checkpoint of a few-shot model of this size",
                       "train %s --out %s", path, workshop_path("other")));
  at = strstr(recipe, "threads1/150");
  memcpy(at, "threads9/150", 12);
  support_write(path, recipe, strlen(recipe));
  free(workshop_refuse(2, "threads9", "train %s --out %s", path, workshop_path("other")));
}

static void refused(void **state)
{
  const char *path = workshop_path("recipe.json"), *other = hashed[4].recipe;
  (void)state;
  support_write(path, other, strlen(other));
  free(workshop_refuse(2, "another recipe", "train %s --out %s", path, workshop_path("threads1")));
  free(workshop_refuse(2, "identity.json", "train %s --out %s --json %s/identity.json", path,
                       workshop_path("threads1"), workshop_path("threads1")));
  support_write(path, hashed[0].recipe, strlen(hashed[0].recipe));
  free(workshop_refuse(2, "memory", "train %s --out %s --memory 2M", path, workshop_path("none")));
  const char *wide = HEAD "\"sequences\": 9, \"data\": {\"classes\": 1600}}";
  support_write(path, wide, strlen(wide));
  free(workshop_refuse(2, "1600 for training", "train %s --out %s", path, workshop_path("none")));
  const char *file = HEAD "\"sequences\": 9, \"items\": {\"kind\": \"file\", \"file\": \"x.npy\"}}";
  support_write(path, file, strlen(file));
  free(workshop_refuse(2, "x.npy", "train %s --out %s", path, workshop_path("none")));
  const char *wild = HEAD SMALL ", \"clamp\": {}}";
  char *hot = strdup(wild);
  assert_non_null(hot);
  memcpy(strstr(hot, "1e-3"), "9e38", 4);
  support_write(path, hot, strlen(hot));
  free(workshop_refuse(2, "rate", "train %s --out %s", path, workshop_path("none")));
  free(hot);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_arrive),  cmocka_unit_test(hostile_recipes),
      cmocka_unit_test(one_hash),       cmocka_unit_test(resumes),
      cmocka_unit_test(damaged_states), cmocka_unit_test(the_program),
      cmocka_unit_test(grafts),         cmocka_unit_test(refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* attest rank, sinks and weights from outside: what the published tables give, and refusals. */
#include "workshop.h"

#define NURSERY "manifests/nursery.tar.zst:nursery-olmo"

static double number(const json_t *object, const char *key)
{
  const json_t *value = json_object_get(object, key);
  if (!json_is_number(value))
    fail_msg("there is no number %s", key);
  return json_number_value(value);
}

static const char *string(const json_t *object, const char *key)
{
  const char *value = json_string_value(json_object_get(object, key));
  return value ? value : "(null)";
}

static json_t *run_json(const char *line)
{
  char *out = workshop_run(0, "%s --json -", line);
  json_t *json = workshop_json_text(out);
  free(out);
  return json;
}

static void test_rank(void **state)
{
  (void)state;
  json_t *all = run_json("rank golden/published/pythia-1b");
  const json_t *heads = json_object_get(all, "heads"), *head = json_array_get(heads, 0);
  assert_int_equal(json_array_size(heads), 128);
  assert_string_equal(string(all, "model"), "pythia-1b");
  assert_string_equal(string(all, "kind"), "published");
  assert_string_equal(string(all, "revision"), "step143000");
  assert_true(fabs(number(head, "integral") / 498.9777157888483 - 1) < 1e-5);
  assert_true(number(head, "layer") == 3 && number(head, "head") == 6);
  assert_true(number(all, "k_18_percent") == 23);
  head = json_array_get(heads, 9); /* layer 0 would lead without the floor */
  assert_true(number(head, "layer") == 0 && number(head, "head") == 0);
  json_decref(all);
  all = run_json("rank golden/published/pythia-1b --floor 1");
  head = json_array_get(json_object_get(all, "heads"), 0);
  assert_true(number(head, "layer") == 0);
  json_decref(all);
}

static void test_rank_left_out(void **state)
{
  (void)state;
  json_t *all = run_json("rank golden/published/olmo-1b-0724 --leave-out first_token "
                         "--revision step56000-tokens117B");
  size_t i;
  const json_t *head;
  double classified = 0;
  assert_int_equal(json_array_size(json_object_get(all, "heads")), 256 - 13);
  json_array_foreach(json_object_get(all, "heads"), i, head)
  {
    assert_string_not_equal(string(head, "class"), "first_token");
    classified += strcmp(string(head, "class"), "unclassified") != 0;
    assert_true(number(head, "classified") == classified);
    assert_true(number(head, "precision") == classified / (double)(i + 1));
  }
  assert_int_equal(json_array_size(json_object_get(all, "mean_pr")), 10);
  json_decref(all);
  char *out = workshop_run(0, "rank golden/nursery-olmo --top 2");
  workshop_contains(out, "Every integral is 0: the last revision has seen 2560000 tokens");
  workshop_contains(out, "Caveat: ");
  free(out);
}

static void layers_are(const json_t *overlap, const char *key, const int *want, size_t count)
{
  const json_t *layers = json_object_get(overlap, key);
  assert_int_equal(json_array_size(layers), count);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(json_integer_value(json_array_get(layers, i)), want[i]);
}

static void test_sinks(void **state)
{
  (void)state;
  json_t *all = run_json("sinks golden/published/pythia-1b");
  const json_t *overlap = json_object_get(all, "overlap");
  layers_are(overlap, "layers_with_both", (const int[]){4, 5, 7, 10}, 4);
  layers_are(overlap, "layers_without_sinks", (const int[]){0, 1, 2, 3}, 4);
  layers_are(overlap, "layers_with_induction_only", NULL, 0);
  const json_t *layer = json_array_get(json_object_get(all, "layers"), 6);
  assert_string_equal(string(layer, "first_sink"), "step3000");
  const json_t *last = json_array_get(json_object_get(all, "revisions"), 9);
  assert_true(number(last, "sinks") == 74 && number(last, "sinks_best_class") == 69);
  assert_true(number(last, "induction") == 3 && number(last, "jaccard_last") == 1);
  assert_true(number(last, "jaccard_previous") == 0.75);
  assert_int_equal(json_array_size(json_object_get(all, "leaving")), 2);
  assert_string_equal(string(json_object_get(all, "circuit"), "formed"), "step3000");
  json_decref(all);
  all = run_json("sinks golden/published/olmoe-1b-7b-0924 --threshold 20 --induction 30");
  assert_true(number(all, "threshold") == 20 && number(all, "induction_threshold") == 30);
  last = json_array_get(json_object_get(all, "revisions"), 9);
  assert_true(number(last, "sinks") > 194 && number(last, "induction") == 4);
  json_decref(all);
}

static void test_weights(void **state)
{
  (void)state;
  json_t *all = run_json("weights " NURSERY "/step2500/ " NURSERY
                         "/step0 --trajectory golden/nursery-olmo --threads 2");
  const json_t *models = json_object_get(all, "models");
  assert_string_equal(string(json_array_get(models, 0), "revision"), "step0");
  const json_t *last = json_array_get(models, 1);
  assert_string_equal(string(last, "revision"), "step2500");
  const json_t *head = json_array_get(json_object_get(last, "heads"), 5);
  assert_true(number(head, "layer") == 1 && number(head, "head") == 1);
  assert_true(fabs(number(head, "stable_rank") / 6.72698 - 1) < 1e-5);
  assert_int_equal(json_array_size(json_object_get(last, "correlations")), 12);
  const json_t *course = json_array_get(json_object_get(all, "over_revisions"), 0);
  assert_true(fabs(number(course, "growth_spearman") - 0.62352941176470589) < 1e-12);
  json_decref(all);
  char *text =
      workshop_run(EXIT_HELD, "weights " NURSERY "/step0 --trajectory golden/nursery-olmo");
  workshop_contains(text, "  That each model is the revision that it is named after is taken on "
                          "trust: a trajectory does not say of which checkpoints it is.\n");
  free(text);
  all = run_json("weights " WORKSHOP_MODEL);
  last = json_array_get(json_object_get(all, "models"), 0);
  assert_true(json_is_null(json_object_get(last, "revision")));
  assert_null(json_object_get(last, "correlations"));
  assert_null(json_object_get(all, "over_revisions"));
  json_decref(all);
}

/* Fills the output projection of layer 0 of a copy of the model. */
static const char *model_with(int byte)
{
  static const char key[] = "model.layers.0.self_attn.o_proj.weight";
  const char *model = workshop_path("filled");
  char path[600];
  size_t size;
  uint64_t length;
  json_int_t from, to;
  workshop_shell("rm -rf %s && cp -r " WORKSHOP_MODEL " %s", model, model);
  snprintf(path, sizeof path, "%s/model.safetensors", model);
  char *file = support_read(path, &size);
  memcpy(&length, file, sizeof length);
  json_t *header = json_loadb(file + 8, (size_t)length, 0, NULL);
  assert_int_equal(
      json_unpack(json_object_get(header, key), "{s:[I, I]}", "data_offsets", &from, &to), 0);
  memset(file + 8 + length + from, byte, (size_t)(to - from));
  support_write(path, file, size);
  json_decref(header);
  free(file);
  return model;
}

/* A slice of zeros has no rank and no gap; one that is not finite is named. */
static void test_weights_of_zeros(void **state)
{
  (void)state;
  char line[700];
  snprintf(line, sizeof line, "weights %s", model_with(0));
  json_t *all = run_json(line);
  const json_t *heads = json_object_get(json_array_get(json_object_get(all, "models"), 0), "heads");
  for (size_t i = 0; i < 8; i++) {
    const json_t *head = json_array_get(heads, i);
    assert_int_equal(json_is_null(json_object_get(head, "stable_rank")), i < 4);
    assert_int_equal(json_is_null(json_object_get(head, "gap")), i < 4);
    assert_true(i >= 4 || (number(head, "sigma1") == 0 && number(head, "weight_pr") == 1));
  }
  json_decref(all);
  free(workshop_refuse(2, "layer 0 head 0: ", "weights %s", model_with(0xff)));
  free(workshop_refuse(2, "holds a NaN or an infinity", "weights %s", model_with(0xff)));
}

static void test_refusals(void **state)
{
  (void)state;
  free(workshop_refuse(2, "TRAJECTORY is missing", "rank"));
  free(workshop_refuse(2, "--floor", "rank golden/nursery-olmo --floor 0"));
  free(workshop_refuse(2, "--top", "rank golden/nursery-olmo --top 0"));
  free(workshop_refuse(2,
                       "--revision step9: nursery-olmo has none of this name; its last is "
                       "step2500",
                       "rank golden/nursery-olmo --revision step9"));
  free(workshop_refuse(2, "--leave-out bos: must be induction, previous_token",
                       "rank golden/nursery-olmo --leave-out bos"));
  free(workshop_refuse(2, "golden/nowhere", "rank golden/nowhere"));
  free(workshop_refuse(2, "TRAJECTORY is missing", "sinks"));
  free(workshop_refuse(2, "--threshold 0: must be a number above 0",
                       "sinks golden/nursery-olmo --threshold 0"));
  free(workshop_refuse(2, "--induction x: must be a number above 0",
                       "sinks golden/nursery-olmo --induction x"));
  free(workshop_refuse(2, "MODEL_DIR is missing", "weights"));
  free(workshop_refuse(2, "has no revision model; the last part of the path must be the name",
                       "weights " WORKSHOP_MODEL " --trajectory golden/nursery-olmo"));
  free(workshop_refuse(2, "is revision step0, as is",
                       "weights " NURSERY "/step0 " NURSERY
                       "/step0/ --trajectory golden/nursery-olmo"));
  free(workshop_refuse(2, "they are of different models",
                       "weights " NURSERY "/step0 --trajectory %s", workshop_path("t")));
  free(workshop_refuse(2, "--memory", "weights " WORKSHOP_MODEL " --memory 1K"));
}

/* A trajectory in which a figure is not available, and one of another shape. */
static int setup(void **state)
{
  (void)state;
  static const char json[] =
      "{\"format\": 1, \"model\": \"t\", \"kind\": \"trained\", \"source\": \"s\", \"caveat\": "
      "\"\", \"revisions\": [{\"name\": \"step0\", \"step\": 0, \"tokens\": 0, \"file\": "
      "\"a.csv\"}]}";
  static const char csv[] =
      "layer,head,class,induction,previous_token,duplicate_token,first_token,self,local,baseline,"
      "pr\n0,0,unclassified,1,1,1,1,1,1,,\n";
  char path[600];
  workshop_shell("mkdir -p %s", workshop_path("t"));
  snprintf(path, sizeof path, "%s/trajectory.json", workshop_path("t"));
  support_write(path, json, sizeof json - 1);
  snprintf(path, sizeof path, "%s/a.csv", workshop_path("t"));
  support_write(path, csv, sizeof csv - 1);
  return 0;
}

static void test_not_available(void **state)
{
  (void)state;
  free(workshop_refuse(2, "revision step0, layer 0 head 0 has no participation ratio", "rank %s",
                       workshop_path("t")));
  free(workshop_run(0, "sinks %s", workshop_path("t")));
  free(workshop_refuse(2, "trajectory.json", "sinks %s --json %s/trajectory.json",
                       workshop_path("t"), workshop_path("t")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rank),
      cmocka_unit_test(test_rank_left_out),
      cmocka_unit_test(test_sinks),
      cmocka_unit_test(test_weights),
      cmocka_unit_test(test_weights_of_zeros),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_not_available),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}

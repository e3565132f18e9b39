/* attest train --examine: the tables of a study beside the logs of any few-shot run, the same bytes
 * everywhere, whole or not at all; and what attest says of such a folder. */
#include "workshop.h"

#include "few_shot/examine.h"
#include "few_shot/strengths.h"

#define RECIPE(name, heads, more)                                                                  \
  "{\"format\": 1, \"kind\": \"few_shot\", \"name\": \"" name "\", \"model\": {\"hidden\": 16, "   \
  "\"heads\": " heads "}, \"data\": {\"classes\": 4, \"test_classes\": 2}, \"adam\": {\"rate\": "  \
  "1e-3}, \"batch\": 8, \"sequences\": 100, \"evaluate\": {\"every\": 40, \"sequences\": 20}, "    \
  "\"checkpoint_every\": 40" more "}"

static const char *const names[] = {"ablations",   "checkpoints", "composition", "heads",
                                    "key_sources", "models",      "previous",    "sets",
                                    "wiring",      "../course"};

static const char *recipe(const char *file, const char *text)
{
  const char *path = workshop_path(file);
  support_write(path, text, strlen(text));
  return path;
}

static size_t lines_of(const char *folder, const char *name)
{
  char path[600];
  size_t size;
  snprintf(path, sizeof path, "%s/%s.csv", folder, name);
  char *text = support_read(path, &size);
  size_t lines = text_count_lines(text, size);
  free(text);
  return lines;
}

/* A run with a part of the circuit given: trained, and then examined as it is. */
static int setup(void **state)
{
  (void)state;
  const char *path = recipe("four.json", RECIPE("four", "4", ", \"clamp\": {\"keep\": [2]}"));
  free(workshop_run(0, "train %s --out %s", path, workshop_path("four")));
  free(workshop_run(0, "train %s --out %s --examine --wiring", path, workshop_path("four")));
  return 0;
}

static void test_tables(void **state)
{
  (void)state;
  static const size_t rows[] = {4, 4, 16, 4, 4, 1, 4, 4 + 3, 2 * 16};
  const char *folder = workshop_path("four");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    assert_int_equal(lines_of(folder, names[i]), 2 + rows[i]);
  assert_int_equal(lines_of(folder, "course"), 1 + FEW_SETS);
  char path[600];
  size_t size;
  snprintf(path, sizeof path, "%s/checkpoints.csv", folder);
  char *text = support_read(path, &size);
  workshop_contains(text, "attest train --examine of four (SHA-256 of the recipe ");
  workshop_contains(text, ", 100 sequences, items F, stride 1, no clamp\nmodel,sequences,");
  workshop_contains(text, ",strength3\nfour,0,");
  workshop_contains(text, "\nfour,100,");
  free(text);
}

/* Without vectors, after a stop, in one go: the same bytes. */
static void test_same_bits(void **state)
{
  (void)state;
  const char *folder = workshop_path("other");
  free(workshop_run(0, "train %s --out %s --isa scalar --threads 2 --examine --wiring",
                    workshop_path("four.json"), folder));
  for (size_t i = 0; i + 1 < sizeof names / sizeof *names; i++)
    workshop_shell("cmp %s/%s.csv %s/%s.csv", workshop_path("four"), names[i], folder, names[i]);
  workshop_shell("cmp %s/course.csv %s/course.csv", workshop_path("four"), folder);
}

/* A checkpoint has tables of its own: what a run that ends there has at its end. */
static void test_checkpoint(void **state)
{
  (void)state;
  const char *folder = workshop_path("four"), *short_run = workshop_path("short");
  char *text = workshop_run(0, "train %s --out %s --examine --stride 3 --checkpoint 80 --json -",
                            workshop_path("four.json"), folder);
  json_t *json = workshop_json_text(text), *found = json_object_get(json, "examination");
  assert_int_equal(json_integer_value(json_object_get(found, "sequences")), 80);
  assert_int_equal(json_integer_value(json_object_get(found, "examined")), 4 * 3 * 8 * 4 / 3);
  assert_int_equal(json_array_size(json_object_get(found, "heads")), 4);
  assert_int_equal(json_array_size(json_object_get(json, "course")), FEW_SETS);
  json_decref(json);
  free(text);
  workshop_shell("sed 's/\"sequences\": 100/\"sequences\": 80/' %s > %s",
                 workshop_path("four.json"), workshop_path("short.json"));
  free(workshop_run(0, "train %s --out %s --examine --stride 3", workshop_path("short.json"),
                    short_run));
  for (size_t i = 3; i < 8; i++)
    if (i != 4)
      workshop_shell("tail -n +3 %s/80/%s.csv > %s; tail -n +3 %s/%s.csv | cmp - %s", folder,
                     names[i], workshop_path("tail"), short_run, names[i], workshop_path("tail"));
  assert_int_equal(lines_of(workshop_path("four/80"), "checkpoints"), 2 + 1);
}

/* The number of heads is the recipe's, from one to as many as there may be. */
static void test_numbers_of_heads(void **state)
{
  (void)state;
  const char *one = recipe("one.json", RECIPE("a,b", "1", "")), *folder = workshop_path("one");
  free(workshop_run(0, "train %s --out %s --examine --wiring --quiet", one, folder));
  assert_int_equal(lines_of(folder, "heads"), 2 + 1);
  assert_int_equal(lines_of(folder, "sets"), 2 + 1);
  char path[600];
  size_t size;
  snprintf(path, sizeof path, "%s/heads.csv", folder);
  char *text = support_read(path, &size);
  workshop_contains(text, "\na_b,0,");
  free(text);
  if (support_emulated())
    skip();
  workshop_shell("sed 's/16/128/; s/\"heads\": 4/\"heads\": 64/; s/100/8/' %s > %s",
                 workshop_path("four.json"), workshop_path("many.json"));
  folder = workshop_path("many");
  free(workshop_run(0, "train %s --out %s --examine --stride 190", workshop_path("many.json"),
                    folder));
  assert_int_equal(lines_of(folder, "sets"), 2 + 64 + 63);
  assert_int_equal(lines_of(folder, "composition"), 2 + 64 * 64);
}

/* Of a graft the model is examined as it was trained: here all of it comes from the other run. */
static void test_graft(void **state)
{
  (void)state;
  const char *path =
      recipe("graft.json", RECIPE("four", "4",
                                  ", \"clamp\": {\"graft\": {\"layer\": 0, \"checkpoint\": "
                                  "\"four/100.safetensors\"}}"));
  const char *folder = workshop_path("graft");
  free(workshop_run(0, "train %s --out %s --examine", path, folder));
  workshop_shell("tail -n +3 %s/previous.csv > %s; tail -n +3 %s/previous.csv | cmp - %s", folder,
                 workshop_path("tail"), workshop_path("four"), workshop_path("tail"));
}

static bool stop(void *context, double done, double of)
{
  (void)done;
  (void)of;
  return --*(int *)context > 0;
}

/* ^C is asked for after every batch. */
static void test_stopped(void **state)
{
  (void)state;
  const struct few_data_settings settings = {4, 2, 5};
  const struct few_items items = few_items_surrogate(FEW_GAUSSIAN, 1);
  struct few_data data;
  struct error error = {0};
  const struct kernels *kernels;
  int asked = 5;
  assert_int_equal(kernels_select(ISA_AUTO, &kernels, &error), 0);
  assert_int_equal(few_data_create("items", &items, &settings, &data, &error), 0);
  const struct few_sizes sizes = {data.width, 16, 2, 5};
  float *parameters = calloc(few_parameters(&sizes), sizeof *parameters);
  struct few_examination *found = malloc(sizeof *found);
  assert_true(parameters && found);
  few_initial(&sizes, 1, parameters);
  const struct few_examined examined = {kernels, &data, &sizes, parameters, 1, 1, false};
  assert_int_equal(few_examine(&examined, stop, &asked, found, &error), EXIT_RUN);
  assert_int_equal(asked, 0);
  free(found);
  free(parameters);
  few_data_free(&data);
}

static void test_refused(void **state)
{
  (void)state;
  const char *path = workshop_path("four.json"), *folder = workshop_path("four");
  static const char *const alone[] = {"--stride 3", "--wiring", "--checkpoint 0"};
  for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
    free(workshop_refuse(EXIT_INPUT, "go with --examine", "train %s --out %s %s", path, folder,
                         alone[i]));
  free(workshop_refuse(EXIT_INPUT,
                       "keeps none there; \"checkpoint_every\" is 40, and the last is "
                       "100",
                       "train %s --out %s --examine --checkpoint 41", path, folder));
  free(workshop_refuse(EXIT_INPUT, "heads.csv", "train %s --out %s --examine --json %s/heads.csv",
                       path, folder, folder));
  free(workshop_refuse(EXIT_INPUT, "examine fewer with --stride",
                       "train %s --out %s --examine --memory 1M", path, folder));
  free(workshop_refuse(EXIT_INPUT, "--examine: is of few-shot recipes",
                       "train manifests/recipes/from-nothing-olmo-seed0.json --out %s --examine",
                       workshop_path("language")));
}

/* What a folder of such a run is to other commands. */
static void test_shown(void **state)
{
  (void)state;
  const char *folder = workshop_path("four");
  char *text = workshop_run(0, "show %s", folder);
  workshop_contains(text, "four: a few-shot run of 100 sequences");
  workshop_contains(text, "loss and accuracy after 80 sequences");
  workshop_contains(text, "fsl_test_class");
  workshop_contains(text, "heads.csv and the other tables there");
  free(text);
  free(workshop_refuse(EXIT_INPUT, "is a few-shot run", "show %s --head 1.2", folder));
  free(workshop_refuse(EXIT_INPUT, "is a run of a few-shot recipe", "inspect %s", folder));
  workshop_shell("cp -r %s %s; sed -i '3s/,/,x/' %s/course.csv", folder, workshop_path("bad"),
                 workshop_path("bad"));
  free(workshop_refuse(EXIT_INPUT, "course.csv: line 3", "show %s", workshop_path("bad")));
  workshop_shell("rm %s/course.csv", workshop_path("bad"));
  free(
      workshop_refuse(EXIT_INPUT, "course.csv: is not there yet", "show %s", workshop_path("bad")));
}

/* A run that ends between evaluations says what its scores are of. */
static void test_end(void **state)
{
  (void)state;
  char *text =
      workshop_run(0, "train %s --out %s", workshop_path("four.json"), workshop_path("four"));
  workshop_contains(text, "four: 104 sequences trained");
  workshop_contains(text, "loss and accuracy are not of the end, but of the evaluation after 80 "
                          "sequences");
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tables),     cmocka_unit_test(test_same_bits),
      cmocka_unit_test(test_checkpoint), cmocka_unit_test(test_numbers_of_heads),
      cmocka_unit_test(test_graft),      cmocka_unit_test(test_stopped),
      cmocka_unit_test(test_refused),    cmocka_unit_test(test_shown),
      cmocka_unit_test(test_end),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}

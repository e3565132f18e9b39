/* Clamps alone and together, in six updates of a small model on surrogate F, against float64
 * results of an independent implementation (tests/fixtures/few_clamps.README.md); and what cannot
 * stand together. */
#include "few_shot.h"

#include "few_shot/run.h"

#define HEAD "{\"format\": 1, \"kind\": \"few_shot\", \"name\": \"small\", \"sequences\": 48, "

/* The fixture's recipe with a seed and a clamp, as text; free(). */
static char *recipe_text(const json_t *fixture, int seed, json_t *clamp)
{
  json_t *root = json_deep_copy(json_object_get(fixture, "recipe"));
  json_object_update_new(root,
                         json_pack("{s:i, s:s, s:s, s:{s:i}, s:{s:i}, s:o}", "format", 1, "kind",
                                   "few_shot", "name", "small", "evaluate", "every", 0, "seeds",
                                   "initial", seed, "clamp", json_deep_copy(clamp)));
  json_t *graft = json_object_get(json_object_get(root, "clamp"), "graft");
  if (graft)
    json_object_set_new(graft, "checkpoint", json_string("of seed 6"));
  char *text = json_dumps(root, 0);
  assert_non_null(text);
  json_decref(root);
  return text;
}

struct trained {
  struct few_recipe recipe;
  struct few_data data;
  struct few_run *run;
};

static void train(const char *text, const struct kernels *kernels, const float *graft,
                  struct trained *t)
{
  const struct few_run_events none = {.context = NULL};
  struct error error = {0};
  if (few_recipe_parse("r.json", text, strlen(text), &t->recipe, &error))
    fail_msg("%s: %s", text, error.text);
  const struct few_items items = few_items_surrogate(t->recipe.items, t->recipe.item_seed);
  if (few_data_create("items", &items, &t->recipe.data, &t->data, &error) ||
      few_run_create("small", &t->recipe, &t->data, graft, kernels, &t->run, &error) ||
      few_run(t->run, NULL, &none, &error))
    fail_msg("%s: %s", text, error.text);
}

static void release(struct trained *t)
{
  few_run_free(t->run);
  few_data_free(&t->data);
  few_recipe_free(&t->recipe);
}

static void near(const char *where, const char *what, double got, const json_t *want, double bound)
{
  double right = json_number_value(want);
  assert_true(json_is_number(want));
  if (!(fabs(got - right) <= bound * fmax(1, fabs(right))))
    fail_msg("%s, %s: %.9g instead of %.9g", where, what, got, right);
}

/* Losses, norms of gradients, and how far each tensor went: exactly nowhere where it gets none. */
static void compare(const json_t *want, const struct trained *t, const float *initial)
{
  const char *name = json_string_value(json_object_get(want, "name"));
  const struct few_log *log = few_run_log(t->run);
  const struct few_sizes sizes = few_recipe_sizes(&t->recipe, t->data.width);
  assert_int_equal(log->update_count, 6);
  for (size_t u = 0; u < log->update_count; u++) {
    near(name, "loss", log->updates[u].loss, json_array_get(json_object_get(want, "loss"), u),
         5e-6);
    near(name, "norm", log->updates[u].grad_norm,
         json_array_get(json_object_get(want, "grad_norm"), u), 1e-5);
  }
  for (int i = 0; i < FEW_TENSORS; i++) {
    struct few_place place = few_place(&sizes, (enum few_tensor)i);
    const json_t *change = json_object_get(json_object_get(want, "change"), place.name);
    const float *now = few_run_parameters(t->run) + place.offset, *then = initial + place.offset;
    double squares = 0;
    for (size_t k = 0; k < place.rows * place.columns; k++)
      squares += pow((double)now[k] - (double)then[k], 2);
    near(name, place.name, sqrt(squares), change, 1e-3 * json_number_value(change));
  }
}

static void every_case(void **state)
{
  json_error_t problem;
  json_t *fixture = json_load_file("tests/fixtures/few_clamps.json", 0, &problem), *item;
  json_t *none = json_object(), *cases = json_object_get(fixture, "cases");
  const struct kernels *list[4];
  struct trained other;
  size_t i, isas = kernels_available(list);
  const struct kernels *kernels = list[isas - 1];
  (void)state;
  assert_int_equal(json_array_size(cases), 25);
  char *text = recipe_text(fixture, 6, none);
  train(text, kernels, NULL, &other);
  free(text);
  json_array_foreach(cases, i, item)
  {
    struct trained t;
    json_t *clamp = json_object_get(item, "clamp");
    text = recipe_text(fixture, 5, clamp);
    train(text, kernels, few_run_parameters(other.run), &t);
    const struct few_sizes sizes = few_recipe_sizes(&t.recipe, t.data.width);
    float *initial = malloc(few_parameters(&sizes) * sizeof *initial);
    assert_non_null(initial);
    few_initial(&sizes, 5, initial);
    compare(item, &t, initial);
    free(initial);
    free(text);
    release(&t);
  }
  release(&other);
  json_decref(none);
  json_decref(fixture);
}

static void refused(void **state)
{
#define GRAFT "\"graft\": {\"checkpoint\": \"x\", "
  static const struct {
    const char *clamp, *words;
  } cases[] = {
      {"\"copy\": 1, \"previous\": {\"heads\": [0]}",
       "copy takes a head's scores of a pass without"},
      {"\"copy\": 1, \"ablate\": [[0, 2]]", "copy takes a head's scores of a pass without"},
      {"\"copy\": 1, " GRAFT "\"layer\": 1}", "copy takes a head's scores of a pass without"},
      {"\"previous\": {\"heads\": [0], \"rows\": \"odd\"}", "\"rows\" is \"odd\", must be all or"},
      {"\"match\": {\"heads\": [0], \"rows\": \"all\"}", "unknown key \"rows\""},
      {GRAFT "\"layer\": 2, \"side\": \"until\"}", "leaves nothing to train"},
      {GRAFT "\"layer\": 1, \"side\": \"to\"}", "\"side\" is \"to\", must be until or from"},
      {GRAFT "\"layer\": 3}", "\"layer\""},
      {GRAFT "\"layer\": 1, \"side\": \"until\"}, \"keep\": [1]", "grafted as a whole"},
      {GRAFT "\"layer\": 0}, \"preserve\": \"values\"", "of a grafted layer 0"},
      {GRAFT "\"layer\": 0, \"side\": \"from\"}, \"perfect_layer0\": true", "nothing of layer 0"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct few_recipe recipe;
    struct error error = {0};
    char text[400];
    snprintf(text, sizeof text, HEAD "\"clamp\": {%s}}", cases[i].clamp);
    assert_int_equal(few_recipe_parse("r.json", text, strlen(text), &recipe, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
    few_recipe_free(&recipe);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_case),
      cmocka_unit_test(refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The few-shot model under every clamp, against float64 results of an independent implementation
 * (tests/fixtures/induction.README.md says what they are, and the bounds). */
#include "few_shot.h"

#include "few_shot/adam.h"

/* --- clamps as the fixture states them --- */

static uint64_t heads_of(const json_t *list, int layer)
{
  uint64_t heads = 0;
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *pair = json_array_get(list, i);
    if (json_integer_value(json_array_get(pair, 0)) == layer)
      heads |= (uint64_t)1 << json_integer_value(json_array_get(pair, 1));
  }
  return heads;
}

static struct few_clamp clamp_of(const json_t *json)
{
  const json_t *ablate = json_object_get(json, "ablate"), *prev = json_object_get(json, "prev");
  const json_t *match = json_object_get(json, "match"), *copy = json_object_get(json, "copy");
  const json_t *head;
  size_t i;
  int patterns = json_is_true(json_object_get(json, "preserve_patterns"));
  int values = json_is_true(json_object_get(json, "preserve_values"));
  struct few_clamp c = {.ablate = {heads_of(ablate, 0), heads_of(ablate, 1)},
                        .preserve = (enum few_preserve)(patterns + 2 * values),
                        .previous_strength = json_number_value(json_object_get(prev, "s")),
                        .match_strength = json_number_value(json_object_get(match, "s")),
                        .copy = copy != NULL,
                        .copy_head = (size_t)json_integer_value(copy),
                        .perfect_layer0 = json_is_true(json_object_get(json, "perfect0")),
                        .graft =
                            json_object_get(json, "graft") ? FEW_GRAFT_LAYER0 : FEW_GRAFT_NONE};
  json_array_foreach(json_object_get(prev, "heads"), i, head)
  {
    c.previous |= (uint64_t)1 << json_integer_value(head);
  }
  if (match)
    c.match = (uint64_t)1 << json_integer_value(json_object_get(match, "head"));
  return c;
}

/* --- comparisons --- */

static double number(const json_t *object, const char *key)
{
  const json_t *value = json_object_get(object, key);
  assert_true(json_is_number(value));
  return json_number_value(value);
}

static double sign_of(size_t i)
{
  uint64_t z = (i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 31) * 0x94D049BB133111EBu;
  return z >> 63 ? -1 : 1;
}

static void near(const char *what, const char *where, double got, double want, double bound)
{
  if (!(fabs(got - want) <= bound))
    fail_msg("%s, %s: %.9g instead of %.9g, off by %.3g, at most %.3g", where, what, got, want,
             fabs(got - want), bound);
}

/* Sum with signs, norm and samples of a tensor; `tolerance` is relative to its largest entry. */
static void compare_digest(const char *where, const struct few_place *place, const float *x,
                           const json_t *digest, double tolerance)
{
  double signs = 0, squares = 0, largest = number(digest, "max_abs");
  size_t n = place->rows * place->columns;
  const json_t *at = json_object_get(digest, "index"), *value = json_object_get(digest, "value");
  for (size_t i = 0; i < n; i++) {
    signs += sign_of(i) * (double)x[i];
    squares += (double)x[i] * (double)x[i];
    if (largest == 0) {
      uint32_t bits;
      memcpy(&bits, &x[i], sizeof bits);
      if (bits)
        fail_msg("%s, %s: element %zu is %g, must be +0", where, place->name, i, (double)x[i]);
    }
  }
  double bound = tolerance * largest * sqrt((double)n);
  near(place->name, where, signs, number(digest, "signed"), bound);
  near(place->name, where, sqrt(squares), number(digest, "l2"), bound);
  for (size_t i = 0; i < json_array_size(at); i++)
    near(place->name, where, (double)x[json_integer_value(json_array_get(at, i))],
         json_number_value(json_array_get(value, i)), tolerance * largest);
}

/* Every entry, and +0 in rows that are all 0 in the reference: what was replaced. */
static void compare_all(const char *where, const struct few_place *place, const float *x,
                        const float *want, double tolerance)
{
  double largest = 0;
  for (size_t i = 0; i < place->rows * place->columns; i++)
    largest = fmax(largest, fabs((double)want[i]));
  for (size_t row = 0; row < place->rows; row++) {
    const float *got = x + row * place->columns, *right = want + row * place->columns;
    bool zero = true;
    for (size_t i = 0; i < place->columns; i++) {
      zero &= right[i] == 0.0f;
      near(place->name, where, (double)got[i], (double)right[i], tolerance * largest);
    }
    for (size_t i = 0; zero && i < place->columns; i++)
      if (memcmp(&got[i], &(float){0.0f}, sizeof(float)) != 0)
        fail_msg("%s, %s: row %zu holds %g, must be +0", where, place->name, row, (double)got[i]);
  }
}

/* --- cases --- */

static void compare_logits(const struct induction *f, const char *where,
                           const struct few_model *model, const json_t *logits)
{
  bool full = f->sizes.hidden == 64;
  for (size_t i = 0; i < f->batch; i++)
    for (size_t l = 0; l < f->sizes.labels; l++) {
      double want = json_number_value(json_array_get(json_array_get(logits, i), l));
      double got = (double)few_model_logits(model, i)[l];
      if (want < -1e8)
        assert_true(got < -1e8);
      else
        near("logits", where, got, want, full ? 2e-5 : 4e-5);
    }
}

static void compare_gradients(const struct induction *f, const char *name, const float *gradients,
                              const json_t *digests)
{
  char file[64];
  bool full = f->sizes.hidden == 64;
  double tolerance = full ? 1e-5 : 3e-5;
  snprintf(file, sizeof file, "grad_%s.npy", name);
  float *all =
      file_exists(induction_path(f->name, file)) ? induction_floats(f->name, file, f->count) : NULL;
  for (int i = 0; i < FEW_TENSORS; i++) {
    struct few_place place = few_place(&f->sizes, (enum few_tensor)i);
    compare_digest(name, &place, gradients + place.offset, json_object_get(digests, place.name),
                   tolerance);
    if (all)
      compare_all(name, &place, gradients + place.offset, all + place.offset, tolerance);
  }
  free(all);
}

static void one_case(const struct induction *f, const struct kernels *kernels, const char *name,
                     const json_t *json, const float *graft)
{
  const struct few_clamp clamp = clamp_of(json_object_get(json, "clamp"));
  const struct few_model_options options = {.kernels = kernels,
                                            .sizes = f->sizes,
                                            .batch = f->batch,
                                            .items = f->table.rows,
                                            .clamp = &clamp,
                                            .graft = graft};
  struct few_model *model;
  struct error error = {0};
  double loss = 0;
  float *gradients = malloc(f->count * sizeof *gradients);
  assert_non_null(gradients);
  if (few_model_create(&options, f->initial, gradients, &model, &error) ||
      few_model_run(model, &f->table, f->sequences[0], &loss, &error))
    fail_msg("%s: %s", name, error.text);
  near("loss", name, loss, number(json, "loss"), 3e-6);
  compare_logits(f, name, model, json_object_get(json, "logits"));
  compare_gradients(f, name, gradients, json_object_get(json, "gradient"));
  few_model_free(model);
  free(gradients);
}

static void all_cases(const char *size, size_t count)
{
  struct induction f = induction_open(size);
  float *graft = induction_floats("mini", "params_lr1e-3_u20.npy", 0);
  json_t *cases = induction_json(size, "cases.json");
  const struct kernels *list[4];
  const char *name;
  json_t *json;
  size_t isas = kernels_available(list);
  assert_int_equal(json_object_size(cases), count);
  json_object_foreach(cases, name, json)
  {
    one_case(&f, list[isas - 1], name, json, graft);
  }
  json_decref(cases);
  free(graft);
  induction_close(&f);
}

static void full_size(void **state)
{
  (void)state;
  all_cases("full", 14);
}

static void mini_size(void **state)
{
  (void)state;
  all_cases("mini", 15);
}

/* --- training --- */

/* Digest of the change, and all parameters where the fixture has them. Entries whose gradient is
 * next to nothing take a first step of any size, so after one update the tensor's norm counts. */
static void compare_change(const struct induction *f, const char *rate, const char *when,
                           const float *parameters, const json_t *digests)
{
  bool first = strcmp(when, "after1") == 0;
  double bound = first ? (rate[3] == '5' ? 2e-7 : 5e-6) : 5e-6;
  for (int i = 0; i < FEW_TENSORS; i++) {
    struct few_place place = few_place(&f->sizes, (enum few_tensor)i);
    const json_t *digest = json_object_get(digests, place.name);
    const json_t *at = json_object_get(digest, "index"), *value = json_object_get(digest, "value");
    double squares = 0, l2 = number(digest, "l2");
    size_t n = place.rows * place.columns;
    for (size_t j = 0; j < n; j++) {
      double change = (double)parameters[place.offset + j] - (double)f->initial[place.offset + j];
      squares += change * change;
    }
    near(place.name, when, sqrt(squares), l2, 1e-3 * l2 + 1e-7);
    for (size_t j = 0; j < json_array_size(at); j++) {
      size_t k = place.offset + (size_t)json_integer_value(json_array_get(at, j));
      near(place.name, when, (double)parameters[k] - (double)f->initial[k],
           json_number_value(json_array_get(value, j)), bound);
    }
  }
}

static void compare_parameters(const struct induction *f, const char *rate, size_t updates,
                               const float *parameters)
{
  char file[64];
  snprintf(file, sizeof file, "params_lr%s_u%zu.npy", rate, updates);
  if (!file_exists(induction_path(f->name, file)))
    return;
  float *want = induction_floats(f->name, file, f->count);
  for (size_t i = 0; i < f->count; i++)
    near("a parameter", file, (double)parameters[i], (double)want[i],
         updates == 1 ? 5e-6 + 1e-5 : 5e-6); /* the first step of tiny gradients */
  free(want);
}

static void train(const char *size, const char *rate)
{
  struct induction f = induction_open(size);
  json_t *root = induction_json(size, "train.json"), *json = json_object_get(root, rate);
  struct few_model_options with = {.sizes = f.sizes, .batch = f.batch, .items = f.table.rows};
  const struct kernels *list[4];
  struct few_adam adam;
  struct few_model *model;
  struct error error = {0};
  double loss = 0;
  with.kernels = list[kernels_available(list) - 1];
  float *parameters = malloc(2 * f.count * sizeof *parameters);
  assert_non_null(parameters);
  memcpy(parameters, f.initial, f.count * sizeof *parameters);
  if (few_model_create(&with, parameters, parameters + f.count, &model, &error) ||
      few_adam_create(strtod(rate, NULL), 0.9, 0.999, 1e-8, f.count, &adam, &error))
    fail_msg("%s", error.text);
  for (size_t u = 0; u < INDUCTION_UPDATES; u++) {
    if (few_model_run(model, &f.table, f.sequences[u], &loss, &error))
      fail_msg("%s", error.text);
    near("loss", rate, loss, json_number_value(json_array_get(json_object_get(json, "loss"), u)),
         f.sizes.hidden == 64 ? 4e-6 : 2e-5);
    few_adam_step(&adam, with.kernels, parameters + f.count, parameters);
    if (u == 0 || u + 1 == INDUCTION_UPDATES) {
      const char *when = u ? "after20" : "after1";
      const json_t *after = json_object_get(json, when);
      compare_change(&f, rate, when, parameters, json_object_get(after, "change"));
      compare_parameters(&f, rate, u + 1, parameters);
    }
  }
  few_model_free(model);
  few_adam_free(&adam);
  free(parameters);
  json_decref(root);
  induction_close(&f);
}

static void updates(void **state)
{
  (void)state;
  train("mini", "1e-5");
  train("mini", "1e-3");
  train("full", "1e-5");
  train("full", "1e-3");
}

/* --- what a model says --- */

/* A sequence's logits are the same bits in whatever batch and table it stands; patterns are rows
 * that add up to 1, clamps as they should be. */
static void any_batch(void **state)
{
  struct induction f = induction_open("mini");
  const struct few_clamp clamp = {
      .previous = 2, .previous_strength = 0.75, .match = 4, .match_strength = 0.25};
  const struct kernels *list[4];
  struct few_model *one, *many;
  struct error error = {0};
  struct few_model_options options = {
      .sizes = f.sizes, .batch = 8, .items = f.table.rows, .clamp = &clamp};
  (void)state;
  options.kernels = list[kernels_available(list) - 1];
  assert_int_equal(few_model_create(&options, f.initial, NULL, &many, &error), 0);
  options.batch = 3; /* six items of a batch are less than the table */
  assert_int_equal(few_model_create(&options, f.initial, NULL, &one, &error), 0);
  assert_int_equal(few_model_forward(many, &f.table, f.sequences[3], 8, &error), 0);
  for (size_t i = 0; i < 8; i++) {
    size_t count = i < 7 ? i % 2 + 1 : 1;
    assert_int_equal(few_model_forward(one, &f.table, f.sequences[3] + i, count, &error), 0);
    assert_memory_equal(few_model_logits(one, 0), few_model_logits(many, i),
                        f.sizes.labels * sizeof(float));
    assert_true(few_model_loss(one, 0) == few_model_loss(many, i));
    for (size_t head = 0; head < 4; head++)
      for (size_t query = 0; query < FEW_POSITIONS; query++)
        for (size_t layer = query < 4 ? 0 : 1; layer <= (query == 4); layer++) {
          double sum = 0;
          for (size_t key = 0; key <= query; key++)
            sum += (double)few_model_pattern(many, layer, head, query, key)[i];
          assert_true(fabs(sum - 1) < 1e-6);
        }
    size_t right = f.sequences[3][i].query ? 3 : 1;
    assert_true(few_model_pattern(many, 1, 2, 4, right)[i] == 0.25f);
    assert_true(few_model_pattern(many, 1, 2, 4, 4 - right)[i] == 0.75f);
    assert_true(few_model_pattern(many, 0, 1, 3, 2)[i] == 0.75f);
    assert_true(few_model_pattern(many, 0, 1, 0, 0)[i] == 1.0f);
  }
  few_model_free(one);
  few_model_free(many);
  induction_close(&f);
}

static void impossible(void **state)
{
  static const struct few_sizes good = {12, 32, 4, 5}, odd = {12, 36, 4, 5}, none = {0, 32, 4, 5};
  static const struct {
    const struct few_sizes *sizes;
    struct few_clamp clamp;
    const char *words;
  } cases[] = {
      {&odd, {.match = 0}, "an even number of at most"},
      {&none, {.match = 0}, "items of 0 numbers"},
      {&good, {.ablate = {0, 16}}, "does not have"},
      {&good, {.copy = true, .copy_head = 4}, "does not have"},
      {&good, {.match = 1, .match_strength = 1.5}, "between 0 and 1"},
      {&good, {.previous = 1, .previous_strength = NAN}, "between 0 and 1"},
      {&good, {.perfect_layer0 = true, .ablate = {1, 0}}, "nothing of layer 0"},
      {&good, {.perfect_layer0 = true, .match = 1}, "cannot be clamped"},
      {&good, {.copy = true, .match = 1}, "has an influence"},
      {&good, {.copy = true, .previous = 1}, "has an influence"},
      {&good, {.graft = FEW_GRAFT_UNTIL_LAYER1, .match = 1}, "grafted as a whole"},
      {&good, {.graft = FEW_GRAFT_LAYER0, .previous = 1}, "grafted"},
      {&good, {.graft = FEW_GRAFT_LAYER1}, "without parameters"},
  };
  const struct kernels *list[4];
  (void)state;
  kernels_available(list);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct error error = {0};
    struct few_model *model;
    static float parameters[16384];
    const struct few_model_options options = {.kernels = list[0],
                                              .sizes = *cases[i].sizes,
                                              .batch = 4,
                                              .items = 4,
                                              .clamp = &cases[i].clamp};
    assert_int_equal(few_model_create(&options, parameters, NULL, &model, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
    few_model_free(model);
  }
}

/* A graft of layer 1: its own parameters get exactly +0, those below a gradient. */
static void upper_graft(void **state)
{
  struct induction f = induction_open("mini");
  float *graft = induction_floats("mini", "params_lr1e-3_u20.npy", f.count);
  float *gradients = malloc(f.count * sizeof *gradients);
  const struct few_clamp clamp = {.graft = FEW_GRAFT_LAYER1};
  const struct kernels *list[4];
  struct few_model_options options = {
      .sizes = f.sizes, .batch = f.batch, .items = f.table.rows, .clamp = &clamp, .graft = graft};
  struct few_model *model;
  struct error error = {0};
  double loss = 0;
  (void)state;
  options.kernels = list[kernels_available(list) - 1];
  assert_non_null(gradients);
  assert_int_equal(few_model_create(&options, f.initial, gradients, &model, &error), 0);
  assert_int_equal(few_model_run(model, &f.table, f.sequences[0], &loss, &error), 0);
  for (size_t i = few_place(&f.sizes, FEW_G1).offset; i < f.count; i++)
    assert_memory_equal(&gradients[i], &(float){0.0f}, sizeof(float));
  for (int i = 0; i < FEW_G1; i++) {
    struct few_place place = few_place(&f.sizes, (enum few_tensor)i);
    double squares = 0;
    for (size_t j = 0; j < place.rows * place.columns; j++)
      squares += pow((double)gradients[place.offset + j], 2);
    assert_true(squares > 0);
  }
  few_model_free(model);
  free(gradients);
  free(graft);
  induction_close(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(updates),     cmocka_unit_test(any_batch), cmocka_unit_test(impossible),
      cmocka_unit_test(upper_graft), cmocka_unit_test(mini_size), cmocka_unit_test(full_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The few-shot model under every clamp, against float64 results of an independent implementation
 * (tests/fixtures/induction.README.md says what they are, and the bounds). */
#include "few_shot.h"

#include "train/optimizer.h"

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

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mini_size),
      cmocka_unit_test(full_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The tensors of a model, random weights for them, and checkpoints in memory. */
#include "support.h"

#include "checkpoint/in_memory.h"
#include "model/model.h"
#include "model/recipe.h"
#include "model/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void assert_done(int code, const struct error *error)
{
  if (code)
    fail_msg("%s", error->text);
}

/* What a recipe stands for; released by the caller. */
struct plan {
  char *json;
  struct recipe recipe;
  struct model_config config;
  struct inventory inventory;
};

static struct plan plan_of(const char *like)
{
  struct plan plan = {0};
  struct error error = {0};
  assert_done(recipe_parse(like, &plan.recipe, &error), &error);
  plan.json = recipe_config(&plan.recipe, "test", &error);
  assert_non_null(plan.json);
  assert_done(model_config_parse(like, plan.json, strlen(plan.json), &plan.config, &error), &error);
  assert_done(inventory_create(like, &plan.config, plan.recipe.dtype, plan.recipe.buffers,
                               &plan.inventory, &error),
              &error);
  return plan;
}

static void plan_free(struct plan *plan)
{
  inventory_free(&plan->inventory);
  free(plan->json);
}

static const struct {
  const char *like;
  uint64_t parameters, tensors;
} published[] = {
    {"pythia-1b", 1011781632, 244},
    {"olmo-1b", 1279787008, 114},
    {"olmoe-1b-7b", 6919161856, 3219},
};

/* All tensors share one buffer, which model_load does not read. */
static void test_published_shapes_load(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
    struct plan plan = plan_of(published[i].like);
    struct checkpoint *checkpoint;
    struct model model;
    struct error error = {0};
    assert_int_equal(plan.inventory.parameters, published[i].parameters);
    assert_int_equal(plan.inventory.count, published[i].tensors);
    for (size_t k = 0; k < plan.inventory.count; k++)
      plan.inventory.tensors[k].data = plan.json;
    assert_done(checkpoint_of_tensors("in-memory", plan.json, plan.inventory.tensors,
                                      plan.inventory.count, &checkpoint, &error),
                &error);
    assert_done(model_load(checkpoint, &model, &error), &error);
    assert_int_equal(model_parameters(&model), published[i].parameters);
    assert_ptr_equal(model.embedding->data, plan.json);
    assert_string_equal(model.embedding->file, "in-memory");
    model_free(&model);
    checkpoint_close(checkpoint);
    plan_free(&plan);
  }
}

static void test_checkpoint_of_tensors_refused(void **state)
{
  struct plan plan = plan_of("olmo:layers=1");
  struct checkpoint *checkpoint;
  struct model model;
  struct error error = {0};
  (void)state;
  plan.inventory.tensors[1].shape[0]--;
  assert_done(checkpoint_of_tensors("in-memory", plan.json, plan.inventory.tensors,
                                    plan.inventory.count, &checkpoint, &error),
              &error);
  assert_int_equal(model_load(checkpoint, &model, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "in-memory: tensor model.layers.0.self_attn.q_proj");
  checkpoint_close(checkpoint);
  plan_free(&plan);
}

static const struct tensor *tensor_of(const struct plan *plan, const char *name,
                                      enum inventory_kind *kind)
{
  for (size_t i = 0; i < plan->inventory.count; i++)
    if (strcmp(plan->inventory.tensors[i].name, name) == 0) {
      *kind = plan->inventory.kinds[i];
      return &plan->inventory.tensors[i];
    }
  fail_msg("no tensor %s", name);
  return NULL;
}

static float *values_of(const struct plan *plan, const char *name, enum dtype dtype)
{
  enum inventory_kind kind;
  struct tensor tensor = *tensor_of(plan, name, &kind);
  struct error error = {0};
  tensor.dtype = dtype;
  float *values = malloc(tensor.elements * sizeof *values);
  char *stored = malloc(tensor.elements * dtype_size(dtype));
  assert_true(values && stored);
  weights_fill(&plan->config, 5, &tensor, kind, 0, tensor.elements, stored);
  tensor.data = stored;
  assert_done(model_widen(&tensor, 0, tensor.elements, values, &error), &error);
  free(stored);
  return values;
}

static void check_distribution(const struct plan *plan, const char *name, double mean,
                               double deviation)
{
  enum inventory_kind kind;
  uint64_t n = tensor_of(plan, name, &kind)->elements;
  float *values = values_of(plan, name, DTYPE_F32);
  double sum = 0, squares = 0, most = 0;
  for (uint64_t i = 0; i < n; i++) {
    double x = (double)values[i] - mean;
    sum += x;
    squares += x * x;
    most = fmax(most, fabs(x));
  }
  double error = 6 / sqrt((double)n); /* six standard errors */
  assert_true(fabs(sum / (double)n) < error * deviation);
  assert_true(fabs(sqrt(squares / (double)n) / deviation - 1) < error);
  assert_true(most < 3.47 * deviation && most > 2 * deviation);
  free(values);
}

static void test_distribution(void **state)
{
  struct plan plan = plan_of("gpt_neox:layers=8");
  (void)state;
  check_distribution(&plan, "gpt_neox.embed_in.weight", 0, 0.02);
  check_distribution(&plan, "gpt_neox.layers.3.attention.query_key_value.weight", 0, 0.02);
  check_distribution(&plan, "gpt_neox.layers.3.attention.dense.weight", 0, 0.005);
  check_distribution(&plan, "gpt_neox.layers.3.mlp.dense_4h_to_h.weight", 0, 0.005);
  check_distribution(&plan, "gpt_neox.layers.3.mlp.dense_h_to_4h.bias", 0, 0.002);
  check_distribution(&plan, "gpt_neox.layers.3.input_layernorm.weight", 1, 0.02);
  plan_free(&plan);
}

/* Nearest even at `bits` bits of precision and no finer than 2^least: exact in double. */
static double rounded(double x, int bits, int least)
{
  int exponent;
  frexp(x, &exponent);
  int unit = exponent - bits > least ? exponent - bits : least;
  return ldexp(nearbyint(ldexp(x, -unit)), unit);
}

static void test_rounding(void **state)
{
  static const char *const names[] = {"gpt_neox.embed_in.weight",
                                      "gpt_neox.layers.0.input_layernorm.weight"};
  struct plan plan = plan_of("gpt_neox:layers=1");
  enum inventory_kind kind;
  (void)state;
  for (size_t k = 0; k < 2; k++) {
    uint64_t n = tensor_of(&plan, names[k], &kind)->elements;
    float *exact = values_of(&plan, names[k], DTYPE_F32);
    float *bf16 = values_of(&plan, names[k], DTYPE_BF16);
    float *f16 = values_of(&plan, names[k], DTYPE_F16);
    for (uint64_t i = 0; i < n; i++) {
      double x = (double)exact[i];
      if ((double)bf16[i] != rounded(x, 8, -133) || (double)f16[i] != rounded(x, 11, -24))
        fail_msg("%s[%llu]: %a becomes %a and %a", names[k], (unsigned long long)i, x,
                 (double)bf16[i], (double)f16[i]);
    }
    free(exact);
    free(bf16);
    free(f16);
  }
  plan_free(&plan);
}

static void test_any_stretch_is_the_same(void **state)
{
  static const char *const names[] = {"gpt_neox.embed_in.weight",
                                      "gpt_neox.layers.0.attention.bias",
                                      "gpt_neox.layers.0.attention.rotary_emb.inv_freq"};
  struct plan plan = plan_of("gpt_neox:layers=1,context=100");
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    enum inventory_kind kind;
    const struct tensor *tensor = tensor_of(&plan, names[i], &kind);
    size_t size = dtype_size(tensor->dtype), part = tensor->elements / 3 + 1;
    char *whole = malloc(tensor->bytes), *pieces = malloc(tensor->bytes);
    assert_true(whole && pieces);
    weights_fill(&plan.config, 1, tensor, kind, 0, tensor->elements, whole);
    for (size_t at = 0; at < tensor->elements; at += part) {
      size_t left = tensor->elements - at;
      weights_fill(&plan.config, 1, tensor, kind, at, left < part ? left : part,
                   pieces + at * size);
    }
    assert_memory_equal(whole, pieces, tensor->bytes);
    free(whole);
    free(pieces);
  }
  plan_free(&plan);
}

static void test_buffers(void **state)
{
  struct plan plan = plan_of("gpt_neox:layers=1,context=5");
  enum inventory_kind kind;
  uint8_t mask[25];
  uint16_t half;
  (void)state;
  const struct tensor *tensor = tensor_of(&plan, "gpt_neox.layers.0.attention.bias", &kind);
  weights_fill(&plan.config, 0, tensor, kind, 0, 25, mask);
  for (int i = 0; i < 25; i++)
    assert_int_equal(mask[i], i % 5 <= i / 5);
  tensor = tensor_of(&plan, "gpt_neox.layers.0.attention.masked_bias", &kind);
  assert_int_equal(tensor->rank, 0);
  weights_fill(&plan.config, 0, tensor, kind, 0, 1, &half);
  assert_int_equal(half, 0xFBFF);
  float *frequencies =
      values_of(&plan, "gpt_neox.layers.0.attention.rotary_emb.inv_freq", DTYPE_F32);
  assert_true(frequencies[0] == 1.0f && fabs(frequencies[4] - 0.01) < 1e-9);
  free(frequencies);
  plan_free(&plan);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_published_shapes_load),
      cmocka_unit_test(test_checkpoint_of_tensors_refused),
      cmocka_unit_test(test_distribution),
      cmocka_unit_test(test_rounding),
      cmocka_unit_test(test_any_stretch_is_the_same),
      cmocka_unit_test(test_buffers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The families beyond the first paper's: sixteen small models against float64 results of an
 * independent implementation, one hash each; published configs against the facts that a reader
 * must derive from them; what looks alike and is refused; rotations for longer contexts. */
#include "fixture_models.h"
#include "reference.h"
#include "support.h"

#include "files/fileset.h"
#include "fixture_csv.h"
#include "model/config_write.h"
#include "model/family.h"
#include "model/inventory.h"
#include "model/model.h"
#include "pass/rope.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where one hash is that of every instruction set, one of them is near the reference. */
static void test_reference(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  for (size_t i = 0; i < FAMILY_MODELS; i++)
    reference_check(FAMILIES, family_models[i], "expected", true);
}

static void test_one_hash(void **state)
{
  (void)state;
  for (size_t i = 0; i < FAMILY_MODELS; i++)
    reference_one_hash(FAMILIES, family_models[i], "2500K");
}

/* --- published configs --- */

static struct model_config parse(const char *name, const char *text, size_t size)
{
  struct model_config config;
  struct error error = {0};
  if (model_config_parse(name, text, size, &config, &error))
    fail_msg("%s", error.text);
  return config;
}

static void check_size(const struct fixture *facts, size_t row, const char *column, size_t got)
{
  const char *want = fixture_text(facts, row, column);
  if (strtoull(want, NULL, 10) != got)
    fail_msg("%s: %s is %zu, expected %s", fixture_text(facts, row, "name"), column, got, want);
}

static void check_word(const struct fixture *facts, size_t row, const char *column, const char *got)
{
  const char *want = fixture_text(facts, row, column);
  if (strcmp(want, got) != 0)
    fail_msg("%s: %s is %s, expected %s", fixture_text(facts, row, "name"), column, got, want);
}

static const char *qk_norm(enum query_key_norm norm)
{
  static const char *const names[] = {[QK_NORM_NONE] = "none",
                                      [QK_NORM_FULL] = "full",
                                      [QK_NORM_SHARED] = "shared",
                                      [QK_NORM_HEADS] = "perhead"};
  return names[norm];
}

/* Whether the family's table has a bias of the output projection in this model. */
static int find_output_bias(void *context, const struct family_place *place)
{
  bool *found = context;
  *found |= place->tensor->slot == offsetof(struct layer, output.bias);
  return 0;
}

static void check_options(const struct fixture *facts, size_t row, const struct model_config *c)
{
  static const char *const activations[] = {
      [ACTIVATION_GELU] = "gelu", [ACTIVATION_GELU_TANH] = "gelu_new", [ACTIVATION_SILU] = "silu"};
  bool output_bias = false;
  family_tensors(c, false, find_output_bias, &output_bias);
  check_word(facts, row, "activation", activations[c->activation]);
  check_word(facts, row, "qk_norm", qk_norm(c->qk_norm));
  check_size(facts, row, "tied", c->tied);
  check_size(facts, row, "qkv_bias", c->attention_bias);
  check_size(facts, row, "o_bias", output_bias);
  check_size(facts, row, "mlp_bias", c->mlp_bias);
  check_size(facts, row, "parallel", c->parallel_residual);
  check_size(facts, row, "inverse_layer_scale", c->scale_by_layer);
  check_size(facts, row, "sliding_layers", model_config_windows(c));
  check_size(facts, row, "window", model_config_windows(c) ? c->window.keys : 0);
  assert_true((float)strtod(fixture_text(facts, row, "eps"), NULL) == c->norm_eps);
}

static void check_rotation(const struct fixture *facts, size_t row, const struct model_config *c)
{
  check_size(facts, row, "rotary_dims", c->rotary_dims);
  if (!c->rotary_dims)
    return;
  assert_true(strtod(fixture_text(facts, row, "rope_theta"), NULL) == c->rope_base);
  check_word(facts, row, "rope_type", rope_type_name(c->rope.type));
  if (c->rope.type != ROPE_DEFAULT)
    assert_true(strtod(fixture_text(facts, row, "rope_factor"), NULL) == c->rope.factor);
}

static void check_shape(const struct fixture *facts, size_t row, const struct model_config *c)
{
  struct inventory inventory;
  struct error error = {0};
  check_word(facts, row, "model_type", model_family_name(c->family));
  check_size(facts, row, "layers", c->layers);
  check_size(facts, row, "hidden", c->hidden);
  check_size(facts, row, "heads", c->heads);
  check_size(facts, row, "kv_heads", c->kv_heads);
  check_size(facts, row, "head_dim", c->head_dim);
  check_size(facts, row, "intermediate", c->ffn);
  check_size(facts, row, "vocab", c->vocab);
  check_size(facts, row, "max_positions", c->context);
  assert_int_equal(inventory_create("facts", c, DTYPE_F32, false, &inventory, &error), 0);
  check_size(facts, row, "parameters", (size_t)inventory.parameters);
  inventory_free(&inventory);
}

/* What is written reads back to the same config. */
static void check_round_trip(const struct model_config *config)
{
  struct error error = {0};
  char *text = model_config_write(config, DTYPE_F32, "round trip", &error);
  assert_non_null(text);
  struct model_config back = parse("config.json", text, strlen(text));
  assert_memory_equal(&back.rope, &config->rope, sizeof back.rope);
  for (size_t layer = 0; layer < config->layers; layer++)
    assert_int_equal(model_config_window(&back, layer), model_config_window(config, layer));
  assert_true(back.head_dim == config->head_dim && back.rotary_dims == config->rotary_dims &&
              back.kv_heads == config->kv_heads && back.ffn == config->ffn &&
              back.tied == config->tied && back.attention_bias == config->attention_bias &&
              back.qk_norm == config->qk_norm && back.norm_eps == config->norm_eps &&
              back.parallel_residual == config->parallel_residual &&
              back.scale_by_layer == config->scale_by_layer && back.mlp_bias == config->mlp_bias);
  free(text);
}

static void test_published_configs(void **state)
{
  struct fixture facts = fixture_read(FAMILIES "configs", "facts.csv");
  struct error error = {0};
  struct fileset *set = NULL;
  (void)state;
  assert_int_equal(fileset_open(FAMILIES "configs", &set, &error), 0);
  for (size_t row = 0; row < facts.rows; row++) {
    const struct fileset_file *file = NULL;
    char name[200];
    snprintf(name, sizeof name, "%s.json", fixture_text(&facts, row, "name"));
    assert_int_equal(fileset_get(set, name, &file, &error), 0);
    struct model_config config = parse(name, (const char *)file->blob.data, file->blob.size);
    check_shape(&facts, row, &config);
    check_options(&facts, row, &config);
    check_rotation(&facts, row, &config);
    check_round_trip(&config);
  }
  assert_int_equal(facts.rows, 38);
  fileset_close(set);
  fixture_free(&facts);
}

/* --- configs of our own --- */

#define SHAPE                                                                                      \
  "\"hidden_size\": 64, \"num_hidden_layers\": 4, \"num_attention_heads\": 4, "                    \
  "\"intermediate_size\": 96, \"vocab_size\": 100"
#define GPT2 "\"n_embd\": 64, \"n_layer\": 4, \"n_head\": 4, \"vocab_size\": 100"

static struct model_config parse_text(const char *type, const char *rest)
{
  char text[1024];
  snprintf(text, sizeof text, "{\"model_type\": \"%s\", %s%s%s}", type,
           strcmp(type, "gpt2") == 0 ? GPT2 : SHAPE, *rest ? ", " : "", rest);
  return parse("config.json", text, strlen(text));
}

/* Missing and null differ, and the defaults are the family's own. */
static void test_defaults(void **state)
{
  (void)state;
  const char eight[] = "{\"model_type\": \"mistral\", \"hidden_size\": 64, "
                       "\"num_hidden_layers\": 1, \"num_attention_heads\": 16, "
                       "\"intermediate_size\": 8, \"vocab_size\": 9}";
  assert_int_equal(parse("config.json", eight, strlen(eight)).kv_heads, 8);
  assert_int_equal(parse_text("mistral", "\"num_key_value_heads\": null").kv_heads, 4);
  assert_int_equal(parse_text("llama", "").kv_heads, 4);
  assert_int_equal(parse_text("qwen3", "\"num_key_value_heads\": 2").head_dim, 128);
  assert_int_equal(parse_text("qwen3", "\"num_key_value_heads\": 2, \"head_dim\": null").head_dim,
                   16);
  struct model_config c = parse_text("mistral", "\"num_key_value_heads\": 2");
  assert_int_equal(model_config_window(&c, 3), 4096);
  c = parse_text("mistral", "\"num_key_value_heads\": 2, \"sliding_window\": null");
  assert_int_equal(model_config_windows(&c), 0);
  assert_true(parse_text("gpt2", "").tied && !parse_text("llama", "").tied);
  assert_int_equal(parse_text("gpt2", "\"n_inner\": null").ffn, 256);
  assert_true(parse_text("llama", "").norm_eps == 1e-6f &&
              parse_text("olmo2", "").norm_eps == 1e-5f);
  assert_int_equal(parse_text("phi", "").rotary_dims, 8);
  assert_int_equal(parse_text("stablelm", "\"num_key_value_heads\": 4").rotary_dims, 4);
}

static void test_windows(void **state)
{
  (void)state;
  struct model_config c =
      parse_text("qwen2", "\"num_key_value_heads\": 2, \"use_sliding_window\": true, "
                          "\"sliding_window\": 9, \"max_window_layers\": 3");
  assert_int_equal(model_config_window(&c, 2), 0);
  assert_int_equal(model_config_window(&c, 3), 9);
  c = parse_text("qwen3", "\"num_key_value_heads\": 2, \"use_sliding_window\": true, "
                          "\"sliding_window\": 9, \"layer_types\": [\"sliding_attention\", "
                          "\"full_attention\", \"sliding_attention\", \"full_attention\"]");
  assert_int_equal(model_config_windows(&c), 2);
  assert_int_equal(model_config_window(&c, 2), 9);
  c = parse_text("qwen2", "\"num_key_value_heads\": 2, \"sliding_window\": 9, "
                          "\"use_sliding_window\": false, \"max_window_layers\": 0");
  assert_int_equal(model_config_windows(&c), 0);
}

static void test_refused(void **state)
{
  static const struct {
    const char *type, *rest, *message;
  } cases[] = {
      {"olmo3", "", "it has layers with sliding windows"},
      {"smollm3", "", "it has layers without rotary positions"},
      {"qwen3_moe", "", "it has experts"},
      {"phi3", "", "it has queries, keys and values in one matrix"},
      {"mixtral", "", "it has experts"},
      {"gpt2", "\"add_cross_attention\": true", "attention to an encoder"},
      {"gpt2", "\"scale_attn_weights\": false", "scores that are not scaled"},
      {"gpt2", "\"activation_function\": \"relu\"", "\"relu\" is not supported for family gpt2"},
      {"phi", "\"qk_layernorm\": true", "norms of queries and keys"},
      {"llama", "\"rope_scaling\": {\"type\": \"longrope\", \"factor\": 2.0}", "\"longrope\""},
      {"llama", "\"rope_scaling\": {\"type\": \"linear\", \"rope_type\": \"llama3\"}",
       "must agree"},
      {"llama", "\"rope_scaling\": {\"type\": \"linear\"}", "needs \"factor\", a number"},
      {"llama",
       "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, "
       "\"low_freq_factor\": 4.0, \"high_freq_factor\": 1.0, "
       "\"original_max_position_embeddings\": 64}",
       "low_freq_factor below high_freq_factor"},
      {"llama", "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.0, \"beta_fast\": 3}",
       "\"rope_scaling.beta_fast\" is 3"},
      {"llama",
       "\"max_position_embeddings\": 64, \"rope_scaling\": {\"type\": \"yarn\", "
       "\"factor\": 4.0, \"original_max_position_embeddings\": 32}",
       "releases of transformers disagree"},
      {"llama", "\"rope_interleaved\": true", "another order of the rotated dimensions"},
      {"llama", "\"sliding_window\": 7", "attention within a window"},
      {"llama", "\"partial_rotary_factor\": 0.5", "models of family llama have no such option"},
      {"qwen2", "\"num_key_value_heads\": 2, \"layer_types\": [\"full_attention\"]",
       "layer_types has 1 entries, the model 4 layers"},
      {"qwen2", "\"num_key_value_heads\": 2, \"layer_types\": [\"linear_attention\", 1, 2, 3]",
       "layer 0 must be \"full_attention\""},
      {"mistral", "\"num_key_value_heads\": 2, \"attention_bias\": true",
       "models of family mistral have no such option"},
      {"mistral", "", "must divide one another"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[1024];
    struct model_config config;
    struct error error = {0};
    snprintf(text, sizeof text, "{\"model_type\": \"%s\", %s%s%s}", cases[i].type,
             strcmp(cases[i].type, "gpt2") == 0 ? GPT2 : SHAPE, *cases[i].rest ? ", " : "",
             cases[i].rest);
    assert_int_equal(model_config_parse("config.json", text, strlen(text), &config, &error),
                     EXIT_INPUT);
    if (!strstr(error.text, cases[i].message))
      fail_msg("%s\nexpected: %s", error.text, cases[i].message);
  }
}

/* --- rotations for longer contexts, from the definitions, with the C library's functions --- */

static double plain(const struct model_config *c, size_t i)
{
  return pow(c->rope_base, -2.0 * (double)i / (double)c->rotary_dims);
}

static void near(double got, double want)
{
  if (!(fabs(got - want) <= 1e-12 * fabs(want)))
    fail_msg("%.17g, expected %.17g", got, want);
}

static void test_linear_and_dynamic(void **state)
{
  double frequencies[8];
  (void)state;
  struct model_config c =
      parse_text("llama", "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.5}");
  near(rope_frequencies(&c, frequencies), 1);
  for (size_t i = 0; i < 8; i++)
    near(frequencies[i], plain(&c, i) / 2.5);
  c = parse_text("llama", "\"max_position_embeddings\": 32, \"rope_scaling\": {\"type\": "
                          "\"dynamic\", \"factor\": 2.5}");
  near(rope_frequencies(&c, frequencies), 1);
  for (size_t i = 0; i < 8; i++)
    near(frequencies[i], plain(&c, i));
  struct rope rope;
  struct error error = {0};
  assert_int_equal(rope_create(&rope, &c, 33, &error), EXIT_INPUT);
  assert_non_null(strstr(error.text, "past which rotary positions of type \"dynamic\""));
  assert_int_equal(rope_create(&rope, &c, 32, &error), 0);
  rope_free(&rope);
}

/* Peng et al. 2023: the ramp between the dimensions that turn 32 times and once. */
static void test_yarn(void **state)
{
  double frequencies[8];
  (void)state;
  struct model_config c = parse_text(
      "llama", "\"max_position_embeddings\": 4096, \"rope_scaling\": {\"rope_type\": \"yarn\", "
               "\"factor\": 4.0, \"original_max_position_embeddings\": 1024}");
  double pi = acos(-1.0), log_base = log(c.rope_base);
  double low = floor(16 * log(1024 / (32 * 2 * pi)) / (2 * log_base));
  double high = ceil(16 * log(1024 / (1 * 2 * pi)) / (2 * log_base));
  near(rope_frequencies(&c, frequencies), 0.1 * log(4.0) + 1);
  for (size_t i = 0; i < 8; i++) {
    double slow = ((double)i - low) / (high - low);
    slow = slow < 0 ? 0 : slow > 1 ? 1 : slow;
    near(frequencies[i], plain(&c, i) * (slow / 4 + 1 - slow));
  }
  c = parse_text("llama", "\"max_position_embeddings\": 4096, \"rope_scaling\": {\"rope_type\": "
                          "\"yarn\", \"factor\": 4.0, \"attention_factor\": 1.5, \"truncate\": "
                          "false, \"original_max_position_embeddings\": 1024}");
  near(rope_frequencies(&c, frequencies), 1.5);
  low = 16 * log(1024 / (32 * 2 * pi)) / (2 * log_base);
  high = 16 * log(1024 / (1 * 2 * pi)) / (2 * log_base);
  double slow = (3 - low) / (high - low);
  assert_true(slow > 0 && slow < 1);
  near(frequencies[3], plain(&c, 3) * (slow / 4 + 1 - slow));
}

/* --- windows in a screen --- */

static char *screen_notices(const char *directory)
{
  char out[256];
  snprintf(out, sizeof out, "%s/window.csv", support_directory());
  const char *argv[] = {
      support_program(), "screen", directory,   "--n", "4",     "--seq-len", "64",
      "--vocab",         "10:500", "--threads", "1",   "--out", out,         NULL};
  char *err;
  assert_int_equal(support_run(argv, NULL, &err), 0);
  return err;
}

/* Of the last query at 63, with a window of 37, positions up to 26 are outside: RandomState(0)
 * draws 23 of its 50 there. */
static void test_window_is_said(void **state)
{
  (void)state;
  char *err = screen_notices(FAMILIES "mistral-window-f16/model");
  assert_non_null(strstr(err, "3 of 3 layers attend only to the last 37 positions; position 0 and "
                              "23 of 50 baseline positions lie before them"));
  free(err);
  err = screen_notices(FAMILIES "llama-llama3-bf16/model");
  assert_null(strstr(err, "attend to the last"));
  free(err);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reference),
      cmocka_unit_test(test_one_hash),
      cmocka_unit_test(test_published_configs),
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_windows),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_linear_and_dynamic),
      cmocka_unit_test(test_yarn),
      cmocka_unit_test(test_window_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

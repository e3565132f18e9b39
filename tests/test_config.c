/* config.json in every spelling that writers have used: read to the same model as its plain twin,
 * or refused with the key, the value and what to do. */
#include "workshop.h"

#include "model/config_write.h"

#define NEOX "gpt_neox-smooth-f32"
#define OLMO "olmo-smooth-f32"
#define OLMOE "olmoe-smooth-f32"
#define FIXTURES "tests/fixtures/conformance/"
#define PROTOCOL "--n 16 --seq-len 64 --vocab 10:128 --pr-n 16 --threads 1 --quiet"

/* A change to the config of a fixture: keys that are taken away (between blanks) and a JSON object
 * of keys that are put in. */
struct change {
  const char *model, *without, *with;
};

/* json_decref() */
static json_t *changed(const struct change *change)
{
  char path[256], words[256];
  snprintf(path, sizeof path, FIXTURES "%s/model/config.json", change->model);
  snprintf(words, sizeof words, "%s", change->without);
  json_t *config = workshop_json(path), *with = workshop_json_text(change->with);
  for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
    assert_int_equal(json_object_del(config, word), 0);
  assert_int_equal(json_object_update(config, with), 0);
  json_decref(with);
  return config;
}

static int parse(const struct change *change, struct model_config *config, struct error *error)
{
  json_t *json = changed(change);
  char *text = json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  assert_non_null(text);
  *error = (struct error){0};
  int status = model_config_parse("m/config.json", text, strlen(text), config, error);
  free(text);
  json_decref(json);
  return status;
}

#define V5 "\"dtype\": \"float32\", \"transformers_version\": \"5.0.0\""
#define NEOX_OLD "rotary_pct rotary_emb_base torch_dtype"
#define OLMO_OLD "rope_theta rope_scaling torch_dtype"

static const struct change same[] = {
    /* As newer writers store them. */
    {NEOX, NEOX_OLD,
     "{" V5 ", \"rope_parameters\": {\"rope_theta\": 10000.0, \"rope_type\": \"default\", "
     "\"partial_rotary_factor\": 0.25}}"},
    {OLMO, OLMO_OLD,
     "{" V5 ", \"rope_parameters\": {\"rope_theta\": 10000.0, \"rope_type\": \"default\"}}"},
    {OLMOE, OLMO_OLD,
     "{" V5 ", \"rope_parameters\": {\"rope_theta\": 10000, \"type\": \"default\"}}"},
    {OLMOE, "num_experts", "{\"num_local_experts\": 8}"},
    /* Both spellings, equal by value. */
    {NEOX, "", "{\"partial_rotary_factor\": 0.25, \"rope_theta\": 10000.0}"},
    {NEOX, "",
     "{\"rope_parameters\": {\"rope_theta\": 1e4, \"partial_rotary_factor\": 0.25}, "
     "\"rope_scaling\": {\"type\": \"default\"}}"},
    {OLMO, "", "{\"rope_parameters\": {\"rope_theta\": 10000, \"rope_type\": \"default\"}}"},
    {OLMO, "", "{\"rope_scaling\": {\"rope_type\": \"default\", \"type\": \"default\"}}"},
    {OLMO, "", "{\"rope_scaling\": {}, \"rope_parameters\": null}"},
    /* Null states nothing where another key does. */
    {NEOX, "",
     "{\"rotary_pct\": null, \"rope_parameters\": {\"partial_rotary_factor\": 0.25, "
     "\"rope_theta\": null, \"factor\": null}}"},
    /* Keyed by the type of a layer, all alike. */
    {OLMO, OLMO_OLD,
     "{\"rope_parameters\": {\"full_attention\": {\"rope_type\": \"default\", "
     "\"rope_theta\": 10000}, \"sliding_attention\": {\"rope_type\": \"default\", "
     "\"rope_theta\": 10000.0}}}"},
    /* A family's defaults. */
    {NEOX, "rotary_pct rotary_emb_base hidden_act layer_norm_eps use_parallel_residual", "{}"},
    {OLMO, "rope_theta rope_scaling hidden_act clip_qkv num_key_value_heads attention_bias", "{}"},
    {OLMO, "", "{\"num_key_value_heads\": null, \"head_dim\": null}"},
    /* What a family has no choice in, at its own value. */
    {OLMO, "",
     "{\"partial_rotary_factor\": 1, \"use_parallel_residual\": false, \"layer_norm_eps\": 1e-5}"},
    {NEOX, "", "{\"clip_qkv\": null, \"num_key_value_heads\": 4, \"head_dim\": 8}"},
};

static void test_same_model(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    struct model_config plain, config;
    struct error error;
    assert_int_equal(parse(&(struct change){same[i].model, "", "{}"}, &plain, &error), 0);
    if (parse(&same[i], &config, &error))
      fail_msg("%s %s: %s", same[i].model, same[i].with, error.text);
    if (memcmp(&plain, &config, sizeof plain) != 0)
      fail_msg("%s without \"%s\" with %s: another model", same[i].model, same[i].without,
               same[i].with);
  }
}

/* What model_config_write writes reads back to the same, to the last bit of each number. */
static void test_written(void **state)
{
  static const struct change others[] = {
      {NEOX, NEOX_OLD,
       "{\"rotary_pct\": 0.5, \"rotary_emb_base\": 12345.678901234567, \"layer_norm_eps\": "
       "1.2345678e-6, \"use_parallel_residual\": false, \"attention_bias\": false, "
       "\"hidden_act\": \"gelu_fast\", \"tie_word_embeddings\": true}"},
      {OLMO, OLMO_OLD, "{\"clip_qkv\": 0.3, \"rope_theta\": 500000.5, \"num_key_value_heads\": 2}"},
      {OLMOE, OLMO_OLD, "{\"norm_topk_prob\": true, \"rms_norm_eps\": 3e-6, \"clip_qkv\": 8.1}"},
      {NEOX, "", "{}"},
      {OLMO, "", "{}"},
      {OLMOE, "", "{}"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    struct model_config config, back;
    struct error error;
    if (parse(&others[i], &config, &error))
      fail_msg("%s", error.text);
    char *text = model_config_write(&config, DTYPE_BF16, "a \"name\"", &error);
    if (!text || model_config_parse("written", text, strlen(text), &back, &error))
      fail_msg("%s", error.text);
    if (memcmp(&config, &back, sizeof config) != 0)
      fail_msg("%s: another model: %s", others[i].with, text);
    workshop_contains(text, "\"torch_dtype\": \"bfloat16\"");
    workshop_contains(text, "\"_name_or_path\": \"a \\\"name\\\"\"");
    free(text);
  }
}

/* And a value that is stated is not overlooked. */
static void test_other_model(void **state)
{
  struct model_config config;
  struct error error;
  (void)state;
  struct change change = {NEOX, NEOX_OLD,
                          "{\"rope_parameters\": {\"rope_theta\": 500, "
                          "\"partial_rotary_factor\": 0.5}, \"use_parallel_residual\": false}"};
  assert_int_equal(parse(&change, &config, &error), 0);
  assert_true(config.rope_base == 500.0 && config.rotary_dims == 4 && !config.parallel_residual);
  change = (struct change){OLMO, OLMO_OLD,
                           "{\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 7}}, "
                           "\"clip_qkv\": 3}"};
  assert_int_equal(parse(&change, &config, &error), 0);
  assert_true(config.rope_base == 7.0 && config.clip_qkv == 3.0f);
}

/* Each alone beside the keys of a family. */
static const char *const inert[] = {
    "\"_attn_implementation_autoset\": true",
    "\"_attn_implementation\": \"sdpa\"",
    "\"is_decoder\": true",
    "\"use_bfloat16\": true",
    "\"id2label\": {\"0\": \"LABEL_0\"}, \"label2id\": {\"LABEL_0\": 0}",
    "\"custom_pipelines\": {\"text-generation\": {\"pt\": \"AutoModelForCausalLM\"}}",
    "\"num_steps\": \"global_step320000\"",
    "\"attention_probs_dropout_prob\": 0.1, \"hidden_dropout_prob\": 0",
    "\"attn_pdrop\": 0.1, \"embedding_dropout\": 0.5, \"classifier_dropout\": null",
    "\"sep_token_id\": 3, \"unk_token_id\": null, \"suppress_token_ids\": [1]",
    "\"unsloth_version\": \"2024.9\", \"peft_version\": \"0.1\"",
    "\"chunk_size_feed_forward\": 2",
    "\"task_specific_params\": {}, \"problem_type\": \"single_label_classification\"",
    "\"temperature\": 0.7, \"top_k\": 50, \"top_p\": 1.0, \"max_length\": 20, \"do_sample\": true",
    "\"is_encoder_decoder\": false, \"add_cross_attention\": false, \"tie_encoder_decoder\": false",
    "\"pruned_heads\": {}, \"quantization_config\": null, \"cross_attention_hidden_size\": null",
    "\"sliding_window\": null, \"use_sliding_window\": false, \"max_window_layers\": 28",
    "\"sliding_window\": 4096, \"use_sliding_window\": false",
    "\"layer_types\": [\"full_attention\", \"full_attention\"]",
    "\"mlp_bias\": false, \"rope_interleaved\": false, \"logit_scale\": 1.0",
    "\"torchscript\": false, \"auto_map\": {\"AutoConfig\": \"c.C\"}, \"use_cache\": false",
    "\"torch_dtype\": \"bfloat16\", \"dtype\": \"float16\"",
    "\"never_heard_of\": null",
};

static void test_inert_keys(void **state)
{
  static const char *const models[] = {NEOX, OLMO, OLMOE};
  (void)state;
  for (size_t i = 0; i < sizeof inert / sizeof *inert; i++)
    for (size_t m = 0; m < 3; m++) {
      struct model_config plain, config;
      struct error error;
      char with[400];
      snprintf(with, sizeof with, "{%s}", inert[i]);
      assert_int_equal(parse(&(struct change){models[m], "", "{}"}, &plain, &error), 0);
      if (parse(&(struct change){models[m], "", with}, &config, &error))
        fail_msg("%s %s: %s", models[m], with, error.text);
      assert_memory_equal(&plain, &config, sizeof plain);
    }
}

static const struct {
  struct change change;
  const char *words;
} refused[] = {
    /* Contradictions name both keys and both values. */
    {{NEOX, "", "{\"partial_rotary_factor\": 0.5}"},
     "m/config.json: \"rotary_pct\" is 0.25, but \"partial_rotary_factor\" is 0.5: both say"},
    {{NEOX, "", "{\"rope_theta\": 20000.0}"},
     "\"rotary_emb_base\" is 10000, but \"rope_theta\" is 20000.0: both"},
    {{OLMO, "", "{\"rope_parameters\": {\"rope_theta\": 10000.000001}}"},
     "\"rope_theta\" is 10000.0, but \"rope_parameters.rope_theta\" is 10000.000001: both"},
    {{OLMO, "",
      "{\"rope_parameters\": {\"rope_theta\": 10000, \"rope_type\": \"default\"}, "
      "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}}"},
     "\"rope_parameters.rope_type\" is \"default\", but \"rope_scaling.type\" is \"linear\""},
    {{OLMO, "", "{\"rope_scaling\": {\"type\": \"default\", \"rope_type\": \"yarn\"}}"},
     "\"rope_scaling.rope_type\" is \"yarn\", but \"rope_scaling.type\" is \"default\""},
    {{OLMOE, "", "{\"num_local_experts\": 16}"},
     "\"num_experts\" is 8, but \"num_local_experts\" is 16"},
    /* Other types of rotary positions, in every spelling. */
    {{NEOX, NEOX_OLD,
      "{\"rope_parameters\": {\"rope_theta\": 10000.0, \"rope_type\": \"linear\", \"factor\": 2.0, "
      "\"partial_rotary_factor\": 0.25}}"},
     "\"rope_parameters.rope_type\" is \"linear\", which changes the result: only"},
    {{OLMO, "", "{\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2.0}}"},
     "\"rope_scaling.type\" is \"dynamic\""},
    {{OLMOE, "", "{\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0}}"},
     "\"rope_scaling.rope_type\" is \"llama3\""},
    {{OLMO, "", "{\"rope_scaling\": {\"rope_type\": \"yarn\"}}"},
     "\"rope_scaling.rope_type\" is \"yarn\""},
    {{OLMO, "", "{\"rope_scaling\": {\"rope_type\": \"longrope\"}}"}, "is \"longrope\""},
    {{OLMO, "", "{\"rope_scaling\": {\"rope_type\": 3}}"}, "is 3, which changes"},
    {{OLMO, "", "{\"rope_scaling\": {\"factor\": 2.0}}"},
     "\"rope_scaling.factor\" is 2.0: attest does not know"},
    {{OLMO, "", "{\"rope_scaling\": 3}"}, "\"rope_scaling\" is 3, must be an object or null"},
    {{OLMO, "", "{\"rope_parameters\": {\"rope_theta\": {\"a\": 1}, \"factor\": 1}}"},
     "\"rope_parameters\" mixes what holds for a type of layers (\"rope_theta\") with"},
    {{OLMO, OLMO_OLD,
      "{\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 10000}, "
      "\"sliding_attention\": {\"rope_theta\": 500}}}"},
     "\"rope_parameters.full_attention\" and \"rope_parameters.sliding_attention\" differ"},
    {{OLMO, OLMO_OLD,
      "{\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 10000}, \"factor\": 2}}"},
     "of layers (\"full_attention\") with what holds for all (\"factor\")"},
    {{OLMO, OLMO_OLD, "{\"rope_parameters\": {\"rope_theta\": \"many\"}}"},
     "m/config.json: rope_parameters: \"rope_theta\" is wrong: must be a number, is a string"},
    /* Keys that change the result. */
    {{NEOX, "", "{\"is_encoder_decoder\": true}"},
     "\"is_encoder_decoder\" is true, which changes the result (an encoder and a decoder)"},
    {{NEOX, "", "{\"pruned_heads\": {\"0\": [1]}}"},
     "\"pruned_heads\" is {\"0\":[1]}, which changes the result (heads that were pruned)"},
    {{OLMO, "", "{\"quantization_config\": {\"bits\": 4}}"}, "stored quantised"},
    {{OLMO, "", "{\"sliding_window\": 128}"}, "\"sliding_window\" is 128, which changes"},
    {{OLMO, "", "{\"use_sliding_window\": true}"}, "\"use_sliding_window\" is true, which changes"},
    {{OLMO, "", "{\"layer_types\": [\"full_attention\", \"sliding_attention\"]}"},
     "\"layer_types\" is"},
    {{OLMO, "", "{\"use_parallel_residual\": true}"},
     "\"use_parallel_residual\" is true, which changes the result: models of family olmo"},
    {{OLMO, "", "{\"partial_rotary_factor\": 0.5}"}, "\"partial_rotary_factor\" is 0.5, which"},
    {{NEOX, "", "{\"clip_qkv\": 8}"}, "\"clip_qkv\" is 8, which changes the result"},
    {{NEOX, "", "{\"num_key_value_heads\": 2}"}, "num_key_value_heads 2 is not supported"},
    /* Null where nothing else states a value. */
    {{NEOX, "", "{\"use_parallel_residual\": null}"},
     "\"use_parallel_residual\" is null, which means nothing for family gpt_neox"},
    {{OLMO, "", "{\"rope_theta\": null}"}, "\"rope_theta\" is null"},
    {{OLMO, "", "{\"hidden_size\": null}"}, "\"hidden_size\" is null"},
    {{OLMO, "hidden_size", "{}"}, "\"hidden_size\" is missing, must be an integer"},
    /* Unknown keys are not said to change the result. */
    {{NEOX, "", "{\"never_heard_of\": 1}"},
     "\"never_heard_of\" is unknown for family gpt_neox: attest does not know whether it changes "
     "the result; if you know that it does not, remove it from a copy of the file"},
    {{OLMO, "", "{\"rotary_pct\": 0.25}"}, "\"rotary_pct\" is unknown for family olmo"},
    {{NEOX, "", "{\"rms_norm_eps\": 1e-6}"}, "\"rms_norm_eps\" is unknown for family gpt_neox"},
};

static void test_refused(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    struct model_config config;
    struct error error;
    if (!parse(&refused[i].change, &config, &error))
      fail_msg("%s %s: accepted", refused[i].change.model, refused[i].change.with);
    support_assert_error(&error, EXIT_INPUT, refused[i].words);
  }
}

static void test_literals(void **state)
{
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"{\"model_type\": \"olmo\",\n\"initializer_range\": NaN}",
       "c: line 2, column 22, key \"initializer_range\": expected a value, found 'NaN', which JSON "
       "does not know: put a number or null there"},
      {"{\"a\": \"NaN: \\\"\", \"b\": [1, -Infinity]}", "key \"b\": expected a value, found '-Inf"},
      {"{\"router_aux_loss_coef\":\tInfinity", "key \"router_aux_loss_coef\": expected a value, "
                                               "found 'Infinity', which JSON does not know: "
                                               "put a finite number or null there"},
      {"{\"a\": nan}", "key \"a\": expected a value, found 'nan', which JSON does not know"},
      {"{\"a\": 1,}\n\nNaN", "c: line 1, column 9"}, /* the first fault is another */
      {"{\"a\": nano}", "found 'nano'"},
      {"{\"a\": \"NaN", "c: line 1, column"},
  };
  struct model_config config;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct error error;
    assert_int_not_equal(
        model_config_parse("c", cases[i].text, strlen(cases[i].text), &config, &error), 0);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
  }
}

/* The whole program: the same trajectory, byte for byte. */
static void test_screens(void **state)
{
  static const struct change changes[] = {
      {NEOX, NEOX_OLD,
       "{" V5 ", \"rope_parameters\": {\"rope_theta\": 10000.0, \"rope_type\": \"default\", "
       "\"partial_rotary_factor\": 0.25}, \"id2label\": {\"0\": \"LABEL_0\"}}"},
      {OLMO, OLMO_OLD,
       "{" V5 ", \"rope_parameters\": {\"rope_theta\": 10000.0, \"rope_type\": \"default\"}, "
       "\"is_decoder\": true}"},
      {OLMOE, OLMO_OLD,
       "{" V5 ", \"rope_parameters\": {\"rope_theta\": 10000.0, \"rope_type\": \"default\"}}"},
  };
  const char *model = workshop_path("model");
  (void)state;
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    char path[600];
    workshop_shell("rm -rf %s && cp -r " FIXTURES "%s/model %s", model, changes[i].model, model);
    snprintf(path, sizeof path, "%s/config.json", model);
    json_t *config = changed(&changes[i]);
    workshop_json_write(path, config);
    json_decref(config);
    char *got = workshop_run(EXIT_HELD, "screen %s " PROTOCOL " --out -", model);
    char *want = workshop_run(EXIT_HELD, "screen " FIXTURES "%s/model " PROTOCOL " --out -",
                              changes[i].model);
    assert_string_equal(got, want);
    assert_true(strlen(want) > 100);
    free(got);
    free(want);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_model),  cmocka_unit_test(test_written),
      cmocka_unit_test(test_other_model), cmocka_unit_test(test_inert_keys),
      cmocka_unit_test(test_refused),     cmocka_unit_test(test_literals),
      cmocka_unit_test(test_screens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Parts of a model on a tape that are replaced, and what is refused. */
#include "taping.h"

/* --- replaced parts --- */

/* Whether these rows of a gradient are +0, all of them to the bit. */
static bool nothing(const struct parameter *p, size_t first, size_t count)
{
  const unsigned char *bytes = (const unsigned char *)(p->gradient + first * p->columns);
  for (size_t i = 0; i < count * p->columns * sizeof(float); i++)
    if (bytes[i])
      return false;
  return true;
}

static void test_replaced_head(void **state)
{
  const struct tape_replacement head = {.site = {SITE_HEAD_OUTPUT, 0, 1}, .given = TAPE_NONE};
  struct made m;
  (void)state;
  make(&m, taping_configs[0], &(struct how){.replacements = &head, .replacement_count = 1});
  run(&m);
  const struct parameter *qkv = find(&m, "layers.0.attention.query_key_value.weight");
  const struct parameter *out = find(&m, "layers.0.attention.dense.weight");
  assert_true(nothing(qkv, 24, 24)); /* query, key and value of head 1, head_dim 8 */
  assert_false(nothing(qkv, 0, 24) || nothing(qkv, 48, 24));
  for (size_t row = 0; row < out->rows; row++)
    for (size_t j = 8; j < 16; j++)
      assert_true(out->gradient[row * out->columns + j] == 0);
  unmake(&m);
}

static void uniform(void *context, const struct hook_value *value, float *data)
{
  (void)context;
  for (size_t j = 0; j < value->count; j++)
    data[j] = 1.0f / (float)value->count;
}

static void test_replaced_pattern(void **state)
{
  const struct tape_replacement pattern = {
      .site = {SITE_PATTERN, SITE_ALL, SITE_ALL}, .write = uniform, .given = TAPE_NONE};
  struct made m;
  (void)state;
  make(&m, taping_configs[3], &(struct how){.replacements = &pattern, .replacement_count = 1});
  run(&m);
  for (size_t layer = 0; layer < 2; layer++) {
    char name[48];
    for (const char *part = "qkv"; *part; part++) {
      snprintf(name, sizeof name, "layers.%zu.self_attn.%c_proj.weight", layer, *part);
      assert_int_equal(nothing(find(&m, name), 0, 32), *part != 'v');
    }
  }
  unmake(&m);
}

static void test_replaced_stream(void **state)
{
  const size_t positions[] = {3, 7};
  const struct tape_replacement all = {.site = {SITE_RESIDUAL, 1, 0}, .given = TAPE_NONE};
  const struct tape_replacement some = {.site = {SITE_EMBEDDING, 0, 0},
                                        .positions = {POSITIONS_LIST, positions, 2},
                                        .first = 2,
                                        .end = 3,
                                        .given = TAPE_NONE};
  struct made m;
  (void)state;
  make(&m, taping_configs[3], &(struct how){.replacements = &all, .replacement_count = 1});
  run(&m);
  for (size_t i = 0; i < m.parameters.count; i++) {
    const struct parameter *p = &m.parameters.list[i];
    if (strstr(p->name, "layers.") || strstr(p->name, "embed"))
      assert_true(nothing(p, 0, p->rows));
  }
  unmake(&m);
  make(&m, taping_configs[0], &(struct how){.replacements = &some, .replacement_count = 1});
  for (size_t i = 0; i < TOKENS; i++)
    m.tokens[i] = 5;
  m.tokens[2 * (SEQ_LEN + 1) + 3] = 11; /* where it is replaced, and nowhere else */
  m.tokens[2 * (SEQ_LEN + 1) + 7] = 12;
  run(&m);
  const struct parameter *embedding = find(&m, "embed_in");
  assert_true(nothing(embedding, 11, 2));
  assert_false(nothing(embedding, 5, 1));
  unmake(&m);
}

/* --- one pass gives another its patterns --- */

/* Two passes over the same tokens, the second reading the first's patterns: the same loss to the
 * bit, and together the same gradient, as the patterns' part comes back by way of the first pass.
 */
static void test_patterns_of_another_pass(void **state)
{
  struct made m;
  struct error error = {0};
  struct tape *tape;
  struct tape_pass first, second;
  int32_t inputs[BATCH * SEQ_LEN], targets[BATCH * SEQ_LEN];
  (void)state;
  make(&m, taping_configs[2], &(struct how){0});
  run(&m);
  size_t n = gradient_floats(&m);
  float *want = malloc(n * sizeof *want);
  assert_non_null(want);
  memcpy(want, m.parameters.gradients, n * sizeof *want);
  for (size_t i = 0; i < BATCH * SEQ_LEN; i++) {
    const int32_t *token = m.tokens + i / SEQ_LEN * (SEQ_LEN + 1) + i % SEQ_LEN;
    inputs[i] = token[0];
    targets[i] = token[1];
  }
  const struct kernels *kernels = tape_model_tape(m.model)->kernels;
  check(tape_create(kernels, m.threads, &tape, &error), &error);
  struct tape_pass_input input = {.parameters = &m.parameters,
                                  .gradients = true,
                                  .sequences = BATCH,
                                  .seq_len = SEQ_LEN,
                                  .tokens = inputs,
                                  .embedding = TAPE_NONE};
  check(tape_pass_record(tape, &input, NULL, &first, &error), &error);
  const struct tape_replacement patterns[] = {
      {.site = {SITE_PATTERN, 0, SITE_ALL}, .given = first.layers[0].pattern},
      {.site = {SITE_PATTERN, 1, SITE_ALL}, .given = first.layers[1].pattern}};
  input.replacements = patterns;
  input.replacement_count = 2;
  check(tape_pass_record(tape, &input, &first, &second, &error), &error);
  size_t loss = tape_cross_entropy(tape, second.logits, targets, NULL, 1.0 / (BATCH * SEQ_LEN));
  check(tape_plan(tape, false, &error), &error);
  check(tape_allocate(tape, &error), &error);
  tape_forward(tape);
  tape_backward(tape, false);
  assert_true(tape_loss(tape, loss) / (BATCH * SEQ_LEN) == m.losses.loss);
  double largest = 0, worst = 0;
  for (size_t i = 0; i < n; i++) {
    largest = fmax(largest, fabs((double)want[i]));
    worst = fmax(worst, fabs((double)want[i] - (double)m.parameters.gradients[i]));
  }
  assert_true(worst <= 1e-6 * largest);
  tape_free(tape);
  tape_pass_free(&first);
  tape_pass_free(&second);
  free(want);
  unmake(&m);
}

/* --- what is refused --- */

static void test_refused_options(void **state)
{
  const struct tape_replacement beyond = {.site = {SITE_QUERY, 2, 0}, .given = TAPE_NONE};
  struct made m = {0};
  struct error error = {0};
  struct tape_model_options options = {.batch = 6, .seq_len = 65};
  (void)state;
  make_up(taping_configs[0], &m.parameters);
  check(kernels_select(ISA_AUTO, &options.kernels, &error), &error);
  assert_int_equal(tape_model_create(&m.parameters, &options, &m.model, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "65 tokens per sequence: the model has 64 positions");
  tape_model_free(m.model);
  options.seq_len = 8;
  options.micro_batch = 4;
  assert_int_equal(tape_model_create(&m.parameters, &options, &m.model, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "4 sequences does not divide the batch of 6");
  tape_model_free(m.model);
  options.batch = 0;
  assert_int_equal(tape_model_create(&m.parameters, &options, &m.model, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "neither may be 0");
  tape_model_free(m.model);
  options = (struct tape_model_options){options.kernels, NULL, 4, 0, 8, 0, 0, &beyond, 1};
  assert_int_equal(tape_model_create(&m.parameters, &options, &m.model, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "layers.2.attention.0.query: the model has 2 layers");
  tape_model_free(m.model);
  parameters_free(&m.parameters);
}

static void test_refused_tokens(void **state)
{
  struct made m;
  struct error error = {0};
  (void)state;
  make(&m, taping_configs[0], &(struct how){.micro_batch = 3});
  m.tokens[TOKENS - 1] = 50;
  assert_int_equal(tape_model_run(m.model, m.tokens, &m.losses, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT,
                       "sequence 5, token 20: id 50 is outside the vocabulary of 50");
  m.tokens[TOKENS - 1] = -1;
  assert_int_equal(tape_model_run(m.model, m.tokens, &m.losses, &error), EXIT_INPUT);
  unmake(&m);
}

/* A value that leaves fp32 is named, whichever way it gets there. */
static void test_not_finite(void **state)
{
  static const struct {
    size_t config;
    const char *parameter;
    float value;
    const char *words;
  } damaged[] = {
      {0, "layers.1.attention.query_key_value.weight", NAN, "queries, keys and values of layer 1"},
      {0, "layers.0.mlp.dense_4h_to_h.bias", INFINITY, "layers.0.mlp.output"},
      {2, "layers.1.self_attn.o_proj.weight", NAN, "layers.1.attention.output"},
      {3, "layers.0.mlp.gate.weight", NAN, "router logits of layer 0"},
      {4, "lm_head.weight", 3e38f, "logits"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
    struct made m;
    struct error error = {0};
    make(&m, taping_configs[damaged[i].config], &(struct how){0});
    const struct parameter *p = find(&m, damaged[i].parameter);
    for (size_t k = 0; k < (isfinite(damaged[i].value) ? p->elements : 1); k++)
      p->values[k] = damaged[i].value;
    assert_int_equal(tape_model_run(m.model, m.tokens, &m.losses, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, damaged[i].words);
    unmake(&m);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_replaced_head),   cmocka_unit_test(test_replaced_pattern),
      cmocka_unit_test(test_replaced_stream), cmocka_unit_test(test_patterns_of_another_pass),
      cmocka_unit_test(test_refused_options), cmocka_unit_test(test_refused_tokens),
      cmocka_unit_test(test_not_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

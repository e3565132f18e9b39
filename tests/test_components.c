/* What single heads do: patterns of attention, and effects that add up to the metric. */
#include "circuits.h"

#include "circuit/components.h"
#include "taping.h"

/* Positions as in the definition, a vocabulary that is smaller. */
static const char config[] =
    "{\"model_type\": \"gpt_neox\", \"intermediate_size\": 32, \"num_hidden_layers\": 2, "
    "\"num_attention_heads\": 4, \"hidden_size\": 32, \"vocab_size\": 300, "
    "\"max_position_embeddings\": 256}";

static void patterns_of(const struct parameters *p, enum isa isa, int threads,
                        struct pattern_scores *scores)
{
  struct error error = {0};
  const struct circuit_options options = circuit_options_of(isa, threads, CIRCUIT_MEMORY);
  circuit_check(component_patterns(&p->model, &options, 1, scores, &error), &error);
  threads_stop(options.threads);
}

/* The same of any instruction set and threads. */
static void test_patterns(void **state)
{
  struct pattern_scores scores[2][8];
  struct parameters p;
  (void)state;
  make_up(config, &p);
  patterns_of(&p, ISA_SCALAR, 1, scores[0]);
  patterns_of(&p, ISA_AUTO, 3, scores[1]);
  assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
  assert_true(scores[0][0].duplicate != scores[0][1].duplicate);
  parameters_free(&p);
}

/* Mean over a diagonal of 1 / keys. */
static double even(size_t distance, size_t half)
{
  double sum = 0;
  for (size_t i = distance; i < 2 * half; i++)
    sum += 1 / (double)(i + 1);
  return sum / (double)(2 * half - distance);
}

/* Heads without queries look at all keys alike. */
static void assert_even(const char *json, size_t half)
{
  struct pattern_scores scores[8];
  struct parameters p;
  make_up(json, &p);
  assert_int_equal(component_half(&p.model.config), half);
  for (size_t i = 0; i < p.count; i++)
    if (strstr(p.list[i].name, "query_key_value"))
      memset(p.list[i].values, 0, p.list[i].elements * sizeof(float));
  patterns_of(&p, ISA_AUTO, 2, scores);
  for (size_t h = 0; h < 8; h++) {
    assert_true(fabs(scores[h].induction - even(half - 1, half)) < 1e-7);
    assert_true(fabs(scores[h].previous - even(1, half)) < 1e-7);
    assert_true(fabs(scores[h].duplicate - even(half, half)) < 1e-7);
  }
  parameters_free(&p);
}

static void test_even_patterns(void **state)
{
  (void)state;
  assert_even(config, COMPONENT_HALF);
}

#define SHORT(context)                                                                             \
  "{\"model_type\": \"gpt_neox\", \"intermediate_size\": 32, \"num_hidden_layers\": 2, "           \
  "\"num_attention_heads\": 4, \"hidden_size\": 32, \"vocab_size\": 300, "                         \
  "\"max_position_embeddings\": " context "}"

/* Half the context where there are fewer than 200 positions; 5 are too few. */
static void test_short_context(void **state)
{
  (void)state;
  struct parameters p;
  struct error error = {0};
  struct pattern_scores scores[8];
  assert_even(SHORT("64"), 32);
  make_up(SHORT("5"), &p);
  const struct circuit_options options = circuit_options_of(ISA_SCALAR, 1, CIRCUIT_MEMORY);
  assert_int_equal(component_patterns(&p.model, &options, 1, scores, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "5 positions");
  threads_stop(options.threads);
  parameters_free(&p);
}

/* olmo has no bias at all. */
static void test_direct(void **state)
{
  struct circuit_case c;
  struct error error = {0};
  (void)state;
  double mean[64], total[64] = {0};
  circuit_open("nursery-olmo-copy", &c);
  for (size_t pair = 0; pair < c.task.count; pair++) {
    double effects[64], sum = 0;
    assert_true(circuit_runs_graph(c.runs)->sources <= 64);
    circuit_check(component_direct(c.runs, pair, effects, &error), &error);
    for (size_t s = 0; s < circuit_runs_graph(c.runs)->sources; s++) {
      sum += effects[s];
      total[s] += effects[s];
    }
    if (fabs(sum - circuit_runs_clean(c.runs)[pair]) > 1e-4)
      fail_msg("pair %zu: effects add up to %g, the metric is %g", pair, sum,
               circuit_runs_clean(c.runs)[pair]);
  }
  circuit_check(component_direct_mean(c.runs, mean, &error), &error);
  for (size_t s = 0; s < circuit_runs_graph(c.runs)->sources; s++)
    assert_true(fabs(mean[s] - total[s] / (double)c.task.count) < 1e-12);
  circuit_close(&c);
}

static void test_probabilities(void **state)
{
  struct circuit_case c;
  struct error error = {0};
  double effects[64];
  (void)state;
  circuit_open("nursery-olmo-starts", &c);
  assert_int_equal(component_direct(c.runs, 0, effects, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "probabilities");
  error = (struct error){0};
  circuit_check(component_direct_mean(c.runs, effects, &error), &error);
  assert_true(isnan(effects[0]));
  circuit_close(&c);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_patterns), cmocka_unit_test(test_even_patterns),
      cmocka_unit_test(test_short_context), cmocka_unit_test(test_direct),
      cmocka_unit_test(test_probabilities)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

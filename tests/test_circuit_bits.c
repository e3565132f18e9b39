/* Scores and patched runs: one hash whatever computes them, the same after an interruption, and
 * that scores are complete. */
#include "circuits.h"

#include "base/digest.h"
#include "base/file.h"
#include "taping.h"

/* --- one hash --- */

static void hash_of(struct circuit_case *c, char hex[33])
{
  struct error error = {0};
  const struct attribution method = {ATTRIBUTION_FIRST1, 7, 0};
  size_t pairs = circuit_runs_pairs(c->runs), edges = circuit_edges(c);
  size_t bytes = pairs * edges * sizeof(float);
  char *all = calloc(1, bytes + 3 * pairs * sizeof(double));
  unsigned char *kept = calloc(edges, 1);
  assert_true(all && kept);
  for (size_t e = 0; e < edges; e++)
    kept[e] = e * 7 % 11 < 5;
  double *metric = (double *)(void *)(all + (bytes + 7) / 8 * 8);
  circuit_check(circuit_scores_run(c->runs, &method, NULL, NULL, (float *)(void *)all, &error),
                &error);
  circuit_check(circuit_patched_run(c->runs, kept, metric, &error), &error);
  digest_xxh3(all, bytes, hex);
  char rest[33];
  double runs[2] = {circuit_mean(circuit_runs_clean(c->runs), pairs), circuit_mean(metric, pairs)};
  digest_xxh3(runs, sizeof runs, rest);
  for (int i = 0; i < 16; i++)
    hex[16 + i] = rest[i]; /* half of each */
  free(all);
  free(kept);
}

/* The least memory that a case runs in, to a megabyte. */
static uint64_t least_memory(struct circuit_case *c)
{
  struct circuit_options options = circuit_options_of(ISA_AUTO, 1, 0);
  struct error error = {0};
  uint64_t low = 0, high = 1024; /* MiB */
  while (high - low > 1) {
    uint64_t middle = (low + high) / 2;
    struct circuit_runs *runs;
    options.memory = middle << 20;
    error = (struct error){0};
    if (circuit_runs_create(&c->model, &c->task, &options, &runs, &error)) {
      support_assert_error(&error, EXIT_INPUT, "--memory");
      low = middle;
    } else {
      high = middle;
    }
    circuit_runs_free(runs);
  }
  threads_stop(options.threads);
  return high << 20;
}

static void expected_hash(const char *name, char hex[33])
{
  char line[128];
  FILE *file = fopen("tests/fixtures/circuit_hashes.tsv", "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file))
    if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == '\t') {
      snprintf(hex, 33, "%.32s", line + strlen(name) + 1);
      fclose(file);
      return;
    }
  fclose(file);
  fail_msg("tests/fixtures/circuit_hashes.tsv has no line for %s", name);
}

static void test_one_hash(void **state)
{
  static const char *const names[] = {"gpt_neox-smooth-f32", "olmoe-smooth-f32",
                                      "nursery-olmo-starts"};
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct circuit_case c;
    const struct kernels *list[4];
    char hex[33], expected[33];
    circuit_load(names[i], &c);
    expected_hash(names[i], expected);
    const uint64_t memory[] = {CIRCUIT_MEMORY, least_memory(&c)};
    size_t isas = kernels_available(list);
    for (size_t isa = 0; isa < isas; isa++)
      for (size_t m = 0; m < 2; m++) {
        circuit_start(&c, list[isa]->isa, (int)((isa + m) % 3) + 1, memory[m]);
        hash_of(&c, hex);
        circuit_stop(&c);
        assert_string_equal(hex, expected);
      }
    circuit_close(&c);
  }
}

/* --- an interrupted run --- */

static void test_resumed(void **state)
{
  static const char identity[] = "0123456789abcdef0123456789abcdef";
  struct error error = {0};
  struct attribution method = {ATTRIBUTION_FIRST1, 3, 0};
  struct circuit_case c;
  (void)state;
  circuit_open("gpt_neox-smooth-f32", &c);
  size_t floats = circuit_runs_pairs(c.runs) * circuit_edges(&c), size;
  float *whole = calloc(floats, sizeof *whole), *again = calloc(floats, sizeof *again);
  const char *directory = support_directory(), *damaged = support_path("pair-000001.scores");
  assert_true(whole && again);
  circuit_check(circuit_scores_run(c.runs, &method, directory, identity, whole, &error), &error);
  assert_int_equal(remove(support_path("pair-000000.scores")), 0);
  char *bytes = support_read(damaged, &size);
  bytes[size / 2] ^= 1;
  support_write(damaged, bytes, size);
  circuit_check(circuit_scores_run(c.runs, &method, directory, identity, again, &error), &error);
  assert_memory_equal(whole, again, floats * sizeof *whole);
  bytes[size / 2] ^= 1;
  free(bytes);

  /* What is there is taken, as scores of another number show; not for another method. */
  bytes = support_read(support_path("pair-000002.scores"), &size);
  memset(again, 0, floats * sizeof *again);
  circuit_check(circuit_scores_run(c.runs, &method, directory, identity, again, &error), &error);
  assert_memory_equal(whole, again, floats * sizeof *whole);
  method.steps = 2;
  circuit_check(circuit_scores_run(c.runs, &method, directory, identity, again, &error), &error);
  assert_memory_not_equal(whole, again, floats * sizeof *whole);
  free(bytes);
  free(whole);
  free(again);
  circuit_close(&c);
}

/* --- completeness --- */

static double gap(struct circuit_case *c, const char *name)
{
  struct attribution method;
  struct error error = {0};
  double *mean = circuit_scores(c, name);
  circuit_check(attribution_parse(name, &method, &error), &error);
  const struct completeness complete = circuit_completeness(c->runs, &method, mean);
  assert_true(complete.holds == !c->model.config.experts);
  free(mean);
  return fabs(complete.input_edges - complete.change);
}

static void test_completeness(void **state)
{
  struct circuit_case c;
  (void)state;
  if (support_emulated()) /* 300 steps a pair; test_one_hash shows that the bits are the same there
                           */
    return;
  circuit_open("nursery-gpt_neox-copy", &c);
  assert_true(gap(&c, "ig300_midpoints") < 1e-4); /* 3e-5 in float64 */
  assert_true(gap(&c, "ig5_first1") > 1e-3);
  circuit_close(&c);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_hash),
      cmocka_unit_test(test_resumed),
      cmocka_unit_test(test_completeness),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

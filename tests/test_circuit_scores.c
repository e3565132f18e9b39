/* Metrics, source values, gradients and scores of edges against float64 results of an independent
 * implementation (tests/fixtures/circuits.README.md), within ten times what a float32 run of it
 * differs by. */
#include "circuits.h"
#include "taping.h"

/* --- metrics --- */

static void check_metrics(const struct circuit_case *c)
{
  struct fixture expected = fixture_read(circuit_path(c->name), "metric.csv");
  struct fixture bounds = fixture_read(circuit_path(c->name), "float32.csv");
  double bound = 10 * fixture_number(&bounds, 0, "metric");
  assert_int_equal(expected.rows, circuit_runs_pairs(c->runs));
  for (size_t i = 0; i < expected.rows; i++) {
    assert_true(fabs(circuit_runs_clean(c->runs)[i] - fixture_number(&expected, i, "clean")) <=
                bound);
    assert_true(fabs(circuit_runs_corrupted(c->runs)[i] -
                     fixture_number(&expected, i, "corrupted")) <= bound);
  }
  fixture_free(&expected);
  fixture_free(&bounds);
}

/* --- source values --- */

/* The largest difference, relative to the largest value of the array. Ours is [parts][T][D], the
 * reference's [its last positions][parts][D]. */
static double worst_of(const struct npy *expected, const float *ours, size_t length)
{
  size_t positions = expected->shape[0], parts = expected->shape[1], hidden = expected->shape[2];
  double worst = 0, largest = 0;
  for (size_t t = 0; t < positions; t++)
    for (size_t s = 0; s < parts; s++)
      for (size_t j = 0; j < hidden; j++) {
        double value = expected->data[(t * parts + s) * hidden + j];
        size_t at = (s * length + length - positions + t) * hidden + j;
        worst = fmax(worst, fabs(value - (double)ours[at]));
        largest = fmax(largest, fabs(value));
      }
  return worst / largest;
}

static void check_sources(struct circuit_case *c, const char *array, bool corrupted)
{
  struct error error = {0};
  struct npy expected = circuit_npy(c->name, array);
  const struct graph *graph = circuit_runs_graph(c->runs);
  size_t length = c->task.pairs[0].length, hidden = c->model.config.hidden;
  float *values = calloc(graph->sources * length * hidden, sizeof *values);
  assert_non_null(values);
  circuit_check(circuit_sources_run(c->runs, 0, corrupted, values, &error), &error);
  assert_int_equal(expected.shape[1], graph->sources);
  assert_int_equal(expected.shape[2], hidden);
  double worst = worst_of(&expected, values, length);
  if (worst > 2e-5)
    fail_msg("%s, %s: off by %g", c->name, array, worst);
  free(values);
  free(expected.data);
}

/* --- gradients --- */

static float *gradients_of(struct circuit_case *c, const char *method)
{
  struct error error = {0};
  struct attribution at;
  const struct graph *graph = circuit_runs_graph(c->runs);
  float *gradients = calloc(graph->destinations * c->task.pairs[0].length * c->model.config.hidden,
                            sizeof *gradients);
  assert_non_null(gradients);
  circuit_check(attribution_parse(method, &at, &error), &error);
  circuit_check(circuit_gradients_run(c->runs, &at, 0, gradients, &error), &error);
  return gradients;
}

static void check_gradients(struct circuit_case *c, const char *method, const char *array)
{
  struct npy expected = circuit_npy(c->name, array);
  float *gradients = gradients_of(c, method);
  assert_int_equal(expected.shape[1], circuit_runs_graph(c->runs)->destinations);
  double worst = worst_of(&expected, gradients, c->task.pairs[0].length);
  if (worst > 2e-5)
    fail_msg("%s, %s: off by %g", c->name, array, worst);
  free(gradients);
  free(expected.data);
}

/* Of every destination at the last two positions. */
static void check_norms(struct circuit_case *c, const char *method, const char *column)
{
  struct fixture expected = fixture_read(circuit_path(c->name), "item0_gradient_norms.csv");
  float *gradients = gradients_of(c, method);
  size_t length = c->task.pairs[0].length, hidden = c->model.config.hidden;
  for (size_t row = 0; row < expected.rows; row++) {
    size_t position = (size_t)fixture_number(&expected, row, "position");
    const float *g = gradients + (row / 2 * length + position) * hidden;
    double sum = 0, norm = fixture_number(&expected, row, column);
    for (size_t j = 0; j < hidden; j++)
      sum += (double)g[j] * (double)g[j];
    if (fabs(sqrt(sum) - norm) > 2e-4 * (norm + 1e-3))
      fail_msg("%s, %s: %s is %g, expected %g", c->name,
               fixture_text(&expected, row, "destination"), column, sqrt(sum), norm);
  }
  free(gradients);
  fixture_free(&expected);
}

/* --- scores --- */

static double worst_score(struct circuit_case *c, const struct fixture *edges, const char *method)
{
  double *mean = circuit_scores(c, method), worst = 0;
  assert_int_equal(edges->rows, circuit_edges(c));
  for (size_t i = 0; i < edges->rows; i++)
    worst = fmax(worst, fabs(mean[i] - fixture_number(edges, i, method)));
  free(mean);
  return worst;
}

static void check_scores(struct circuit_case *c)
{
  static const char *const methods[] = {"eap",         "ig5_first0",  "ig5_first1",
                                        "ig30_first0", "ig30_first1", "ig5_first1_batch8"};
  struct fixture edges = fixture_read(circuit_path(c->name), "edges.csv");
  struct fixture bounds = fixture_read(circuit_path(c->name), "float32.csv");
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    double bound = 10 * fixture_number(&bounds, 0, i ? "ig5_first1" : "eap");
    double worst = worst_score(c, &edges, methods[i]);
    if (getenv("SHOW_WORST"))
      print_message("%s %s: %g of %g\n", c->name, methods[i], worst, bound);
    if (worst > bound)
      fail_msg("%s, %s: off by %g, more than %g", c->name, methods[i], worst, bound);
  }
  fixture_free(&edges);
  fixture_free(&bounds);
}

static void test_reference(void **state)
{
  (void)state;
  for (size_t i = 0; i < CIRCUIT_CASES; i++) {
    struct circuit_case c;
    if (support_emulated() && !strstr(circuit_cases[i], "gpt_neox-smooth"))
      continue; /* minutes; that the bits are the same there is test_circuit_bits' matter */
    circuit_open(circuit_cases[i], &c);
    check_metrics(&c);
    check_sources(&c, "item0_source_clean.npy", false);
    check_sources(&c, "item0_source_corrupted.npy", true);
    check_norms(&c, "eap", "norm_clean");
    check_norms(&c, "ig1_first0", "norm_corrupted");
    if (strstr(c.name, "smooth")) {
      check_gradients(&c, "eap", "item0_gradient_clean.npy");
      check_gradients(&c, "ig1_first0", "item0_gradient_corrupted.npy");
    }
    check_scores(&c);
    circuit_close(&c);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

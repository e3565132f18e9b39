/* Runs with patched edges against float64 results of an independent implementation
 * (tests/fixtures/circuits.README.md): sets of edges, single edges, and to the bit all of them and
 * none. */
#include "circuits.h"

#include <stdlib.h>

static unsigned char *set_of_edges(const struct circuit_case *c, const char *text)
{
  unsigned char *kept = calloc(circuit_edges(c), 1);
  assert_non_null(kept);
  for (char *end; *text; text = end) {
    size_t edge = strtoull(text, &end, 10);
    assert_true(end > text && edge < circuit_edges(c));
    kept[edge] = 1;
  }
  return kept;
}

static void patch(struct circuit_case *c, const unsigned char *kept, double *metric)
{
  struct error error = {0};
  circuit_check(circuit_patched_run(c->runs, kept, metric, &error), &error);
}

static double worst_of(const char *expected, const double *metric, size_t pairs)
{
  double worst = 0;
  for (size_t i = 0; i < pairs; i++) {
    char *end;
    worst = fmax(worst, fabs(metric[i] - strtod(expected, &end)));
    assert_true(end > expected);
    expected = end;
  }
  return worst;
}

static void check_sets(struct circuit_case *c)
{
  struct fixture sets = fixture_read(circuit_path(c->name), "sets.csv");
  struct fixture bounds = fixture_read(circuit_path(c->name), "float32.csv");
  double bound =
      10 * fmax(fixture_number(&bounds, 0, "circuit50"), fixture_number(&bounds, 0, "metric"));
  size_t pairs = circuit_runs_pairs(c->runs);
  double *metric = calloc(pairs, sizeof *metric);
  assert_true(metric && sets.rows > 5);
  for (size_t row = 0; row < sets.rows; row++) {
    unsigned char *kept = set_of_edges(c, fixture_text(&sets, row, "edges"));
    patch(c, kept, metric);
    double worst = worst_of(fixture_text(&sets, row, "metric"), metric, pairs);
    if (getenv("SHOW_WORST"))
      print_message("%s %s: %g of %g\n", c->name, fixture_text(&sets, row, "name"), worst, bound);
    if (worst > bound)
      fail_msg("%s, %s: off by %g, more than %g", c->name, fixture_text(&sets, row, "name"), worst,
               bound);
    free(kept);
  }
  free(metric);
  fixture_free(&sets);
  fixture_free(&bounds);
}

/* Every seventeenth edge. */
static void check_exact(struct circuit_case *c)
{
  struct error error = {0};
  struct fixture edges = fixture_read(circuit_path(c->name), "edges.csv");
  struct fixture bounds = fixture_read(circuit_path(c->name), "float32.csv");
  size_t list[64], count = 0;
  double effects[64];
  if (strstr(edges.text, "exact"))
    for (size_t e = 0; e < edges.rows && count < 64; e += 17)
      list[count++] = e;
  circuit_check(circuit_exact_run(c->runs, list, count, effects, &error), &error);
  for (size_t i = 0; i < count; i++) {
    double off = fabs(effects[i] - fixture_number(&edges, list[i], "exact"));
    if (off > 10 * fixture_number(&bounds, 0, "metric"))
      fail_msg("%s, %s: off by %g", c->name, fixture_text(&edges, list[i], "name"), off);
  }
  fixture_free(&edges);
  fixture_free(&bounds);
}

/* The corrupted run follows as soon as nothing reaches the logits; the clean one from all edges,
 * also where the run is computed and not taken from there: a head that is read by nobody else. */
static void check_ends(struct circuit_case *c)
{
  const struct graph *graph = circuit_runs_graph(c->runs);
  size_t pairs = circuit_runs_pairs(c->runs);
  unsigned char *kept = calloc(graph->edges, 1);
  double *metric = calloc(pairs, sizeof *metric);
  assert_true(kept && metric);
  patch(c, kept, metric);
  assert_memory_equal(metric, circuit_runs_corrupted(c->runs), pairs * sizeof *metric);
  memset(kept, 1, graph->edges);
  patch(c, kept, metric);
  assert_memory_equal(metric, circuit_runs_clean(c->runs), pairs * sizeof *metric);
  memset(kept + graph_first_edge(graph, graph->destinations - 1), 0, graph->sources);
  patch(c, kept, metric);
  assert_memory_equal(metric, circuit_runs_corrupted(c->runs), pairs * sizeof *metric);
  free(kept);
  free(metric);
}

static void test_reference(void **state)
{
  (void)state;
  for (size_t i = 0; i < CIRCUIT_CASES; i++) {
    struct circuit_case c;
    circuit_open(circuit_cases[i], &c);
    check_sets(&c);
    check_exact(&c);
    check_ends(&c);
    circuit_close(&c);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

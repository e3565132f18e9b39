/* Graphs of edges: published counts, every edge back and forth, names. */
#include "support.h"

#include "circuit/graph.h"

#include <string.h>

static struct graph graph_of(size_t layers, size_t heads, bool parallel)
{
  const struct model_config config = {
      .layers = layers, .heads = heads, .kv_heads = heads, .parallel_residual = parallel};
  struct graph graph;
  struct error error = {0};
  assert_int_equal(graph_create(&config, &graph, &error), 0);
  return graph;
}

/* Of Pythia 70M, 160M, 410M and 1.4B, 1B, 2.8B: sources, destinations and edges as the public code
 * of arXiv 2407.10827 builds them. */
static void test_counts(void **state)
{
  static const size_t sizes[][5] = {{6, 8, 55, 151, 3580},
                                    {12, 12, 157, 445, 32347},
                                    {24, 16, 409, 1177, 231493},
                                    {16, 8, 145, 401, 27545},
                                    {32, 32, 1057, 3105, 1591857}};
  (void)state;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const struct graph graph = graph_of(sizes[i][0], sizes[i][1], true);
    assert_int_equal(graph.sources, sizes[i][2]);
    assert_int_equal(graph.destinations, sizes[i][3]);
    assert_int_equal(graph.edges, sizes[i][4]);
    const struct graph sequential = graph_of(sizes[i][0], sizes[i][1], false);
    assert_int_equal(sequential.edges, sizes[i][4] + sizes[i][0] * sizes[i][1]);
  }
}

static void check_edges(const struct graph *graph)
{
  char name[GRAPH_EDGE_NAME_SIZE];
  size_t edge = 0;
  for (size_t d = 0; d < graph->destinations; d++) {
    assert_int_equal(graph_first_edge(graph, d), edge);
    for (size_t s = 0; s < graph_sources_of(graph, d); s++, edge++) {
      const struct graph_edge ends = graph_edge(graph, edge);
      assert_int_equal(ends.source, s);
      assert_int_equal(ends.destination, d);
      assert_int_equal(graph_edge_number(graph, &ends), edge);
      assert_int_equal(graph_edge_of_name(graph, graph_edge_name(graph, edge, name)), edge);
    }
  }
  assert_int_equal(edge, graph->edges);
}

static void test_edges(void **state)
{
  const struct graph graphs[] = {graph_of(1, 1, true),  graph_of(1, 1, false),
                                 graph_of(4, 4, true),  graph_of(4, 4, false),
                                 graph_of(2, 13, true), graph_of(11, 3, false)};
  (void)state;
  for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++)
    check_edges(&graphs[i]);
}

/* A node is never its own source, and what a head computes has three inputs. */
static void test_nodes(void **state)
{
  const struct graph graph = graph_of(3, 2, false);
  (void)state;
  for (size_t d = 0; d < graph.destinations; d++)
    assert_true(graph_node(&graph, d) >= graph_sources_of(&graph, d));
  assert_int_equal(graph_node(&graph, graph_reads(&graph, GRAPH_KEY, 2, 1)),
                   graph_head(&graph, 2, 1));
  assert_int_equal(graph_node(&graph, graph_reads(&graph, GRAPH_MLP, 2, 0)), graph_mlp(&graph, 2));
  assert_int_equal(graph_node(&graph, graph.destinations - 1), graph.sources);
}

static void test_names(void **state)
{
  static const char *const edges[] = {"input->a0.h0<q>", "a0.h1->a1.h0<v>", "m1->logits",
                                      "a1.h1->m1"};
  static const char *const refused[] = {"",
                                        "input",
                                        "input->",
                                        "->logits",
                                        "input->input",
                                        "logits->m0",
                                        "m0->m0",
                                        "m1->a1.h0<q>",
                                        "a1.h0->a1.h1<q>",
                                        "a0.h0<q>->m1",
                                        "m0->a1.h0",
                                        "m0->a1.h0<x>",
                                        "m00->logits",
                                        "m2->logits",
                                        "a0.h2->logits",
                                        "m->logits",
                                        "a0h0->logits",
                                        "m0->logits ",
                                        "m0 ->logits",
                                        "m0->m1<q>",
                                        "M0->logits",
                                        "m0->a1.h0<q>>",
                                        "m0->logits->m1",
                                        "m99999999999999999999->logits"};
  const struct graph graph = graph_of(2, 2, false);
  char name[GRAPH_EDGE_NAME_SIZE];
  (void)state;
  for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
    size_t edge = graph_edge_of_name(&graph, edges[i]);
    assert_true(edge < graph.edges);
    assert_string_equal(graph_edge_name(&graph, edge, name), edges[i]);
  }
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    assert_int_equal(graph_edge_of_name(&graph, refused[i]), SIZE_MAX);
  const struct graph parallel = graph_of(2, 2, true);
  assert_int_equal(graph_edge_of_name(&parallel, "a1.h1->m1"), SIZE_MAX);
}

static void test_refused(void **state)
{
  struct model_config config = {
      .family = FAMILY_OLMO2, .layers = 2, .heads = 2, .kv_heads = 2, .branch_norms = true};
  struct graph graph;
  struct error error = {0};
  (void)state;
  assert_int_equal(graph_create(&config, &graph, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "olmo2");
  config.branch_norms = false;
  config.heads = 1000000000;
  error = (struct error){0};
  assert_int_equal(graph_create(&config, &graph, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "1000000000 heads");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts), cmocka_unit_test(test_edges),
                                     cmocka_unit_test(test_nodes), cmocka_unit_test(test_names),
                                     cmocka_unit_test(test_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

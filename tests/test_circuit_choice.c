/* Choice and pruning of circuits against an independent implementation. */
#include "choosing.h"

static struct error error;

/* The greedy order is that of the reference, rank for rank; the other one descends. */
static void test_orders(void **state)
{
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    struct model m = open_model(models[i]);
    size_t *order = calloc(m.graph.edges, sizeof *order);
    assert_int_equal(choice_order(&m.graph, m.scores, CHOICE_GREEDY, order, &error), 0);
    for (size_t rank = 0; rank < m.graph.edges; rank++)
      assert_int_equal(fixture_number(&m.edges, order[rank], "greedy_rank"), rank);
    assert_int_equal(choice_order(&m.graph, m.scores, CHOICE_TOPN, order, &error), 0);
    for (size_t rank = 1; rank < m.graph.edges; rank++) {
      double before = fabs(m.scores[order[rank - 1]]), now = fabs(m.scores[order[rank]]);
      assert_true(before > now || (before == now && order[rank - 1] < order[rank]));
    }
    free(order);
    close_model(&m);
  }
}

static void assert_set(const struct graph *g, const unsigned char *kept, const json_t *list)
{
  size_t count = 0;
  for (size_t e = 0; e < g->edges; e++)
    count += kept[e];
  assert_int_equal(count, json_array_size(list));
  for (size_t i = 0; i < json_array_size(list); i++)
    assert_true(kept[json_integer_value(json_array_get(list, i))]);
}

static void assert_nodes(const struct graph *g, const unsigned char *kept, const json_t *names)
{
  bool *nodes = calloc(g->sources + 1, sizeof *nodes);
  char name[GRAPH_NAME_SIZE];
  size_t at = 0;
  assert_int_equal(choice_nodes(g, kept, nodes), json_array_size(names));
  for (size_t n = 0; n <= g->sources; n++)
    if (nodes[n])
      assert_string_equal(n < g->sources ? graph_source_name(g, n, name) : "logits",
                          json_string_value(json_array_get(names, at++)));
  free(nodes);
}

static void assert_circuit(const struct model *m, const char *key, const json_t *circuit)
{
  const struct graph *g = &m->graph;
  const json_t *chosen = json_object_get(circuit, "chosen");
  size_t *order = calloc(g->edges, sizeof *order), n = 0;
  unsigned char *kept = calloc(g->edges, sizeof *kept);
  enum choice_rule rule = *key == 'g' ? CHOICE_GREEDY : CHOICE_TOPN;
  if (sscanf(key, "greedy-%zu", &n) == 1 || sscanf(key, "topn-%zu", &n) == 1) {
    assert_int_equal(choice_order(g, m->scores, rule, order, &error), 0);
    choice_take(g, order, n, kept);
    assert_set(g, kept, chosen);
  } else {
    for (size_t i = 0; i < json_array_size(chosen); i++)
      kept[json_integer_value(json_array_get(chosen, i))] = true;
  }
  const json_t *pruned = json_object_get(circuit, "pruned");
  assert_int_equal(choice_prune(g, kept, &error), json_array_size(pruned));
  assert_set(g, kept, pruned);
  assert_nodes(g, kept, json_object_get(circuit, "nodes"));
  free(kept);
  free(order);
}

static void test_chosen_and_pruned(void **state)
{
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    struct model m = open_model(models[i]);
    json_t *circuits = read_json(place_of(models[i]), "circuits.json"), *circuit;
    const char *key;
    json_object_foreach(circuits, key, circuit) assert_circuit(&m, key, circuit);
    assert_true(json_object_size(circuits) >= 13);
    json_decref(circuits);
    close_model(&m);
  }
}

/* Pruning reaches its fixed point from any set: nothing can be dropped from what it leaves. */
static void test_pruning_leaves_paths(void **state)
{
  (void)state;
  struct graph g = make_graph(3, 2, false);
  unsigned char *kept = calloc(g.edges, sizeof *kept);
  bool *nodes = calloc(g.sources + 1, sizeof *nodes);
  unsigned seed = 1;
  for (int round = 0; round < 200; round++) {
    for (size_t e = 0; e < g.edges; e++) {
      seed = seed * 1664525 + 1013904223;
      kept[e] = seed >> 24 < 40 + (unsigned)round;
    }
    assert_true(choice_prune(&g, kept, &error) <= g.edges);
    choice_nodes(&g, kept, nodes);
    for (size_t n = 1; n < g.sources; n++) {
      size_t in = 0, out = 0;
      for (size_t e = 0; e < g.edges; e++) {
        out += kept[e] && graph_edge(&g, e).source == n;
        in += kept[e] && graph_node(&g, graph_edge(&g, e).destination) == n;
      }
      assert_int_equal(!in, !out);
      assert_int_equal(nodes[n], in > 0);
    }
  }
  free(nodes);
  free(kept);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_orders),
      cmocka_unit_test(test_chosen_and_pruned),
      cmocka_unit_test(test_pruning_leaves_paths),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

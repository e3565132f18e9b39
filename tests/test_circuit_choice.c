/* Choice, pruning and size of circuits, and how they change, against an independent implementation
 * (tests/fixtures/circuit_choice.README.md). */
#include "fixture_csv.h"
#include "support.h"

#include "circuit/choice.h"
#include "circuit/circuit_change.h"
#include "circuit/size_search.h"
#include "claims/paper.h"
#include "claims/published.h"

#include <jansson.h>
#include <math.h>

#define FIXTURES "tests/fixtures/circuit_choice.tar.zst:"

static struct error error;

static const char *const models[] = {
    "gpt_neox-parallel-f32",   "gpt_neox-smooth-f32", "nursery-gpt_neox-copy",
    "nursery-gpt_neox-starts", "nursery-olmo-copy",   "nursery-olmo-starts",
    "nursery-olmoe-copy",      "olmo-smooth-f32",     "olmoe-f32",
    "olmoe-smooth-f32"};
#define MODELS (sizeof models / sizeof *models)

static struct graph make_graph(size_t layers, size_t heads, bool parallel)
{
  const struct model_config config = {
      .layers = layers, .heads = heads, .parallel_residual = parallel};
  struct graph graph;
  assert_int_equal(graph_create(&config, &graph, &error), 0);
  return graph;
}

static char *place_of(const char *name)
{
  static char places[8][256];
  static int next;
  char *place = places[next++ % 8];
  snprintf(place, 256, FIXTURES "%s", name);
  return place;
}

static json_t *read_json(const char *directory, const char *name)
{
  struct fileset *set;
  const struct fileset_file *file = NULL;
  json_error_t fault;
  if (fileset_open(directory, &set, &error) || fileset_get(set, name, &file, &error))
    fail_msg("%s", error.text);
  json_t *json = json_loadb((const char *)file->blob.data, file->blob.size, 0, &fault);
  assert_non_null(json);
  fileset_close(set);
  return json;
}

struct model {
  struct graph graph;
  struct fixture edges;
  double *scores;
  size_t chosen_size;
};

static struct model open_model(const char *name)
{
  struct model m = {.edges = fixture_read(place_of(name), "edges.csv")};
  struct fixture meta = fixture_read(place_of(name), "meta.csv");
  m.graph = make_graph((size_t)fixture_number(&meta, 0, "layers"),
                       (size_t)fixture_number(&meta, 0, "heads"),
                       fixture_number(&meta, 0, "parallel") > 0);
  m.chosen_size = (size_t)fixture_number(&meta, 0, "chosen_size");
  assert_int_equal(m.graph.edges, m.edges.rows);
  m.scores = calloc(m.graph.edges, sizeof *m.scores);
  for (size_t e = 0; e < m.graph.edges; e++)
    m.scores[e] = fixture_number(&m.edges, e, "score");
  fixture_free(&meta);
  return m;
}

static void close_model(struct model *m)
{
  fixture_free(&m->edges);
  free(m->scores);
}

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

/* --- the size search --- */

struct replay {
  const double (*known)[2]; /* size, ratio */
  size_t known_count;
  struct {
    size_t size;
    enum size_phase phase;
  } visits[4096];
  size_t count;
};

static int ratio_of(void *context, size_t size, double *ratio, struct error *e)
{
  const struct replay *replay = context;
  for (size_t i = 0; i < replay->known_count; i++)
    if (replay->known[i][0] == (double)size) {
      *ratio = replay->known[i][1];
      return 0;
    }
  return error_set(e, EXIT_CHECK, "size %zu was not evaluated", size);
}

static void visited(void *context, size_t size, double ratio, enum size_phase phase)
{
  struct replay *replay = context;
  (void)ratio;
  assert_true(replay->count < 4096);
  replay->visits[replay->count].size = size;
  replay->visits[replay->count++].phase = phase;
}

static struct size_search search_of(struct replay *replay, size_t bound, bool stop)
{
  return (struct size_search){bound, SIZE_SEARCH_THRESHOLD, stop, ratio_of, visited, replay};
}

static void assert_search(struct replay *replay, size_t bound, size_t size, bool met)
{
  struct size_found found;
  const struct size_search search = search_of(replay, bound, false);
  replay->count = 0;
  if (size_search_run(&search, &found, &error))
    fail_msg("%s", error.text);
  assert_int_equal(found.size, size);
  assert_int_equal(found.met, met);
}

static void test_searches_of_the_reference(void **state)
{
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    struct model m = open_model(models[i]);
    struct fixture path = fixture_read(place_of(models[i]), "search.csv");
    static double known[4096][2];
    static struct replay replay;
    for (size_t r = 0; r < path.rows; r++) {
      known[r][0] = fixture_number(&path, r, "size");
      known[r][1] = fixture_number(&path, r, "ratio");
    }
    replay.known = (const double(*)[2])known;
    replay.known_count = path.rows;
    assert_search(&replay, m.graph.edges, m.chosen_size, m.chosen_size < m.graph.edges);
    assert_int_equal(replay.count, path.rows);
    for (size_t r = 0; r < path.rows; r++) {
      assert_int_equal(replay.visits[r].size, known[r][0]);
      assert_string_equal(size_phase_name(replay.visits[r].phase), fixture_text(&path, r, "phase"));
    }
    fixture_free(&path);
    close_model(&m);
  }
}

/* The four published searches of Pythia-160M: exactly the published sizes, and no others. */
static void test_published_searches(void **state)
{
  (void)state;
  static const struct {
    const char *model;
    size_t sizes, answer;
  } seeds[] = {{"pythia-160m", 48, 420},
               {"pythia-160m-seed1", 42, 169},
               {"pythia-160m-seed2", 51, 125},
               {"pythia-160m-seed3", 53, 122}};
  struct published_tables tables;
  assert_int_equal(published_load("golden/published-circuits", papers, &tables, &error), 0);
  const struct published_table *all = published_find(&tables, "ratio_by_size");
  assert_non_null(all);
  for (size_t s = 0; s < 4; s++) {
    static double known[256][2];
    static struct replay replay;
    size_t count = 0, distinct = 0;
    for (size_t r = 0; r < all->rows; r++) {
      const char **cells = all->cells + r * all->schema->column_count;
      if (strcmp(cells[0], seeds[s].model) != 0)
        continue;
      known[count][0] = strtod(cells[3], NULL);
      known[count++][1] = strtod(cells[4], NULL);
    }
    replay.known = (const double(*)[2])known;
    replay.known_count = count;
    assert_int_equal(count, seeds[s].sizes);
    assert_search(&replay, 1600, seeds[s].answer, true);
    for (size_t i = 0; i < count; i++) {
      size_t at = 0;
      while (at < replay.count && (double)replay.visits[at].size != known[i][0])
        at++;
      distinct += at < replay.count;
    }
    assert_int_equal(distinct, count);
  }
  published_free(&tables);
}

static int never(void *context, size_t size, double *ratio, struct error *e)
{
  (void)e;
  ++*(size_t *)context;
  *ratio = size == 11 ? .79999 : .5;
  return 0;
}

static int failing(void *context, size_t size, double *ratio, struct error *e)
{
  (void)context;
  *ratio = 0;
  return size == 50 ? error_set(e, EXIT_RUN, "no memory") : 0;
}

static void test_never_met_and_stopped(void **state)
{
  (void)state;
  size_t calls = 0;
  struct size_found found;
  struct size_search search = {100, SIZE_SEARCH_THRESHOLD, false, never, NULL, &calls};
  assert_int_equal(size_search_run(&search, &found, &error), 0);
  assert_false(found.met);
  assert_int_equal(found.size, 100);
  assert_int_equal(calls, 3); /* 25, 50, 75 */
  assert_int_equal(size_scan_run(&search, &found, &error), 0);
  assert_false(found.met);
  assert_int_equal(calls, 103);
  search.threshold = .7;
  assert_int_equal(size_scan_run(&search, &found, &error), 0);
  assert_true(found.met && found.size == 11);
  search.ratio = failing;
  assert_int_equal(size_search_run(&search, &found, &error), EXIT_RUN);
}

/* --- over training --- */

static void take(const json_t *list, unsigned char *kept, size_t edges)
{
  memset(kept, 0, edges);
  for (size_t i = 0; i < json_array_size(list); i++)
    kept[json_integer_value(json_array_get(list, i))] = true;
}

static void assert_near(double got, const char *text)
{
  double wanted = strtod(text, NULL);
  if (!*text || strcmp(text, "nan") == 0) {
    assert_true(isnan(got));
    return;
  }
  if (!(fabs(got - wanted) <= 1e-12 * fmax(1, fabs(wanted))))
    fail_msg("%.17g in place of %s", got, text);
}

#define EDGES 479 /* at most */

struct course {
  unsigned char kept[2][EDGES], kept50[2][EDGES];
  double scores[2][EDGES];
  struct circuit_average plain, weighted;
};

static void assert_row(struct course *c, size_t r, size_t edges, const struct fixture *csv)
{
  struct circuit_change all, fifty;
  int now = r % 2, before = !now;
  circuit_change(&(struct scored_circuit){c->kept[before], c->scores[before]},
                 &(struct scored_circuit){c->kept[now], c->scores[now]}, edges, &all);
  circuit_change(&(struct scored_circuit){c->kept50[before], c->scores[before]},
                 &(struct scored_circuit){c->kept50[now], c->scores[now]}, edges, &fifty);
  circuit_average_add(&c->plain, all.jaccard);
  circuit_average_add(&c->weighted, all.weighted_jaccard);
  assert_near(all.jaccard, fixture_text(csv, r, "jaccard"));
  assert_near(all.weighted_jaccard, fixture_text(csv, r, "wjaccard"));
  assert_near(fifty.jaccard, fixture_text(csv, r, "jaccard50"));
  assert_near(fifty.weighted_jaccard, fixture_text(csv, r, "wjaccard50"));
  assert_int_equal(all.added, fixture_number(csv, r, "added"));
  assert_int_equal(all.removed, fixture_number(csv, r, "removed"));
  double open = 0; /* what the 12 digits of the scores leave open of their sum */
  for (size_t e = 0; e < edges; e++)
    open += 5e-12 * (fabs(c->scores[0][e]) + fabs(c->scores[1][e]));
  double gtd = fixture_number(csv, r, "gtd");
  assert_true(fabs(all.score_gain + all.score_loss - gtd) <= open + 1e-12 * gtd);
  assert_near(c->plain.change, fixture_text(csv, r, "jaccard_ewma_change"));
  assert_near(c->plain.similarity, fixture_text(csv, r, "jaccard_ewma_similarity"));
  assert_near(c->weighted.change, fixture_text(csv, r, "wjaccard_ewma_change"));
  assert_near(c->weighted.similarity, fixture_text(csv, r, "wjaccard_ewma_similarity"));
}

static void test_courses(void **state)
{
  (void)state;
  static const char *const courses[] = {"gpt_neox-copy", "gpt_neox-starts", "olmo-copy",
                                        "olmo-starts", "olmoe-boundary"};
  for (size_t i = 0; i < sizeof courses / sizeof *courses; i++) {
    static struct course c;
    char name[64];
    snprintf(name, sizeof name, "%s.json", courses[i]);
    json_t *json = read_json(place_of("trajectory"), name);
    snprintf(name, sizeof name, "%s.csv", courses[i]);
    struct fixture csv = fixture_read(place_of("trajectory"), name);
    struct graph g = make_graph(4, 4, strncmp(courses[i], "gpt", 3) == 0);
    c.plain = c.weighted = circuit_average_start();
    assert_int_equal(json_array_size(json), csv.rows);
    for (size_t r = 0; r < csv.rows; r++) {
      const json_t *row = json_array_get(json, r), *scores = json_object_get(row, "score");
      assert_int_equal(json_array_size(scores), g.edges);
      take(json_object_get(row, "search"), c.kept[r % 2], g.edges);
      take(json_object_get(row, "greedy50"), c.kept50[r % 2], g.edges);
      for (size_t e = 0; e < g.edges; e++)
        c.scores[r % 2][e] = json_number_value(json_array_get(scores, e));
      bool nodes[64];
      assert_int_equal(choice_nodes(&g, c.kept[r % 2], nodes), fixture_number(&csv, r, "nodes"));
      if (r)
        assert_row(&c, r, g.edges, &csv);
    }
    fixture_free(&csv);
    json_decref(json);
  }
}

/* Every search of a course follows the reference's path, fed with its ratios. */
static void test_searches_of_courses(void **state)
{
  (void)state;
  json_t *json = read_json(place_of("trajectory"), "olmo-starts.json");
  struct fixture csv = fixture_read(place_of("trajectory"), "olmo-starts.csv");
  for (size_t r = 0; r < csv.rows; r++) {
    static double known[4096][2];
    static struct replay replay;
    const json_t *path = json_object_get(json_array_get(json, r), "path");
    replay.known_count = json_array_size(path);
    for (size_t i = 0; i < replay.known_count; i++)
      for (size_t k = 0; k < 2; k++)
        known[i][k] = json_number_value(json_array_get(json_array_get(path, i), k));
    replay.known = (const double(*)[2])known;
    size_t size = (size_t)fixture_number(&csv, r, "size");
    assert_search(&replay, 479, size, size < 479);
    assert_int_equal(replay.count, replay.known_count);
    for (size_t i = 0; i < replay.count; i++)
      assert_int_equal(replay.visits[i].size, known[i][0]);
  }
  fixture_free(&csv);
  json_decref(json);
}

static void test_edits_may_cancel(void **state)
{
  (void)state;
  const unsigned char a[4] = {true, true, false, false}, b[4] = {true, false, true, false};
  const double s[4] = {1, 2, 0, 0}, t[4] = {1, 1, -2, 1};
  struct circuit_change change;
  circuit_change(&(struct scored_circuit){a, s}, &(struct scored_circuit){b, t}, 4, &change);
  assert_true(change.added == 1 && change.removed == 1);
  assert_true(change.signed_edits == 0 && change.absolute_edits == 4);
  assert_true(change.score_gain == 1 && change.score_loss == 3);
  assert_true(circuit_jaccard(a, b, 4) == 1. / 3);
  assert_true(isnan(circuit_jaccard(a, b, 0)));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_orders),
      cmocka_unit_test(test_chosen_and_pruned),
      cmocka_unit_test(test_pruning_leaves_paths),
      cmocka_unit_test(test_searches_of_the_reference),
      cmocka_unit_test(test_published_searches),
      cmocka_unit_test(test_never_met_and_stopped),
      cmocka_unit_test(test_courses),
      cmocka_unit_test(test_searches_of_courses),
      cmocka_unit_test(test_edits_may_cancel),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

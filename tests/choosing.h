/* What the tests of choice, size and change of circuits share: the models of the reference
 * (tests/fixtures/circuit_choice.README.md). */
#ifndef ATTEST_TESTS_CHOOSING_H
#define ATTEST_TESTS_CHOOSING_H

#include "fixture_csv.h"
#include "support.h"

#include "circuit/choice.h"

#include <jansson.h>
#include <math.h>

#define FIXTURES "tests/fixtures/circuit_choice.tar.zst:"

static const char *const models[] = {
    "gpt_neox-parallel-f32",   "gpt_neox-smooth-f32", "nursery-gpt_neox-copy",
    "nursery-gpt_neox-starts", "nursery-olmo-copy",   "nursery-olmo-starts",
    "nursery-olmoe-copy",      "olmo-smooth-f32",     "olmoe-f32",
    "olmoe-smooth-f32"};
#define MODELS (sizeof models / sizeof *models)

static inline struct graph make_graph(size_t layers, size_t heads, bool parallel)
{
  struct error error = {0};
  const struct model_config config = {
      .layers = layers, .heads = heads, .parallel_residual = parallel};
  struct graph graph;
  assert_int_equal(graph_create(&config, &graph, &error), 0);
  return graph;
}

static inline char *place_of(const char *name)
{
  static char places[8][256];
  static int next;
  char *place = places[next++ % 8];
  snprintf(place, 256, FIXTURES "%s", name);
  return place;
}

static inline json_t *read_json(const char *directory, const char *name)
{
  struct error error = {0};
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

static inline struct model open_model(const char *name)
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

static inline void close_model(struct model *m)
{
  fixture_free(&m->edges);
  free(m->scores);
}

#endif

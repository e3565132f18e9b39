#include "base/json.h"
#include "study/circuit_tables.h"

#include <math.h>
#include <stdlib.h>

static json_t *number(double value)
{
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *numbers(const double *values, size_t count)
{
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++)
    json_add(list, number(values[i]));
  return list;
}

static json_t *evaluated_json(const struct evaluated *e)
{
  return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o}", "n", (json_int_t)e->asked, "edges",
                   (json_int_t)e->edges, "nodes", (json_int_t)e->nodes, "metric", number(e->metric),
                   "ratio", number(e->ratio), "ratio_normalised", number(e->normalised));
}

static json_t *node_names(const struct graph *g, const unsigned char *kept)
{
  json_t *names = json_array();
  char name[GRAPH_NAME_SIZE];
  bool *nodes = calloc(g->sources + 1, sizeof *nodes);
  if (!nodes) {
    json_decref(names);
    return NULL;
  }
  (void)choice_nodes(g, kept, nodes);
  for (size_t n = 0; n <= g->sources; n++)
    if (nodes[n])
      json_add(names, json_string(n < g->sources ? graph_source_name(g, n, name) : "logits"));
  free(nodes);
  return names;
}

static json_t *circuit_json(const struct found *f, enum found_by by)
{
  const struct found_circuit *c = &f->by[by];
  json_t *object = evaluated_json(&c->is), *edges = json_array(), *names = json_array();
  char name[GRAPH_EDGE_NAME_SIZE];
  for (size_t e = 0; e < f->graph.edges; e++)
    if (c->kept[e]) {
      json_add(edges, json_integer((json_int_t)e));
      json_add(names, json_string(graph_edge_name(&f->graph, e, name)));
    }
  json_put(object, "met", json_boolean(c->met));
  json_put(object, "node_names", node_names(&f->graph, c->kept));
  json_put(object, "edge_numbers", edges);
  json_put(object, "edge_names", names);
  return object;
}

static json_t *search_json(const struct circuit_sheet *s)
{
  json_t *list = json_array();
  for (size_t i = 0; i < s->visit_count; i++)
    json_add(list,
             json_pack("{s:I, s:o, s:s}", "size", (json_int_t)s->visits[i].size, "ratio",
                       number(s->visits[i].ratio), "phase", size_phase_name(s->visits[i].phase)));
  return list;
}

static json_t *interval_json(const struct interval *i)
{
  return json_pack("{s:o, s:o, s:o}", "value", number(i->value), "low", number(i->low), "high",
                   number(i->high));
}

static json_t *bootstrap_json(const struct circuit_bootstrap *b)
{
  if (!b->resamples)
    return json_null();
  return json_pack("{s:I, s:I, s:o, s:o}", "resamples", (json_int_t)b->resamples, "seed",
                   (json_int_t)BOOTSTRAP_SEED, "ratio", interval_json(&b->ratio),
                   "ratio_normalised", interval_json(&b->normalised));
}

static json_t *sizes_json(const struct circuit_sheet *s)
{
  json_t *list = json_array();
  for (size_t i = 0; i < s->size_count; i++)
    json_add(list, evaluated_json(&s->sizes[i]));
  return list;
}

static void put_settings(const struct circuit_sheet *s, json_t *all)
{
  const struct circuit_request *r = s->request;
  const struct graph *g = &s->found.graph;
  char method[ATTRIBUTION_NAME_SIZE];
  json_put(all, "task",
           json_pack("{s:s, s:s, s:s, s:I}", "task", s->task->name, "metric",
                     task_metric_name(s->task->metric), "sha256", s->task->sha256, "pairs",
                     (json_int_t)s->found.pairs));
  json_put(all, "graph",
           json_pack("{s:I, s:I, s:b, s:I}", "layers", (json_int_t)g->layers, "heads",
                     (json_int_t)g->heads, "sequential", g->sequential, "edges",
                     (json_int_t)g->edges));
  json_put(all, "method", json_string(attribution_name(&r->method, method)));
  json_put(all, "choose", json_string(choice_rule_name(r->rule)));
  json_put(all, "threshold", json_real(r->threshold));
  json_put(all, "bound", json_integer((json_int_t)(r->bound ? r->bound : g->edges)));
}

json_t *circuit_sheet_json(const struct circuit_sheet *s)
{
  const struct found *f = &s->found;
  char hex[33];
  json_t *all = json_pack("{s:i, s:s}", "format", 1, "model", text_shown(s->model).text);
  found_digest(f, hex);
  put_settings(s, all);
  json_put(all, "mean_clean", number(f->clean));
  json_put(all, "mean_corrupted", number(f->corrupted));
  json_put(all, "correct", json_integer((json_int_t)f->correct));
  json_put(all, "completeness",
           json_pack("{s:o, s:o, s:b}", "input_edges_sum", number(f->completeness.input_edges),
                     "corrupted_minus_clean", number(f->completeness.change), "should_hold",
                     f->completeness.holds));
  json_put(all, "scores_xxh3_128", json_string(hex));
  json_put(all, "circuit", circuit_json(f, FOUND_BY_RATIO));
  json_put(all, "circuit_normalised", circuit_json(f, FOUND_BY_NORMALISED));
  json_put(all, "circuit_fixed", circuit_json(f, FOUND_BY_SIZE));
  json_put(all, "least_size",
           f->scanned && f->least.met ? json_integer((json_int_t)f->least.size) : json_null());
  json_put(all, "larger_tried", json_integer((json_int_t)f->tried));
  json_put(all, "larger_below", json_integer((json_int_t)f->below));
  json_put(all, "search", search_json(s));
  json_put(all, "sizes", sizes_json(s));
  json_put(all, "bootstrap", bootstrap_json(&s->bootstrap));
  json_put(all, "clean", numbers(s->clean, f->pairs));
  json_put(all, "corrupted", numbers(s->corrupted, f->pairs));
  json_put(all, "circuit_metric", numbers(s->metric, f->pairs));
  return all;
}

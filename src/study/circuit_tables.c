#include "study/circuit_tables.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void circuit_sheet_free(struct circuit_sheet *s)
{
  found_free(&s->found);
  circuit_bootstrap_free(&s->bootstrap);
  free(s->order);
  free(s->exact);
  free(s->clean);
  free(s->corrupted);
  free(s->metric);
  free(s->sizes);
  free(s->visits);
  *s = (struct circuit_sheet){0};
}

void circuit_sheet_visit(void *sheet, size_t size, double ratio, enum size_phase phase)
{
  struct circuit_sheet *s = sheet;
  void *visits = memory_room(s->visits, s->visit_count + 1, &s->visit_room, sizeof *s->visits);
  s->failed |= !visits;
  if (!visits)
    return;
  s->visits = visits;
  s->visits[s->visit_count++] = (struct size_visit){size, ratio, phase};
}

/* --- edges --- */

static void add_edge(const struct circuit_sheet *s, size_t edge, size_t rank, struct text *text)
{
  const struct graph *g = &s->found.graph;
  char name[GRAPH_EDGE_NAME_SIZE];
  const struct graph_edge ends = graph_edge(g, edge);
  text_add(text, "%zu,%s,%zu,%zu,", edge, graph_edge_name(g, edge, name), ends.source,
           ends.destination);
  text_add_double(text, s->found.scores[edge]);
  if (s->exact) {
    text_add(text, ",");
    text_add_double(text, s->exact[edge]);
  }
  text_add(text, ",%zu,%s,%s", rank, s->found.by[FOUND_BY_RATIO].kept[edge] ? "yes" : "no",
           s->found.by[FOUND_BY_NORMALISED].kept[edge] ? "yes" : "no");
  if (s->bootstrap.resamples) {
    text_add(text, ",");
    text_add_double(text, (double)s->bootstrap.included[edge] / (double)s->bootstrap.resamples);
  }
  text_add(text, "\n");
}

void circuit_sheet_edges(const struct circuit_sheet *s, struct text *text)
{
  char method[ATTRIBUTION_NAME_SIZE];
  size_t edges = s->found.graph.edges, *ranks = calloc(edges, sizeof *ranks);
  attribution_name(&s->request->method, method);
  text_add(text, "edge,name,source,destination,%s%s,%s_rank_%s,in_circuit,in_normalised%s\n",
           method, s->exact ? ",exact" : "", choice_rule_name(s->request->rule), method,
           s->bootstrap.resamples ? ",inclusion" : "");
  text->failed = text->failed || !ranks;
  for (size_t i = 0; ranks && i < edges; i++)
    ranks[s->order[i]] = i;
  for (size_t e = 0; ranks && e < edges; e++)
    add_edge(s, e, ranks[e], text);
  free(ranks);
}

/* --- circuits --- */

static const struct table_column size_columns[] = {
    {"method", "method", CELL_TEXT},  {"n", "n", CELL_INTEGER},
    {"edges", "edges", CELL_INTEGER}, {"edges_pruned", "pruned", CELL_INTEGER},
    {"nodes", "nodes", CELL_INTEGER}, {"metric", "metric", CELL_NUMBER},
    {"ratio", "ratio", CELL_NUMBER},  {"ratio_normalised", "normalised", CELL_NUMBER},
};

static struct table size_table(const struct circuit_sheet *s)
{
  struct table table = {.columns = size_columns,
                        .column_count = sizeof size_columns / sizeof *size_columns};
  for (size_t i = 0; i < s->size_count; i++) {
    const struct evaluated *e = &s->sizes[i];
    bool full = e->asked >= s->found.graph.edges;
    table_text(&table, full ? "full" : e->asked ? choice_rule_name(s->request->rule) : "empty");
    table_integer(&table, (int64_t)e->asked);
    table_integer(&table, (int64_t)e->asked);
    table_integer(&table, (int64_t)e->edges);
    table_integer(&table, (int64_t)e->nodes);
    table_number(&table, e->metric);
    table_number(&table, e->ratio);
    table_number(&table, e->normalised);
  }
  return table;
}

void circuit_sheet_circuits(const struct circuit_sheet *s, struct text *text)
{
  struct table table = size_table(s);
  table_separated(&table, ',', "", text);
  text->failed |= table.failed;
  table_free(&table);
}

/* --- lines --- */

struct figure {
  char text[40];
};

/* A clean metric of 0 has no ratio: "-", as in tables. */
static struct figure figure(double value, int decimals)
{
  struct figure f = {"-"};
  if (isfinite(value))
    snprintf(f.text, sizeof f.text, fabs(value) < 1e15 ? "%.*f" : "%.*e", decimals, value);
  return f;
}

void circuit_sheet_title(const struct circuit_sheet *s, char *title, size_t size)
{
  const struct evaluated *is = &s->found.by[FOUND_BY_RATIO].is;
  snprintf(title, size, "%.600s on %.200s: %s, ratio %s, normalised %s", text_shown(s->model).text,
           s->task->name, text_counted(is->edges, "edge").text, figure(is->ratio, 3).text,
           figure(is->normalised, 3).text);
}

static void add_found(const struct circuit_sheet *s, enum found_by by, const char *what,
                      struct text *text)
{
  const struct found_circuit *c = &s->found.by[by];
  if (c->met)
    text_add(text, "  %s: %s chosen, %s and %s after pruning; ", what,
             text_counted(c->is.asked, "edge").text, text_counted(c->is.edges, "edge").text,
             text_counted(c->is.nodes, "node").text);
  else
    text_add(text, "  %s: never met up to the bound of %s; there ", what,
             text_counted(c->is.asked, "edge").text);
  text_add(text, "ratio %s, normalised %s\n", figure(c->is.ratio, 4).text,
           figure(c->is.normalised, 4).text);
}

static void add_completeness(const struct circuit_sheet *s, struct text *text)
{
  const struct completeness *c = &s->found.completeness;
  text_add(text,
           "  completeness: edges out of the input add up to %.6g, the metric changes by %.6g",
           c->input_edges, c->change);
  if (c->holds)
    text_add(text, "\n");
  else
    text_add(text, "; they need not agree: %s\n",
             s->request->method.batch
                 ? "batches are weighted on a scale of their own"
                 : "another choice of experts is a jump that gradients do not see");
}

static void add_scan(const struct circuit_sheet *s, struct text *text)
{
  const struct found *f = &s->found;
  if (f->scanned && f->least.met)
    text_add(text, "  least size that meets the threshold, by trying each: %s\n",
             text_counted(f->least.size, "edge").text);
  if (f->tried)
    text_add(text, "  of %s that the search tried, %zu below the threshold\n",
             text_counted(f->tried, "larger size").text, f->below);
}

static void add_warning(const struct circuit_sheet *s, struct text *text)
{
  double empty = s->found.corrupted / s->found.clean;
  if (isfinite(empty) && empty >= s->request->threshold)
    text_add(text,
             "  NOTE: the empty circuit has ratio %.4f and passes the threshold %.3g; only the "
             "normalised ratio tells circuits apart here\n",
             empty, s->request->threshold);
  if (!(s->found.clean > 0))
    text_add(text, "  NOTE: the clean metric is not above 0; its ratio has no meaning here\n");
}

static void add_bootstrap(const struct circuit_sheet *s, struct text *text)
{
  const struct circuit_bootstrap *b = &s->bootstrap;
  const struct found_circuit *c = &s->found.by[FOUND_BY_RATIO];
  size_t always = 0;
  if (!b->resamples)
    return;
  for (size_t e = 0; e < s->found.graph.edges; e++)
    always += c->kept[e] && 20 * b->included[e] >= 19 * b->resamples;
  text_add(text,
           "  bootstrap, %s of the pairs: ratio %s to %s, normalised %s to %s; "
           "in the circuit of 95 %% of the resamples are %zu of %s\n",
           text_counted(b->resamples, "resample").text, figure(b->ratio.low, 4).text,
           figure(b->ratio.high, 4).text, figure(b->normalised.low, 4).text,
           figure(b->normalised.high, 4).text, always, text_counted(c->is.edges, "edge").text);
}

void circuit_sheet_text(const struct circuit_sheet *s, struct text *text)
{
  char method[ATTRIBUTION_NAME_SIZE];
  struct table table = size_table(s);
  text_add(text, "%s: task %s (%s), %s, %s, scores %s, %s choice\n", text_shown(s->model).text,
           s->task->name, task_metric_name(s->task->metric),
           text_counted(s->found.pairs, "pair").text,
           text_counted(s->found.graph.edges, "edge").text,
           attribution_name(&s->request->method, method), choice_rule_name(s->request->rule));
  text_add(text, "  mean metric: clean %.6g, corrupted %.6g; above 0 in %zu of %s\n",
           s->found.clean, s->found.corrupted, s->found.correct,
           text_counted(s->found.pairs, "pair").text);
  add_completeness(s, text);
  table_aligned(&table, "  ", text);
  text->failed |= table.failed;
  table_free(&table);
  add_found(s, FOUND_BY_RATIO, "published search by ratio", text);
  add_found(s, FOUND_BY_NORMALISED, "the same by normalised ratio", text);
  add_scan(s, text);
  add_warning(s, text);
  add_bootstrap(s, text);
  circuit_sheet_heads(s, text);
}

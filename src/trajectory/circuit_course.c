#include "trajectory/circuit_course.h"

#include "base/json.h"
#include "base/memory.h"
#include "circuit/circuit_change.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void circuit_course_free(struct circuit_course *course)
{
  for (size_t r = 0; r < course->revision_count; r++) {
    for (size_t t = 0; course->revisions[r].found && t < course->task_count; t++)
      found_free(&course->revisions[r].found[t]);
    free(course->revisions[r].found);
  }
  for (size_t t = 0; t < course->task_count; t++)
    free(course->tasks[t].name);
  free(course->revisions);
  free(course->tasks);
  json_decref(course->index);
  *course = (struct circuit_course){0};
}

const struct table_column circuit_course_columns[CIRCUIT_COURSE_COLUMNS] = {
    {"revision", "revision", CELL_TEXT},
    {"step", NULL, CELL_INTEGER},
    {"tokens", NULL, CELL_NUMBER},
    {"pairs", NULL, CELL_INTEGER},
    {"clean", "clean", CELL_NUMBER},
    {"corrupted", "corrupted", CELL_NUMBER},
    {"accuracy", NULL, CELL_NUMBER},
    {"input_edges_sum", NULL, CELL_NUMBER},
    {"corrupted_minus_clean", NULL, CELL_NUMBER},
    {"empty_ratio", "empty", CELL_NUMBER},
    {"size", "size", CELL_INTEGER},
    {"met", "met", CELL_FLAG},
    {"edges", "edges", CELL_INTEGER},
    {"nodes", "nodes", CELL_INTEGER},
    {"ratio", "ratio", CELL_NUMBER},
    {"ratio_normalised", "normalised", CELL_NUMBER},
    {"larger_tried", NULL, CELL_INTEGER},
    {"larger_below", NULL, CELL_INTEGER},
    {"least_size", NULL, CELL_INTEGER},
    {"size_norm", "size (n.)", CELL_INTEGER},
    {"met_norm", NULL, CELL_FLAG},
    {"edges_norm", NULL, CELL_INTEGER},
    {"nodes_norm", NULL, CELL_INTEGER},
    {"ratio_of_norm", NULL, CELL_NUMBER},
    {"normalised_of_norm", NULL, CELL_NUMBER},
    {"size_fixed", NULL, CELL_INTEGER},
    {"edges_fixed", NULL, CELL_INTEGER},
    {"nodes_fixed", NULL, CELL_INTEGER},
    {"ratio_fixed", NULL, CELL_NUMBER},
    {"normalised_fixed", NULL, CELL_NUMBER},
    {"scores_xxh3_128", NULL, CELL_TEXT},
    {"jaccard", "Jaccard", CELL_NUMBER},
    {"wjaccard", NULL, CELL_NUMBER},
    {"jaccard_norm", NULL, CELL_NUMBER},
    {"wjaccard_norm", NULL, CELL_NUMBER},
    {"jaccard_fixed", NULL, CELL_NUMBER},
    {"wjaccard_fixed", NULL, CELL_NUMBER},
    {"node_jaccard", NULL, CELL_NUMBER},
    {"added", NULL, CELL_INTEGER},
    {"removed", NULL, CELL_INTEGER},
    {"ged", NULL, CELL_INTEGER},
    {"signed_edits", NULL, CELL_NUMBER},
    {"absolute_edits", NULL, CELL_NUMBER},
    {"score_gain", NULL, CELL_NUMBER},
    {"score_loss", NULL, CELL_NUMBER},
    {"gtd", NULL, CELL_NUMBER},
    {"jaccard_ewma_change", NULL, CELL_NUMBER},
    {"jaccard_ewma_similarity", "EWMA", CELL_NUMBER},
    {"wjaccard_ewma_change", NULL, CELL_NUMBER},
    {"wjaccard_ewma_similarity", NULL, CELL_NUMBER},
};

static void add_metrics(const struct course_revision *r, const struct found *f, struct table *table)
{
  table_text(table, r->name);
  table_integer(table, (int64_t)r->step);
  table_number(table, r->tokens);
  table_integer(table, (int64_t)f->pairs);
  table_number(table, f->clean);
  table_number(table, f->corrupted);
  table_number(table, (double)f->correct / (double)f->pairs);
  table_number(table, f->completeness.input_edges);
  table_number(table, f->completeness.change);
  table_number(table, f->corrupted / f->clean);
}

static void add_size(const struct found_circuit *c, bool met, struct table *table)
{
  table_integer(table, (int64_t)c->is.asked);
  if (met)
    table_flag(table, c->met);
  table_integer(table, (int64_t)c->is.edges);
  table_integer(table, (int64_t)c->is.nodes);
  table_number(table, c->is.ratio);
  table_number(table, c->is.normalised);
}

static void add_sizes(const struct found *f, struct table *table)
{
  char hex[33];
  add_size(&f->by[FOUND_BY_RATIO], true, table);
  table_integer(table, (int64_t)f->tried);
  table_integer(table, (int64_t)f->below);
  if (f->scanned && f->least.met)
    table_integer(table, (int64_t)f->least.size);
  else
    table_missing(table);
  add_size(&f->by[FOUND_BY_NORMALISED], true, table);
  add_size(&f->by[FOUND_BY_SIZE], false, table);
  found_digest(f, hex);
  table_text(table, hex);
}

/* What changes from the revision before. */
struct changes {
  struct circuit_change by[FOUND_WAYS];
  double node_jaccard;
};

static int nodes_of(const struct graph *g, const unsigned char *kept, unsigned char *as_bytes,
                    struct error *error)
{
  bool *nodes = memory_alloc(g->sources + 1, sizeof *nodes, "nodes", error);
  if (!nodes)
    return error->code;
  (void)choice_nodes(g, kept, nodes);
  for (size_t n = 0; n <= g->sources; n++)
    as_bytes[n] = nodes[n];
  free(nodes);
  return 0;
}

static int compare(const struct graph *g, const struct found *before, const struct found *now,
                   struct changes *changes, struct error *error)
{
  for (int by = 0; by < FOUND_WAYS; by++)
    circuit_change(&(struct scored_circuit){before->by[by].kept, before->scores},
                   &(struct scored_circuit){now->by[by].kept, now->scores}, g->edges,
                   &changes->by[by]);
  unsigned char *nodes = memory_alloc(2 * (g->sources + 1), 1, "nodes", error);
  if (nodes && !nodes_of(g, before->by[FOUND_BY_RATIO].kept, nodes, error) &&
      !nodes_of(g, now->by[FOUND_BY_RATIO].kept, nodes + g->sources + 1, error))
    changes->node_jaccard = circuit_jaccard(nodes, nodes + g->sources + 1, g->sources + 1);
  free(nodes);
  return error->code;
}

static void add_changes(const struct changes *c, const struct circuit_average *plain,
                        const struct circuit_average *weighted, struct table *table)
{
  const struct circuit_change *published = &c->by[FOUND_BY_RATIO];
  for (int by = 0; by < FOUND_WAYS; by++) {
    table_number(table, c->by[by].jaccard);
    table_number(table, c->by[by].weighted_jaccard);
  }
  table_number(table, c->node_jaccard);
  table_integer(table, (int64_t)published->added);
  table_integer(table, (int64_t)published->removed);
  table_integer(table, (int64_t)(published->added + published->removed));
  table_number(table, published->signed_edits);
  table_number(table, published->absolute_edits);
  table_number(table, published->score_gain);
  table_number(table, published->score_loss);
  table_number(table, published->score_gain + published->score_loss);
  table_number(table, plain->change);
  table_number(table, plain->similarity);
  table_number(table, weighted->change);
  table_number(table, weighted->similarity);
}

#define CHANGE_COLUMNS 19

int circuit_course_rows(const struct circuit_course *course, size_t task, struct table *table,
                        struct error *error)
{
  struct circuit_average plain = circuit_average_start(), weighted = plain;
  *table =
      (struct table){.columns = circuit_course_columns, .column_count = CIRCUIT_COURSE_COLUMNS};
  for (size_t r = 0; r < course->revision_count; r++) {
    const struct course_revision *revision = &course->revisions[r];
    const struct found *now = &revision->found[task];
    struct changes changes = {.node_jaccard = NAN};
    add_metrics(revision, now, table);
    add_sizes(now, table);
    if (r && compare(&course->graph, &revision[-1].found[task], now, &changes, error))
      return error->code;
    if (r) {
      circuit_average_add(&plain, changes.by[FOUND_BY_RATIO].jaccard);
      circuit_average_add(&weighted, changes.by[FOUND_BY_RATIO].weighted_jaccard);
      add_changes(&changes, &plain, &weighted, table);
    }
    for (size_t c = 0; !r && c < CHANGE_COLUMNS; c++)
      table_missing(table);
  }
  return table->failed ? error_set(error, EXIT_RUN, "%s: out of memory", course->model) : 0;
}

/* Their numbers in one string, which keeps a circuit on one line. */
static json_t *edges_json(const unsigned char *kept, size_t edges)
{
  struct text text = {0};
  for (size_t e = 0; e < edges; e++)
    if (kept[e])
      text_add(&text, "%s%zu", text.length ? " " : "", e);
  json_t *numbers = text.failed ? NULL : json_string(text.data ? text.data : "");
  text_free(&text);
  return numbers;
}

static json_t *revisions_json(const struct circuit_course *course, size_t task)
{
  json_t *list = json_array();
  for (size_t r = 0; r < course->revision_count; r++) {
    const struct course_revision *revision = &course->revisions[r];
    const struct found *f = &revision->found[task];
    json_add(list, json_pack("{s:s, s:I, s:f, s:o, s:o}", "name", revision->name, "step",
                             (json_int_t)revision->step, "tokens", revision->tokens, "circuit",
                             edges_json(f->by[FOUND_BY_RATIO].kept, f->graph.edges), "normalised",
                             edges_json(f->by[FOUND_BY_NORMALISED].kept, f->graph.edges)));
  }
  return list;
}

json_t *circuit_course_json(const struct circuit_course *c)
{
  json_t *tasks = json_array();
  for (size_t t = 0; t < c->task_count; t++) {
    char file[300];
    snprintf(file, sizeof file, "%s.csv", c->tasks[t].name);
    json_add(tasks, json_pack("{s:s, s:s, s:s, s:s, s:o}", "task", c->tasks[t].name, "metric",
                              task_metric_name(c->tasks[t].metric), "sha256", c->tasks[t].sha256,
                              "file", file, "revisions", revisions_json(c, t)));
  }
  json_t *graph = json_pack("{s:I, s:I, s:b, s:I}", "layers", (json_int_t)c->graph.layers, "heads",
                            (json_int_t)c->graph.heads, "sequential", c->graph.sequential, "edges",
                            (json_int_t)c->graph.edges);
  return json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:f, s:o}", "format", 1, "model",
                   c->model, "kind", trajectory_kind_name(c->kind), "source", c->source, "caveat",
                   c->caveat, "graph", graph, "method", c->method, "choose", c->choose, "threshold",
                   c->threshold, "tasks", tasks);
}

/* A course of circuits out of its folder. */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "trajectory/circuit_course.h"
#include "trajectory/stored.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_INDEX ((size_t)1 << 30)
#define MOST_TABLE ((size_t)1 << 30)
#define MOST_TASKS 100
#define MOST_REVISIONS 4096
#define MOST_LAYERS 4096 /* and heads of a layer */
#define MOST_EDGES ((size_t)1 << 28)

struct loading {
  const char *directory;
  char *path; /* of the index; owned */
  struct course_folder *folder;
  struct error *error;
};

/* --- tables --- */

/* The file NAME of the folder as a table. */
static int load_table(const struct loading *l, const char *name, const struct table_column *columns,
                      size_t count, struct table *table)
{
  struct blob blob;
  char *path = file_join(l->directory, name, l->error);
  int status = path ? file_read(path, MOST_TABLE, &blob, l->error) : l->error->code;
  if (!status) {
    status = table_parse(path, blob.data, blob.size, ',', columns, count, table, l->error);
    blob_free(&blob);
  }
  free(path);
  return status;
}

static int refuse_row(const struct loading *l, const char *file, size_t row, const char *column,
                      const char *must)
{
  return error_set(l->error, EXIT_INPUT, "%s/%s: line %zu, column %s: must be %s", l->directory,
                   file, row + 2, column, must);
}

static double number_at(const struct table *t, size_t row, const char *key)
{
  const struct table_cell *cell = table_at(t, row, table_column_of(t, key));
  return cell->missing ? (double)NAN : cell->number;
}

/* A count; SIZE_MAX for what is none. */
static size_t count_at(const struct table *t, size_t row, const char *key)
{
  const struct table_cell *cell = table_at(t, row, table_column_of(t, key));
  return cell->missing || cell->integer < 0 ? SIZE_MAX : (size_t)cell->integer;
}

static bool flag_at(const struct table *t, size_t row, const char *key)
{
  const struct table_cell *cell = table_at(t, row, table_column_of(t, key));
  return !cell->missing && cell->flag;
}

/* --- circuits --- */

/* "0 4 8": edges, ascending. */
static int read_edges(const struct loading *l, const char *where, const char *text, size_t edges,
                      unsigned char *kept)
{
  size_t next = 0;
  while (*text) {
    uint64_t edge;
    size_t digits = strspn(text, "0123456789");
    if (!text_to_u64(text, digits, &edge) || edge >= edges || edge < next ||
        (text[digits] && (text[digits] != ' ' || !text[digits + 1])))
      return error_set(l->error, EXIT_INPUT,
                       "%s: must be numbers of edges, ascending, 0 to %zu, with a blank between "
                       "them",
                       where, edges - 1);
    kept[edge] = 1;
    next = (size_t)edge + 1;
    text += digits + (text[digits] == ' ');
  }
  return 0;
}

static int read_kept(const struct loading *l, const char *where, const json_t *object,
                     const char *key, struct found *found, enum found_by by)
{
  const char *text;
  char inner[600];
  size_t edges = found->graph.edges, count = 0;
  snprintf(inner, sizeof inner, "%.500s: \"%s\"", where, key);
  if (json_get_string(object, where, key, &text, l->error))
    return l->error->code;
  unsigned char *kept = found->by[by].kept = memory_zeroed(edges, 1, "circuits", l->error);
  if (!kept || read_edges(l, inner, text, edges, kept))
    return l->error->code;
  for (size_t e = 0; e < edges; e++)
    count += kept[e];
  return count == found->by[by].is.edges
             ? 0
             : error_set(l->error, EXIT_INPUT, "%s has %zu edges, its table says %zu", inner, count,
                         found->by[by].is.edges);
}

struct columns {
  const char *size, *met, *edges, *nodes, *ratio, *normalised;
};

static int take_circuit(const struct loading *l, const char *file, const struct table *t,
                        size_t row, const struct columns *columns, struct found_circuit *circuit)
{
  circuit->met = !columns->met || flag_at(t, row, columns->met);
  circuit->is = (struct evaluated){.asked = count_at(t, row, columns->size),
                                   .edges = count_at(t, row, columns->edges),
                                   .nodes = count_at(t, row, columns->nodes),
                                   .metric = NAN,
                                   .ratio = number_at(t, row, columns->ratio),
                                   .normalised = number_at(t, row, columns->normalised)};
  if (circuit->is.asked == SIZE_MAX || circuit->is.edges == SIZE_MAX ||
      circuit->is.nodes == SIZE_MAX)
    return refuse_row(l, file, row, columns->size, "with its edges and nodes whole numbers from 0");
  return 0;
}

/* The figures of a row. */
static int take_found(const struct loading *l, const char *file, const struct table *t, size_t row,
                      struct found *f)
{
  static const struct columns columns[FOUND_WAYS] = {
      {"size", "met", "edges", "nodes", "ratio", "ratio_normalised"},
      {"size_norm", "met_norm", "edges_norm", "nodes_norm", "ratio_of_norm", "normalised_of_norm"},
      {"size_fixed", NULL, "edges_fixed", "nodes_fixed", "ratio_fixed", "normalised_fixed"}};
  *f = (struct found){.graph = l->folder->course.graph,
                      .pairs = count_at(t, row, "pairs"),
                      .clean = number_at(t, row, "clean"),
                      .corrupted = number_at(t, row, "corrupted"),
                      .completeness = {number_at(t, row, "input_edges_sum"),
                                       number_at(t, row, "corrupted_minus_clean"), true},
                      .tried = count_at(t, row, "larger_tried"),
                      .below = count_at(t, row, "larger_below"),
                      .least = {.size = count_at(t, row, "least_size")}};
  f->scanned = f->least.met = f->least.size != SIZE_MAX;
  double accuracy = number_at(t, row, "accuracy");
  if (f->pairs == SIZE_MAX || f->pairs == 0 || !(accuracy >= 0 && accuracy <= 1))
    return refuse_row(l, file, row, "pairs", "a number from 1, and accuracy from 0 to 1");
  f->correct = (size_t)lround(accuracy * (double)f->pairs);
  if (isnan(f->clean) || isnan(f->corrupted) || f->tried == SIZE_MAX || f->below == SIZE_MAX)
    return refuse_row(l, file, row, "clean",
                      "there, and so must corrupted, larger_tried and "
                      "larger_below");
  for (int by = 0; by < FOUND_WAYS; by++)
    if (take_circuit(l, file, t, row, &columns[by], &f->by[by]))
      return l->error->code;
  return 0;
}

/* --- revisions --- */

/* Of the first task: the course's revisions; of others they must be the same. */
static int take_revision(const struct loading *l, const char *where, const json_t *object,
                         size_t index, size_t task)
{
  struct circuit_course *c = &l->folder->course;
  struct course_revision *r = &c->revisions[index];
  const char *name;
  int64_t step;
  double tokens;
  if (json_get_label(object, where, "name", &name, l->error) ||
      json_get_integer(object, where, "step", 0, INT64_MAX, &step, l->error) ||
      json_get_number(object, where, "tokens", 0, 1e9, &tokens, l->error))
    return l->error->code;
  if (task)
    return strcmp(r->name, name) == 0 && r->step == (uint64_t)step
               ? 0
               : error_set(l->error, EXIT_INPUT, "%s: is not the revision of the first task, %s",
                           where, r->name);
  if (index && tokens < c->revisions[index - 1].tokens)
    return error_set(l->error, EXIT_INPUT, "%s: revisions must come in the order of their tokens",
                     where);
  *r = (struct course_revision){.name = name, .step = (uint64_t)step, .tokens = tokens};
  r->found = memory_zeroed(c->task_count, sizeof *r->found, where, l->error);
  c->revision_count = r->found ? index + 1 : index;
  return l->error->code;
}

static int load_revision(const struct loading *l, const json_t *object, size_t index, size_t task,
                         const char *file)
{
  struct circuit_course *c = &l->folder->course;
  const struct table *t = &l->folder->tables[task];
  char where[700];
  snprintf(where, sizeof where, "%.400s: task %.100s: revisions[%zu]", l->path, c->tasks[task].name,
           index);
  if (!json_is_object(object))
    return error_set(l->error, EXIT_INPUT, "%s: must be an object", where);
  if (take_revision(l, where, object, index, task))
    return l->error->code;
  struct found *f = &c->revisions[index].found[task];
  if (strcmp(table_text_at(t, index, 0), c->revisions[index].name) != 0)
    return refuse_row(l, file, index, "revision", c->revisions[index].name);
  if (take_found(l, file, t, index, f) ||
      read_kept(l, where, object, "circuit", f, FOUND_BY_RATIO) ||
      read_kept(l, where, object, "normalised", f, FOUND_BY_NORMALISED))
    return l->error->code;
  return 0;
}

static int load_task(const struct loading *l, const json_t *object, size_t task)
{
  struct circuit_course *c = &l->folder->course;
  struct table *t = &l->folder->tables[task];
  const char *name, *metric;
  char where[600], file[300];
  json_t *revisions;
  snprintf(where, sizeof where, "%.500s: tasks[%zu]", l->path, task);
  if (!json_is_object(object))
    return error_set(l->error, EXIT_INPUT, "%s: must be an object", where);
  if (json_get_label(object, where, "task", &name, l->error) ||
      json_get_string(object, where, "metric", &metric, l->error) ||
      json_get_array(object, where, "revisions", &revisions, l->error))
    return l->error->code;
  c->tasks[task] = (struct course_task){
      .name = strdup(name), .metric = strcmp(metric, "prob") == 0 ? TASK_PROB : TASK_LOGIT};
  if (!c->tasks[task].name)
    return error_set(l->error, EXIT_RUN, "%s: out of memory", where);
  snprintf(file, sizeof file, "%s.csv", name);
  if (load_table(l, file, circuit_course_columns, CIRCUIT_COURSE_COLUMNS, t))
    return l->error->code;
  size_t count = json_array_size(revisions);
  if (!count || count > MOST_REVISIONS || count != table_rows(t) ||
      (task && count != c->revision_count))
    return error_set(l->error, EXIT_INPUT,
                     "%s: has %zu revisions, its table %zu rows; both must be as many, 1 to %d, of "
                     "every task",
                     where, count, table_rows(t), MOST_REVISIONS);
  if (!task && !(c->revisions = memory_zeroed(count, sizeof *c->revisions, where, l->error)))
    return l->error->code;
  for (size_t r = 0; r < count; r++)
    if (load_revision(l, json_array_get(revisions, r), r, task, file))
      return l->error->code;
  return 0;
}

/* --- components --- */

static int take_component(const struct loading *l, const struct table *t, size_t row,
                          const struct course_revision *revision, size_t task, size_t head)
{
  struct found *f = &revision->found[task];
  size_t heads = f->graph.heads, cases = count_at(t, row, "cases");
  double copied = number_at(t, row, "copy_score"),
         against = number_at(t, row, "negative_copy_score");
  if (strcmp(table_text_at(t, row, 0), revision->name) != 0 ||
      strcmp(table_text_at(t, row, 3), l->folder->course.tasks[task].name) != 0 ||
      count_at(t, row, "layer") != head / heads || count_at(t, row, "head") != head % heads)
    return refuse_row(l, CIRCUIT_COURSE_COMPONENTS, row, "revision",
                      "of the next head; rows come by revision, task, layer and head");
  if (cases > UINT32_MAX ||
      (cases && !(copied >= 0 && copied <= 100 && against >= 0 && against <= 100)))
    return refuse_row(l, CIRCUIT_COURSE_COMPONENTS, row, "cases",
                      "a number with copy scores from 0 to 100");
  f->components[head] = (struct component){
      .patterns = {number_at(t, row, "induction"), number_at(t, row, "previous"),
                   number_at(t, row, "duplicate")},
      .mover = {.cases = cases,
                .copied = cases ? (size_t)lround(copied / 100 * (double)cases) : 0,
                .against = cases ? (size_t)lround(against / 100 * (double)cases) : 0,
                .to_positive = number_at(t, row, "to_positive"),
                .to_negative = number_at(t, row, "to_negative"),
                .to_later = number_at(t, row, "to_later")},
      .inhibition = {number_at(t, row, "inhibition_metric"),
                     number_at(t, row, "inhibition_to_positive"),
                     number_at(t, row, "inhibition_to_negative")},
      .direct = number_at(t, row, "direct_effect")};
  return 0;
}

/* Folders of an older attest have none. */
static int load_components(const struct loading *l)
{
  struct circuit_course *c = &l->folder->course;
  struct table *t = &l->folder->components;
  size_t heads = c->graph.layers * c->graph.heads, row = 0;
  char *path = file_join(l->directory, CIRCUIT_COURSE_COMPONENTS, l->error);
  bool is_there = path && file_exists(path);
  free(path);
  if (!is_there)
    return l->error->code;
  if (load_table(l, CIRCUIT_COURSE_COMPONENTS, component_columns, COMPONENT_COLUMNS, t))
    return l->error->code;
  if (table_rows(t) != c->revision_count * c->task_count * heads)
    return error_set(l->error, EXIT_INPUT,
                     "%s/" CIRCUIT_COURSE_COMPONENTS ": has %zu rows, must have %zu, for every "
                     "head of every revision and task",
                     l->directory, table_rows(t), c->revision_count * c->task_count * heads);
  for (size_t r = 0; r < c->revision_count; r++)
    for (size_t k = 0; k < c->task_count; k++) {
      struct found *f = &c->revisions[r].found[k];
      f->components = memory_zeroed(heads, sizeof *f->components, "components", l->error);
      f->component_count = f->components ? heads : 0;
      for (size_t h = 0; h < heads; h++)
        if (!f->components || take_component(l, t, row++, &c->revisions[r], k, h))
          return l->error->code;
    }
  return 0;
}

/* --- the index --- */

static int load_graph(const struct loading *l)
{
  struct circuit_course *c = &l->folder->course;
  int64_t layers, heads, edges;
  bool sequential;
  json_t *object;
  char where[600];
  snprintf(where, sizeof where, "%.500s: graph", l->path);
  if (json_get_object(c->index, l->path, "graph", &object, l->error) ||
      json_get_integer(object, where, "layers", 1, MOST_LAYERS, &layers, l->error) ||
      json_get_integer(object, where, "heads", 1, MOST_LAYERS, &heads, l->error) ||
      json_get_boolean(object, where, "sequential", &sequential, l->error) ||
      json_get_integer(object, where, "edges", 1, (int64_t)MOST_EDGES, &edges, l->error))
    return l->error->code;
  const struct model_config config = {
      .layers = (size_t)layers, .heads = (size_t)heads, .parallel_residual = !sequential};
  if (graph_create(&config, &c->graph, l->error))
    return error_prefix(l->error, "%s", where);
  return c->graph.edges == (size_t)edges
             ? 0
             : error_set(l->error, EXIT_INPUT,
                         "%s: has %lld edges, but %lld layers of %lld heads have %zu", where,
                         (long long)edges, (long long)layers, (long long)heads, c->graph.edges);
}

static int get_sentence(const struct loading *l, const char *key, const char **text)
{
  if (json_get_string(l->folder->course.index, l->path, key, text, l->error))
    return l->error->code;
  return stored_sentence(*text)
             ? 0
             : error_set(l->error, EXIT_INPUT,
                         "%s: \"%s\" must be one line of at most %zu bytes without control "
                         "characters",
                         l->path, key, STORED_SENTENCE);
}

static int load_head(const struct loading *l)
{
  struct circuit_course *c = &l->folder->course;
  int64_t format;
  const char *kind;
  if (json_get_integer(c->index, l->path, "format", 1, 1, &format, l->error) ||
      json_get_label(c->index, l->path, "model", &c->model, l->error) ||
      json_get_string(c->index, l->path, "kind", &kind, l->error) ||
      get_sentence(l, "source", &c->source) || get_sentence(l, "caveat", &c->caveat) ||
      json_get_label(c->index, l->path, "method", &c->method, l->error) ||
      json_get_label(c->index, l->path, "choose", &c->choose, l->error) ||
      json_get_number(c->index, l->path, "threshold", 0, 1e6, &c->threshold, l->error))
    return l->error->code;
  if (trajectory_kind_parse(kind, &c->kind))
    return error_set(l->error, EXIT_INPUT,
                     "%s: \"kind\" is \"%.60s\", must be published, trained, real or synthetic",
                     l->path, text_shown(kind).text);
  return load_graph(l);
}

static int load(const struct loading *l)
{
  struct course_folder *f = l->folder;
  json_t *tasks;
  if (json_read_object(l->path, MOST_INDEX, &f->course.index, l->error) || load_head(l) ||
      json_get_array(f->course.index, l->path, "tasks", &tasks, l->error))
    return l->error->code;
  size_t count = json_array_size(tasks);
  if (!count || count > MOST_TASKS)
    return error_set(l->error, EXIT_INPUT, "%s: \"tasks\" must have 1 to %d elements", l->path,
                     MOST_TASKS);
  f->course.tasks = memory_zeroed(count, sizeof *f->course.tasks, l->path, l->error);
  f->tables = memory_zeroed(count, sizeof *f->tables, l->path, l->error);
  f->course.task_count = f->course.tasks && f->tables ? count : 0;
  for (size_t t = 0; t < count; t++)
    if (l->error->code || load_task(l, json_array_get(tasks, t), t))
      return l->error->code;
  return load_components(l);
}

int course_folder_load(const char *directory, struct course_folder *folder, struct error *error)
{
  struct loading l = {directory, NULL, folder, error};
  *folder = (struct course_folder){.tables = NULL};
  l.path = file_join(directory, CIRCUIT_COURSE_INDEX, error);
  int status = l.path ? load(&l) : error->code;
  free(l.path);
  if (status)
    course_folder_free(folder);
  return status;
}

void course_folder_free(struct course_folder *folder)
{
  for (size_t t = 0; folder->tables && t < folder->course.task_count; t++)
    table_free(&folder->tables[t]);
  free(folder->tables);
  table_free(&folder->components);
  circuit_course_free(&folder->course);
  *folder = (struct course_folder){.tables = NULL};
}

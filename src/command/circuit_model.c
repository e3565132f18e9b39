/* The circuit of one model: what is found is written and printed. */
#include "base/file.h"
#include "base/file_group.h"
#include "base/file_use.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/memory.h"
#include "command/circuit_options.h"
#include "command/terminal.h"
#include "few_shot/training.h"
#include "report/circuit_picture.h"
#include "study/circuit_tables.h"
#include "study/circuits.h"
#include "train/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a directory gets, in the order of publishing. */
enum name { EDGES, CIRCUITS, COMPONENTS, DOT, SVG, JSON, NAMES };

#define OUTPUTS (NAMES + 1)

static const char *const names[NAMES] = {"edges.csv",   "circuits.csv", "components.csv",
                                         "circuit.dot", "circuit.svg",  "circuit.json"};

struct job {
  const struct circuit_command *command;
  struct task task; /* read; of the sheet, with the pairs that are used */
  struct task used;
  struct circuit_request request;
  struct circuit_sheet sheet;
  char *paths[NAMES]; /* in the directory; owned */
  char *partial;      /* directory of what is kept while it runs; owned */
  struct lock lock;   /* of the directory */
  bool fresh;         /* it was new or empty */
  bool claimed;       /* it is this run's */
  struct output outputs[OUTPUTS];
};

static int list_outputs(struct job *j, struct error *error)
{
  const char *out = j->command->out;
  j->partial = file_join(out, "partial", error);
  if (!j->partial)
    return error->code;
  for (size_t i = 0; i < NAMES; i++) {
    j->paths[i] = file_join(out, names[i], error);
    if (!j->paths[i])
      return error->code;
    j->outputs[i] = (struct output){.option = names[i], .path = j->paths[i]};
  }
  struct output *json = &j->outputs[NAMES];
  *json = (struct output){.option = "--json", .path = j->command->common.json};
  if (outputs_check(json, 1, error))
    return error->code;
  return outputs_spare(j->outputs, OUTPUTS, j->command->task, error);
}

/* What a directory must share with a run to belong to it. */
static int identify(const struct job *j, const char *identity, struct text *text,
                    struct error *error)
{
  char method[ATTRIBUTION_NAME_SIZE];
  json_t *all = json_pack(
      "{s:s, s:s, s:s, s:I, s:s, s:b, s:I, s:s}", "run", "attest circuit", "task", j->used.name,
      "task_sha256", j->used.sha256, "pairs", (json_int_t)j->used.count, "method",
      attribution_name(&j->request.method, method), "oracle", j->command->oracle, "bootstrap",
      (json_int_t)j->command->resamples, "identity", identity);
  int status = json_format(RUN_IDENTITY_FILE, all, text, error);
  json_decref(all);
  return status;
}

/* The model and the task fit each other: now the directory is made, or found to be of this run. */
static int begin(void *context, const struct circuits_begun *begun, struct error *error)
{
  struct job *j = context;
  const struct circuit_command *c = j->command;
  struct text identity = {0};
  if (c->n > begun->graph->edges)
    return error_set(error, EXIT_INPUT, "--n %llu: the graph of %s has %s",
                     (unsigned long long)c->n, c->path,
                     text_counted(begun->graph->edges, "edge").text);
  int status = run_directory_take(c->out, &j->lock, error);
  if (!status)
    status = identify(j, begun->identity, &identity, error);
  if (!status)
    status = run_directory_claim(c->out, &identity, 0, &j->fresh, error);
  text_free(&identity);
  j->claimed = !status;
  if (status || outputs_check(j->outputs, OUTPUTS, error))
    return error->code;
  return file_make_directory(j->partial, error);
}

/* A failed run leaves what it can be resumed from; where there is nothing, no directory either. */
static void leave(struct job *j, bool failed)
{
  bool kept = failed && j->claimed && rmdir(j->partial) != 0 && file_exists(j->partial);
  lock_release(&j->lock);
  if (failed && !kept)
    run_directory_withdraw(j->command->out, j->fresh);
}

/* --- what is asked of the runs while they stand --- */

static int take_pairs(struct circuit_sheet *s, const struct circuits_seen *seen,
                      struct error *error)
{
  size_t pairs = circuit_runs_pairs(seen->runs), edges = seen->found->graph.edges;
  s->clean = memory_alloc(pairs, sizeof *s->clean, "pairs", error);
  s->corrupted = memory_alloc(pairs, sizeof *s->corrupted, "pairs", error);
  s->metric = memory_alloc(pairs, sizeof *s->metric, "pairs", error);
  s->order = memory_alloc(edges, sizeof *s->order, "pairs", error);
  if (!s->clean || !s->corrupted || !s->metric || !s->order)
    return error->code;
  memcpy(s->clean, circuit_runs_clean(seen->runs), pairs * sizeof *s->clean);
  memcpy(s->corrupted, circuit_runs_corrupted(seen->runs), pairs * sizeof *s->corrupted);
  memcpy(s->order, seen->order, edges * sizeof *s->order);
  return circuit_patched_run(seen->runs, seen->found->by[FOUND_BY_RATIO].kept, s->metric, error);
}

static int by_size(const void *a, const void *b)
{
  size_t left = *(const size_t *)a, right = *(const size_t *)b;
  return left < right ? -1 : left > right;
}

/* Sizes of usual interest, those that were found, none and all; each once, ascending. */
static size_t sizes_of(const struct found *f, size_t sizes[16])
{
  static const size_t usual[] = {5, 10, 25, 50, 75, 100, 150, 200, 300, 400};
  size_t count = 0, kept = 0;
  sizes[count++] = 0;
  for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
    if (usual[i] < f->graph.edges)
      sizes[count++] = usual[i];
  for (int by = 0; by < FOUND_WAYS; by++)
    sizes[count++] = f->by[by].is.asked;
  sizes[count++] = f->graph.edges;
  qsort(sizes, count, sizeof *sizes, by_size);
  for (size_t i = 0; i < count; i++)
    if (!i || sizes[i] != sizes[i - 1])
      sizes[kept++] = sizes[i];
  return kept;
}

static int take_sizes(struct circuit_sheet *s, const struct circuits_seen *seen,
                      struct error *error)
{
  size_t sizes[16];
  struct evaluation evaluation;
  s->size_count = sizes_of(seen->found, sizes);
  s->sizes = memory_alloc(s->size_count, sizeof *s->sizes, "circuits", error);
  if (s->sizes && !evaluation_create(seen->runs, seen->order, seen->request->sizes_file,
                                     seen->request->identity, &evaluation, error))
    for (size_t i = 0; i < s->size_count && !error->code; i++)
      (void)evaluation_run(&evaluation, sizes[i], &s->sizes[i], error);
  if (s->sizes)
    evaluation_free(&evaluation);
  return error->code;
}

static int take_exact(struct circuit_sheet *s, const struct circuits_seen *seen,
                      struct error *error)
{
  size_t edges = seen->found->graph.edges;
  size_t *all = memory_alloc(edges, sizeof *all, "exact effects", error);
  s->exact = memory_alloc(edges, sizeof *s->exact, "exact effects", error);
  for (size_t e = 0; all && e < edges; e++)
    all[e] = e;
  if (all && s->exact)
    (void)circuit_exact_run(seen->runs, all, edges, s->exact, error);
  free(all);
  return error->code;
}

static int see(void *context, const struct circuits_seen *seen, struct error *error)
{
  struct job *j = context;
  struct circuit_sheet *s = &j->sheet;
  const struct circuit_resampling resampling = {.runs = seen->runs,
                                                .method = &j->request.method,
                                                .scores = seen->scores,
                                                .rule = j->request.rule,
                                                .n = seen->found->by[FOUND_BY_RATIO].is.asked,
                                                .resamples = (size_t)j->command->resamples};
  if (take_pairs(s, seen, error) || take_sizes(s, seen, error) ||
      (j->command->oracle && take_exact(s, seen, error)))
    return error->code;
  struct circuit_resampling with = resampling;
  with.metric = s->metric;
  return with.resamples ? circuit_bootstrap_run(&with, &s->bootstrap, error) : 0;
}

static void visit(void *context, size_t size, double ratio, enum size_phase phase)
{
  struct job *j = context;
  circuit_sheet_visit(&j->sheet, size, ratio, phase);
}

/* --- delivery --- */

/* A text becomes a file of the group; frees the text. */
static int add_file(struct file_group *group, const struct job *j, enum name name,
                    struct text *text, struct error *error)
{
  int status = text->failed ? error_set(error, EXIT_RUN, "%s: out of memory", names[name])
                            : file_group_write(group, j->command->out, names[name], text->data,
                                               text->length, error);
  text_free(text);
  return status;
}

static int add_tables(struct file_group *group, const struct job *j, struct error *error)
{
  struct text edges = {0}, circuits = {0}, components = {0};
  circuit_sheet_edges(&j->sheet, &edges);
  if (add_file(group, j, EDGES, &edges, error))
    return error->code;
  circuit_sheet_circuits(&j->sheet, &circuits);
  if (add_file(group, j, CIRCUITS, &circuits, error))
    return error->code;
  circuit_sheet_components(&j->sheet, &components);
  return add_file(group, j, COMPONENTS, &components, error);
}

static int add_pictures(struct file_group *group, const struct job *j, struct error *error)
{
  const struct circuit_sheet *s = &j->sheet;
  char title[1024];
  struct text dot = {0}, svg = {0};
  circuit_sheet_title(s, title, sizeof title);
  const struct circuit_picture picture = {.graph = &s->found.graph,
                                          .title = title,
                                          .kept = s->found.by[FOUND_BY_RATIO].kept,
                                          .scores = s->found.scores,
                                          .included = s->bootstrap.included,
                                          .resamples = s->bootstrap.resamples};
  circuit_picture_dot(&picture, &dot);
  if (add_file(group, j, DOT, &dot, error))
    return error->code;
  circuit_picture_svg(&picture, &svg);
  return add_file(group, j, SVG, &svg, error);
}

static int add_json(struct file_group *group, const struct job *j, const json_t *all,
                    struct error *error)
{
  struct text text = {0};
  if (!json_format(j->paths[JSON], all, &text, error))
    return add_file(group, j, JSON, &text, error);
  text_free(&text);
  return error->code;
}

/* All of them or none, circuit.json last. */
static int write_files(const struct job *j, const json_t *all, struct error *error)
{
  struct file_group group = {0};
  if (!add_tables(&group, j, error) && !add_pictures(&group, j, error) &&
      !add_json(&group, j, all, error))
    file_group_publish(&group, error);
  file_group_close(&group);
  return error->code;
}

static int write_results(const struct job *j, struct error *error)
{
  const char *json = j->command->common.json;
  json_t *all = circuit_sheet_json(&j->sheet);
  int status = all ? write_files(j, all, error)
                   : error_set(error, EXIT_RUN, "%s: out of memory", j->paths[JSON]);
  if (!status && json)
    status = json_write(json, all, error);
  json_decref(all);
  return status;
}

static int deliver(const struct job *j, const struct runtime *runtime, struct error *error)
{
  struct text text = {0};
  if (file_use_check(error) || write_results(j, error))
    return error->code;
  circuit_sheet_text(&j->sheet, &text);
  if (text.failed)
    error_set(error, EXIT_RUN, "circuit: out of memory");
  else if (runtime->text)
    printf("%s  written: %s\n", text.data, text_shown(j->command->out).text);
  text_free(&text);
  return error->code;
}

static int run(struct job *j, struct runtime *runtime, struct error *error)
{
  const struct circuits_task task = {j->command->task, &j->used, 0};
  const struct circuits_study study = {.tasks = &task,
                                       .task_count = 1,
                                       .request = j->request,
                                       .directory = j->partial,
                                       .name = "circuit",
                                       .begin = begin,
                                       .seen = see,
                                       .context = j,
                                       .outputs = j->outputs,
                                       .output_count = OUTPUTS};
  struct found found = {0};
  if (circuits_run(j->command->path, &study, runtime, &found, error))
    return error->code;
  j->sheet.found = found;
  if (j->sheet.failed)
    return error_set(error, EXIT_RUN, "circuit: out of memory");
  return deliver(j, runtime, error) ? error->code : file_remove_directory(j->partial, error);
}

/* A folder of attest train on a few-shot recipe is no checkpoint. */
static int refuse_few_shot(const char *model, struct error *error)
{
  return few_training_is_folder(model)
             ? error_set(error, EXIT_INPUT,
                         "%s: holds a few-shot model, which attest circuit does not read; attest "
                         "train RECIPE.json --out %s --examine says what its heads do",
                         model, model)
             : 0;
}

static int prepare(struct job *j, struct error *error)
{
  const struct circuit_command *c = j->command;
  if (refuse_few_shot(c->path, error) || circuit_options_request(c, &j->request, error) ||
      task_read(c->task, 0, &j->task, error))
    return error->code;
  j->used = j->task;
  if (c->pairs > j->used.count)
    return error_set(error, EXIT_INPUT, "--pairs %llu: %s has %s", (unsigned long long)c->pairs,
                     c->task, text_counted(j->used.count, "pair").text);
  if (c->pairs)
    j->used.count = (size_t)c->pairs;
  j->request.visited = visit;
  j->request.context = j;
  j->sheet.model = c->path;
  j->sheet.task = &j->used;
  j->sheet.request = &j->request;
  return list_outputs(j, error);
}

int circuit_of_model(const struct circuit_command *command, struct error *error)
{
  struct job j = {.command = command};
  struct runtime runtime = {0};
  if (!prepare(&j, error) && !runtime_start(&command->common, &runtime, error)) {
    runtime.notices = terminal_notices(runtime.quiet);
    interrupt_install();
    run(&j, &runtime, error);
    runtime_stop(&runtime);
  }
  leave(&j, error->code != 0);
  circuit_sheet_free(&j.sheet);
  task_free(&j.task);
  for (size_t i = 0; i < NAMES; i++)
    free(j.paths[i]);
  free(j.partial);
  return error->code;
}

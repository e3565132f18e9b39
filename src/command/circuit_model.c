/* The circuit of one model: what is found is written and printed. */
#include "base/file.h"
#include "base/file_use.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/memory.h"
#include "command/circuit_options.h"
#include "command/terminal.h"
#include "report/circuit_picture.h"
#include "study/circuit_tables.h"
#include "study/circuits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUTS 6

static const char *const names[OUTPUTS - 1] = {"edges.csv", "circuits.csv", "circuit.json",
                                               "circuit.dot", "circuit.svg"};

struct job {
  const struct circuit_command *command;
  struct task task; /* read; of the sheet, with the pairs that are used */
  struct task used;
  struct circuit_request request;
  struct circuit_sheet sheet;
  char *paths[OUTPUTS - 1]; /* in the directory; owned */
  char *partial;            /* directory of what is kept while it runs; owned */
  struct output outputs[OUTPUTS];
};

static int list_outputs(struct job *j, struct error *error)
{
  const char *out = j->command->out;
  j->partial = file_join(out, "partial", error);
  if (!j->partial)
    return error->code;
  for (size_t i = 0; i < OUTPUTS - 1; i++) {
    j->paths[i] = file_join(out, names[i], error);
    if (!j->paths[i])
      return error->code;
    j->outputs[i] = (struct output){.option = names[i], .path = j->paths[i]};
  }
  j->outputs[OUTPUTS - 1] = (struct output){.option = "--json", .path = j->command->common.json};
  if (file_make_directory(out, error) || outputs_check(j->outputs, OUTPUTS, error))
    return error->code;
  return outputs_spare(j->outputs, OUTPUTS, j->command->task, error);
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

static int write_text(const char *path, struct text *text, struct error *error)
{
  int status = text->failed ? error_set(error, EXIT_RUN, "%s: out of memory", path)
                            : file_write(path, text->data, text->length, error);
  text_free(text);
  return status;
}

static int write_pictures(const struct job *j, struct error *error)
{
  const struct circuit_sheet *s = &j->sheet;
  char title[1024];
  struct text dot = {0}, svg = {0};
  snprintf(title, sizeof title, "%.600s on %.200s: %zu edges, ratio %.3f, normalised %.3f",
           text_shown(s->model).text, s->task->name, s->found.by[FOUND_BY_RATIO].is.edges,
           s->found.by[FOUND_BY_RATIO].is.ratio, s->found.by[FOUND_BY_RATIO].is.normalised);
  const struct circuit_picture picture = {.graph = &s->found.graph,
                                          .title = title,
                                          .kept = s->found.by[FOUND_BY_RATIO].kept,
                                          .scores = s->found.scores,
                                          .included = s->bootstrap.included,
                                          .resamples = s->bootstrap.resamples};
  circuit_picture_dot(&picture, &dot);
  circuit_picture_svg(&picture, &svg);
  int status = write_text(j->paths[3], &dot, error);
  if (status)
    text_free(&svg);
  return status ? status : write_text(j->paths[4], &svg, error);
}

static int write_json(const struct job *j, const char *to, struct error *error)
{
  json_t *all = circuit_sheet_json(&j->sheet);
  int status =
      all ? json_write(to, all, error) : error_set(error, EXIT_RUN, "%s: out of memory", to);
  json_decref(all);
  return status;
}

static int write_tables(const struct job *j, struct error *error)
{
  struct text edges = {0}, circuits = {0};
  circuit_sheet_edges(&j->sheet, &edges);
  circuit_sheet_circuits(&j->sheet, &circuits);
  int status = write_text(j->paths[0], &edges, error);
  if (status)
    text_free(&circuits);
  return status ? status : write_text(j->paths[1], &circuits, error);
}

static int deliver(const struct job *j, const struct runtime *runtime, struct error *error)
{
  const char *json = j->command->common.json;
  struct text text = {0};
  if (file_use_check(error) || write_tables(j, error) || write_pictures(j, error) ||
      write_json(j, j->paths[2], error) || (json && write_json(j, json, error)))
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
                                       .seen = see,
                                       .context = j,
                                       .outputs = j->outputs,
                                       .output_count = OUTPUTS};
  struct found found = {0};
  if (file_make_directory(j->partial, error) ||
      circuits_run(j->command->path, &study, runtime, &found, error))
    return error->code;
  j->sheet.found = found;
  if (j->sheet.failed)
    return error_set(error, EXIT_RUN, "circuit: out of memory");
  return deliver(j, runtime, error) ? error->code : file_remove_directory(j->partial, error);
}

/* A folder of attest train on a few-shot recipe is no checkpoint. */
static int refuse_few_shot(const char *model, struct error *error)
{
  char *updates = file_join(model, "updates.csv", error);
  if (!updates)
    return error->code;
  if (file_exists(updates))
    error_set(error, EXIT_INPUT,
              "%s: holds a few-shot model, which attest circuit does not read; attest reproduce "
              "examines those of manifests/formation",
              model);
  free(updates);
  return error->code;
}

static int prepare(struct job *j, struct error *error)
{
  const struct circuit_command *c = j->command;
  if (refuse_few_shot(c->path, error) || circuit_options_request(c, &j->request, error) ||
      task_read(c->task, 0, &j->task, error))
    return error->code;
  j->used = j->task;
  if (c->pairs && c->pairs < j->used.count)
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
  struct lock lock = {0};
  if (!prepare(&j, error) && !lock_beside(j.paths[2], &lock, error) &&
      !runtime_start(&command->common, &runtime, error)) {
    runtime.notices = terminal_notices(runtime.quiet);
    interrupt_install();
    run(&j, &runtime, error);
    runtime_stop(&runtime);
  }
  lock_release(&lock);
  circuit_sheet_free(&j.sheet);
  task_free(&j.task);
  for (size_t i = 0; i < OUTPUTS - 1; i++)
    free(j.paths[i]);
  free(j.partial);
  return error->code;
}

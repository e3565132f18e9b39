#include "study/plan_circuits.h"

#include "base/file.h"
#include "base/memory.h"
#include "checkpoint/checkpoint.h"
#include "circuit/runs.h"
#include "model/model.h"
#include "model/recipe.h"
#include "study/circuits.h"
#include "study/cost.h"
#include "study/course_tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TOKENS 20 /* of a pair whose task is not there: those of the paper's have 9 to 25 */
#define PAIRS 100 /* of a task that is not there, where all are asked for */

/* What is planned, and what its checkpoint holds in memory. */
struct shape {
  struct model_config config;
  struct graph graph;
  uint64_t resident;
};

static int config_at(const char *path, struct shape *shape, struct error *error)
{
  struct checkpoint *checkpoint = NULL;
  size_t size;
  if (!checkpoint_open(path, &checkpoint, error)) {
    const char *json = checkpoint_config(checkpoint, &size);
    model_config_parse(path, json, size, &shape->config, error);
    shape->resident = cost_resident_bytes(checkpoint);
  }
  checkpoint_close(checkpoint);
  return error->code;
}

static int config_by_shape(const char *shape, struct model_config *config, struct error *error)
{
  struct recipe recipe;
  if (recipe_parse(shape, &recipe, error))
    return error->code;
  char *json = recipe_config(&recipe, "a plan", error);
  int status = json ? model_config_parse(shape, json, strlen(json), config, error) : error->code;
  free(json);
  return status;
}

/* Of the first revision that is there, else by the manifest. */
static int find_config(const struct manifest *m, const char *checkpoints, struct shape *shape,
                       struct error *error)
{
  struct error first = {0};
  for (size_t i = 0; i < m->revision_count; i++) {
    *error = (struct error){0};
    char *path = manifest_revision_path(m, &m->revisions[i], checkpoints, error);
    int status = path ? config_at(path, shape, error) : error->code;
    free(path);
    if (status != EXIT_INPUT)
      return status;
    first = i ? first : *error;
  }
  *error = (struct error){0};
  if (m->circuits.shape)
    return config_by_shape(m->circuits.shape, &shape->config, error)
               ? error_prefix(error, "%s: circuits: \"shape\"", m->path)
               : 0;
  return error_set(error, EXIT_INPUT,
                   "%s: no revision is there to read the model's shape from (%.300s), and the "
                   "manifest has no \"shape\"; name a folder that holds one with --checkpoints",
                   m->path, first.text);
}

/* Bytes of weights, two each, which is what a checkpoint of the paper takes. */
static uint64_t weight_bytes(const struct model_config *c)
{
  uint64_t width = (uint64_t)c->heads * c->head_dim, kv = 2 * (uint64_t)c->kv_heads * c->head_dim;
  uint64_t mlp = (uint64_t)(c->gated_mlp ? 3 : 2) * c->ffn * (c->experts ? c->experts : 1);
  uint64_t layer = c->hidden * (2 * width + kv + mlp);
  return 2 * (c->layers * layer + (uint64_t)(c->tied ? 1 : 2) * c->vocab * c->hidden);
}

/* As a file of the disk, else as pinned, else as believed. */
static uint64_t revision_bytes(const struct manifest *m, size_t index, const char *checkpoints,
                               const struct model_config *config)
{
  const struct manifest_revision *revision = &m->revisions[index];
  struct error ignored = {0};
  struct stat info;
  uint64_t bytes = 0;
  char *directory = manifest_revision_path(m, revision, checkpoints, &ignored);
  for (size_t i = 0; i < revision->file_count; i++) {
    char *path = directory ? file_join(directory, revision->files[i].path, &ignored) : NULL;
    if (path && stat(path, &info) == 0 && S_ISREG(info.st_mode))
      bytes += (uint64_t)info.st_size;
    else if (revision->files[i].has_bytes)
      bytes += revision->files[i].bytes;
    free(path);
  }
  free(directory);
  return bytes ? bytes : weight_bytes(config);
}

/* The pairs that will be used, or as many of the usual length; the pairs of the latter are the
 * caller's, `made`. */
static int find_task(const struct manifest *m, size_t index, struct task *task,
                     struct task_pair **made, struct error *error)
{
  const char *path = m->circuits.tasks[index].path;
  size_t pairs = (size_t)m->circuits.pairs;
  *made = NULL;
  if (file_exists(path))
    return task_read(path, 0, task, error);
  *task = (struct task){.count = pairs ? pairs : PAIRS, .longest = TOKENS};
  *made = memory_zeroed(task->count, sizeof **made, path, error);
  for (size_t i = 0; *made && i < task->count; i++)
    (*made)[i].length = TOKENS;
  task->pairs = *made;
  return *made ? 0 : error->code;
}

static void add_row(const struct manifest *m, const struct shape *shape, const struct task *task,
                    const char *name, const struct circuit_request *request, struct plan *plan)
{
  const struct model_config *config = &shape->config;
  const struct graph *graph = &shape->graph;
  struct plan_row row = {.model = m->model, .work = "circuits"};
  size_t runs = CIRCUITS_RUNS_LIKELY + (request->scan ? graph->edges : 0);
  snprintf(row.where, sizeof row.where, "%.31s", name);
  row.revisions = m->revision_count;
  row.sequences = (int64_t)(m->revision_count * task->count);
  row.gflop = circuits_gflop(config, task, &request->method, runs) * (double)m->revision_count;
  row.seconds = plan_seconds(plan, row.gflop, 0);
  row.memory = 2 * weight_bytes(config) + circuits_bytes(graph, task->count);
  row.writes = task->count * graph->edges * sizeof(float) +
               m->revision_count * graph->edges * (sizeof(double) + FOUND_WAYS);
  plan_add(plan, &row);
}

/* Whether the memory that was allowed does, as a run would see it. */
static int check_memory(const struct manifest *m, const struct shape *shape,
                        const struct task *task, uint64_t memory, struct error *error)
{
  uint64_t own = circuits_bytes(&shape->graph, task->count) + shape->resident;
  return circuit_memory_check(&shape->config, &shape->graph, task->longest, own, memory, error)
             ? error_prefix(error, "%s", m->path)
             : 0;
}

static int add_task(const struct manifest *m, size_t index, const struct shape *shape,
                    const struct circuit_request *request, struct plan *plan, struct error *error)
{
  const char *path = m->circuits.tasks[index].path, *slash = strrchr(path, '/');
  struct task task, used;
  struct task_pair *made;
  char name[32];
  if (find_task(m, index, &task, &made, error))
    return error->code;
  used = task;
  if (m->circuits.pairs && m->circuits.pairs < used.count)
    used.count = (size_t)m->circuits.pairs;
  snprintf(name, sizeof name, "%.31s", slash ? slash + 1 : path);
  name[strcspn(name, ".")] = 0;
  add_row(m, shape, &used, name, request, plan);
  int status = plan->memory ? check_memory(m, shape, &used, plan->memory, error) : 0;
  if (made)
    free(made);
  else
    task_free(&task);
  return status;
}

/* All rows from `first` on, and the checkpoints that are read. */
static void add_whole(const struct manifest *m, const char *checkpoints,
                      const struct model_config *config, size_t shards, size_t first,
                      struct plan *plan)
{
  struct plan_row row = {.model = m->model, .work = "circuits"};
  row.revisions = m->revision_count;
  for (size_t i = first; i < plan->count; i++) {
    row.sequences += plan->rows[i].sequences;
    row.gflop += plan->rows[i].gflop;
    row.writes += plan->rows[i].writes;
    row.memory = plan->rows[i].memory > row.memory ? plan->rows[i].memory : row.memory;
  }
  for (size_t i = 0; i < m->revision_count; i++)
    row.reads += revision_bytes(m, i, checkpoints, config);
  row.seconds = plan_seconds(plan, row.gflop, row.reads);
  plan_add_uncut(plan, &row, shards);
}

int plan_circuits(const struct manifest *m, const char *checkpoints, size_t shards,
                  struct plan *plan, struct error *error)
{
  struct shape shape = {.resident = 0};
  struct circuit_request request;
  size_t first = plan->count;
  if (course_request(m, &request, error) || find_config(m, checkpoints, &shape, error) ||
      graph_create(&shape.config, &shape.graph, error))
    return error->code;
  for (size_t t = 0; t < m->circuits.task_count; t++)
    if (add_task(m, t, &shape, &request, plan, error))
      return error->code;
  add_whole(m, checkpoints, &shape.config, shards, first, plan);
  return plan->failed ? error_set(error, EXIT_RUN, "%s: out of memory", m->path) : 0;
}

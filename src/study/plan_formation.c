#include "study/plan_formation.h"

#include "study/formation_forecast.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The runs of a manifest, and what one takes: all are of one size. */
struct costs {
  const struct manifest *manifest;
  const struct formation_runs *runs;
  struct formation_cost each;
  size_t batch, threads;
};

/* Of all runs, or of those of one figure. They go side by side, a thread each, from their
 * beginning; what is examined at their end is not counted. */
static struct plan_row row_of(const struct costs *costs, const char *figure)
{
  struct plan_row row = {.model = costs->manifest->model, .work = "training", .gflop = NAN};
  double seconds = 0, longest = 0;
  for (size_t i = 0; i < costs->runs->count; i++) {
    const struct formation_run *run = &costs->runs->runs[i];
    if (figure && strcmp(run->figure, figure) != 0)
      continue;
    double sequences = (double)run->sequences;
    double evaluations = run->evaluate_every ? sequences / (double)run->evaluate_every : 0;
    double own = sequences / (double)costs->batch * costs->each.update +
                 evaluations * costs->each.evaluation;
    seconds += own;
    longest = fmax(longest, own);
    row.revisions++;
    row.sequences += (int64_t)run->sequences;
  }
  size_t side_by_side = row.revisions < costs->threads ? row.revisions : costs->threads;
  row.seconds = fmax(seconds / (double)side_by_side, longest);
  row.memory = side_by_side * costs->each.bytes;
  row.writes = side_by_side * costs->each.disk;
  return row;
}

/* Whether no run before this one is of its figure. */
static bool begins_figure(const struct formation_runs *runs, size_t index)
{
  for (size_t i = 0; i < index; i++)
    if (strcmp(runs->runs[i].figure, runs->runs[index].figure) == 0)
      return false;
  return true;
}

static void add_rows(const struct costs *costs, size_t shards, struct plan *plan)
{
  for (size_t i = 0; i < costs->runs->count; i++) {
    if (!begins_figure(costs->runs, i))
      continue;
    struct plan_row row = row_of(costs, costs->runs->runs[i].figure);
    snprintf(row.where, sizeof row.where, "figure %.20s", costs->runs->runs[i].figure);
    plan_add(plan, &row);
  }
  const struct plan_row all = row_of(costs, NULL);
  plan_add_uncut(plan, &all, shards);
}

int plan_formation(const struct manifest *m, size_t shards, struct plan *plan, struct error *error)
{
  struct few_items items = {0};
  struct formation_runs runs = {0};
  struct costs costs = {
      .manifest = m, .runs = &runs, .threads = (size_t)threads_count(plan->runtime->threads)};
  int status = formation_items_open(&m->formation, &items, error);
  if (!status)
    status = formation_runs_of(&m->formation, &runs, error);
  if (!status)
    status = formation_runs_check(&m->formation, &runs, &items, error);
  const struct formation_work work = {
      .manifest = m, .items = &items, .kernels = plan->runtime->kernels};
  if (!status && runs.count) {
    costs.batch = formation_recipe(&m->formation, &runs.runs[0]).batch;
    status = formation_measure_cost(&work, &runs.runs[0], &costs.each, error);
  }
  if (!status && runs.count && plan->memory)
    status = formation_check_memory(m->path, costs.threads, costs.threads * costs.each.bytes,
                                    plan->memory, error);
  if (!status && runs.count)
    add_rows(&costs, shards, plan);
  else if (!status)
    plan_note(plan, "%s: no training runs, only toy models, which take no time", m->model);
  formation_runs_free(&runs);
  few_items_close(&items);
  if (!status && plan->failed)
    status = error_set(error, EXIT_RUN, "%s: out of memory", m->path);
  return status;
}

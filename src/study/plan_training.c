#include "study/plan_training.h"

#include "base/json.h"
#include "few_shot/training.h"
#include "train/training.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_BYTES ((size_t)16 << 20)

bool plan_is_recipe(const char *path)
{
  struct error ignored = {0};
  json_t *json = NULL;
  if (json_read_object(path, MOST_BYTES, &json, &ignored))
    return false;
  const char *kind = json_string_value(json_object_get(json, "kind"));
  bool recipe = !json_is_absent(json, "optimizer") || (kind && strcmp(kind, "few_shot") == 0);
  json_decref(json);
  return recipe;
}

/* The file's name, as the recipe's own does not live as long as the plan. */
static struct plan_row begin_row(const char *path)
{
  const char *slash = strrchr(path, '/');
  return (struct plan_row){
      .model = slash ? slash + 1 : path, .work = "training", .where = "in all", .gflop = NAN};
}

static int add_few_shot(const char *path, struct plan *plan, struct error *error)
{
  struct few_training t;
  double update, evaluation;
  int status = few_training_open(path, plan->runtime, &t, error);
  if (!status)
    status = few_run_time(t.run, &update, &evaluation, error);
  if (!status) {
    struct plan_row row = begin_row(path);
    const struct few_recipe *r = &t.recipe;
    double evaluations = r->evaluate_every ? (double)r->sequences / (double)r->evaluate_every : 0;
    row.revisions = 1;
    row.sequences = (int64_t)r->sequences;
    row.seconds = (double)few_run_updates(t.run) * update + evaluations * evaluation;
    row.memory = few_run_bytes(t.run);
    row.writes = few_run_disk(t.run);
    plan_add(plan, &row);
  }
  few_training_close(&t);
  return status;
}

static int add_language_model(const char *path, struct plan *plan, struct error *error)
{
  struct training t;
  double seconds;
  int status = training_open(path, plan->runtime, &t, error);
  if (!status)
    status = training_time(&t, &seconds, error);
  if (!status) {
    struct plan_row row = begin_row(path);
    row.revisions = t.recipe.revision_count;
    row.sequences = (int64_t)(t.recipe.steps * t.data.settings.sequences);
    row.gflop = (double)t.recipe.steps * tape_model_gflop(t.model);
    row.seconds = (double)t.recipe.steps * seconds;
    row.memory = t.bytes;
    row.writes = t.disk_bytes;
    plan_add(plan, &row);
  }
  training_close(&t);
  return status;
}

int plan_training(const char *path, struct plan *plan, struct error *error)
{
  bool few_shot = false;
  int status = few_training_is(path, &few_shot, error);
  if (!status)
    status = few_shot ? add_few_shot(path, plan, error) : add_language_model(path, plan, error);
  if (!status && plan->failed)
    status = error_set(error, EXIT_RUN, "%s: out of memory", path);
  return status;
}

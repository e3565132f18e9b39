/* A run from its first step, or from where it was stopped, to its last. */
#include "base/file.h"
#include "base/file_group.h"
#include "base/file_write.h"
#include "base/progress.h"
#include "checkpoint/safetensors_write.h"
#include "train/directory.h"
#include "train/training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAVE_SECONDS 20.0 /* a kill costs no more than this */

char *training_revision(const char *out, uint64_t step, struct error *error)
{
  char name[32];
  snprintf(name, sizeof name, "step%llu", (unsigned long long)step);
  return file_join(out, name, error);
}

/* What tells a revision from one that was changed since: of its model.safetensors. */
static int digest_revision(const char *directory, uint8_t bytes[DIGEST_XXH3_BYTES],
                           struct error *error)
{
  char *path = file_join(directory, "model.safetensors", error);
  int status = path ? state_parts_digest_file(path, bytes, error) : error->code;
  free(path);
  return status;
}

static int add_tensors(const struct parameters *p, const char *directory, struct layout *layout,
                       struct error *error)
{
  const struct layout_rule rule = {.stem = "model", .ending = "safetensors"};
  for (size_t i = 0; i < p->count; i++)
    if (layout_add(layout, directory, &p->inventory.tensors[i], error))
      return error->code;
  return layout_arrange(layout, directory, &rule, error);
}

/* config.json last: a directory that has one is complete. */
static int write_revision(const struct training *t, const char *out, size_t revision,
                          struct error *error)
{
  char *directory = training_revision(out, t->recipe.revisions[revision], error);
  struct layout layout = {0};
  struct file_group group = {0};
  int status = directory ? file_make_directory(directory, error) : error->code;
  if (!status)
    status = add_tensors(&t->parameters, directory, &layout, error);
  if (!status)
    status = safetensors_save(directory, &layout, &group, error);
  if (!status)
    status = file_group_write(&group, directory, "config.json", t->config_json,
                              strlen(t->config_json), error);
  if (!status)
    status = file_group_publish(&group, error);
  file_group_close(&group);
  layout_free(&layout);
  if (!status)
    status = digest_revision(directory, t->log.kept[revision], error);
  else if (directory)
    rmdir(directory); /* leaves nothing behind if nothing could be written */
  free(directory);
  return status;
}

/* Which of the recipe's revisions a step is; their count for none. */
static size_t find_revision(const struct train_recipe *recipe, uint64_t step)
{
  size_t i = 0;
  while (i < recipe->revision_count && recipe->revisions[i] != step)
    i++;
  return i;
}

static int check_tensors(const struct training *t, const char *out, const char *directory,
                         size_t revision, struct error *error)
{
  char *path = file_join(directory, "model.safetensors", error);
  int status = path ? state_parts_check_file(path, out, t->log.kept[revision], error) : error->code;
  free(path);
  return status;
}

/* A revision that the run got past must be there, with the config of this recipe and the tensors
 * that were written. */
static int check_revision(const struct training *t, const char *out, size_t revision,
                          struct error *error)
{
  struct blob blob = {0};
  char *directory = training_revision(out, t->recipe.revisions[revision], error);
  char *path = directory ? file_join(directory, "config.json", error) : NULL;
  size_t length = strlen(t->config_json);
  int status = path ? 0 : error->code;
  if (path && !file_exists(path))
    status = error_set(error, EXIT_INPUT,
                       "%s: is missing though the run got past it; remove %s/" TRAIN_STATE_FILE
                       " to start over",
                       path, out);
  else if (path && !(status = file_read(path, (size_t)1 << 20, &blob, error))) {
    if (blob.size != length || memcmp(blob.data, t->config_json, length) != 0)
      status = error_set(
          error, EXIT_INPUT,
          "%s: is not what the run wrote; remove %s/" TRAIN_STATE_FILE " to start over", path, out);
    blob_free(&blob);
  }
  if (!status)
    status = check_tensors(t, out, directory, revision, error);
  free(path);
  free(directory);
  return status;
}

static int check_revisions(const struct training *t, const char *out, struct error *error)
{
  for (size_t i = 0; i < t->recipe.revision_count && t->recipe.revisions[i] <= t->log.count; i++)
    if (check_revision(t, out, i, error))
      return error->code;
  return 0;
}

static int write_log(const struct training *t, const char *out, struct error *error)
{
  struct text csv = {0};
  train_log_csv(&t->log, t->parameters.model.config.experts > 0, &csv);
  int status = file_write_text_in(out, "steps.csv", &csv, error);
  text_free(&csv);
  return status;
}

/* The state last: what it claims to be done is on the disk. */
static int save(const struct training *t, const char *out, struct error *error)
{
  if (write_log(t, out, error) || !t->log.count)
    return error->code;
  return train_state_save(out, t->identity, &t->log, &t->optimizer, error);
}

/* To where an earlier run was, or to the beginning; *fresh: what there is now is of this run. */
static int begin(struct training *t, const char *out, bool *fresh, struct error *error)
{
  bool found;
  size_t first = find_revision(&t->recipe, 0);
  if (run_directory_claim(out, &t->canonical, t->disk_bytes, fresh, error) ||
      train_state_load(out, t->identity, &t->log, &t->optimizer, &found, error))
    return error->code;
  if (t->log.count > t->recipe.steps)
    return error_set(error, EXIT_INPUT, "%s/" TRAIN_STATE_FILE ": has more steps than the recipe",
                     out);
  if (found) /* steps.csv is written anew: the state has what belongs there */
    return check_revisions(t, out, error) ? error->code : write_log(t, out, error);
  return first < t->recipe.revision_count ? write_revision(t, out, first, error) : 0;
}

static int check_parameters(const struct training *t, struct error *error)
{
  const struct parameters *p = &t->parameters;
  for (size_t i = 0; i < p->count; i++) {
    const struct parameter *q = &p->list[i];
    size_t at = 0;
    if (t->runtime->kernels->all_finite(q->values, q->elements))
      continue;
    while (isfinite(q->values[at]))
      at++;
    return error_set(
        error, EXIT_INPUT,
        "%s is not finite after the update: element %zu (row %zu, column %zu); a lower "
        "rate or a clip may help",
        q->name, at, at / q->columns, at % q->columns);
  }
  return 0;
}

static double sum(const double *values, size_t count)
{
  double all = 0;
  for (size_t i = 0; i < count; i++)
    all += values[i];
  return all;
}

static int do_step(struct training *t, uint64_t step, struct error *error)
{
  struct tape_losses losses;
  data_batch(&t->data, step, t->tokens);
  if (tape_model_run(t->model, t->tokens, &losses, error))
    return error->code;
  struct train_record record = {.rate = schedule_rate(&t->recipe.schedule, step),
                                .loss = losses.loss,
                                .cross_entropy = losses.cross_entropy,
                                .grad_norm = optimizer_norm(&t->optimizer),
                                .load_balancing = sum(losses.load_balancing, losses.layers),
                                .router_z = sum(losses.router_z, losses.layers)};
  optimizer_step(&t->optimizer, record.rate, record.grad_norm);
  if (check_parameters(t, error))
    return error->code;
  return train_log_add(&t->log, &record, error);
}

/* Steps to the end, or until `stepped` stops them. */
static int run_steps(struct training *t, const char *out, const struct training_events *events,
                     struct error *error)
{
  double saved = progress_clock();
  bool go_on = true;
  while (go_on && t->log.count < t->recipe.steps) {
    uint64_t step = t->log.count + 1;
    if (do_step(t, step, error))
      return error_prefix(error, "%s: step %llu", t->path, (unsigned long long)step);
    size_t revision = find_revision(&t->recipe, step);
    bool kept = revision < t->recipe.revision_count;
    go_on = events->stepped(events->context, step, &t->log.records[step - 1]);
    if (kept && write_revision(t, out, revision, error))
      return error->code;
    if (!kept && go_on && step < t->recipe.steps && progress_clock() < saved + SAVE_SECONDS)
      continue;
    if (save(t, out, error))
      return error->code;
    saved = progress_clock();
  }
  return 0;
}

int training_run(struct training *t, const char *out, const struct training_events *events,
                 uint64_t *done, struct error *error)
{
  struct lock lock = {0};
  bool fresh = false;
  int status = run_directory_take(out, &lock, error);
  bool begun = !status && !(status = begin(t, out, &fresh, error));
  if (begun) {
    events->begun(events->context, t->log.count);
    status = run_steps(t, out, events, error);
  }
  if (!status && !t->recipe.steps)
    status = save(t, out, error);
  *done = t->log.count;
  lock_release(&lock);
  if (!begun)
    run_directory_withdraw(out, fresh);
  return status;
}

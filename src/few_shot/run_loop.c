/* A run from its first update, or from where it was stopped, to its last. */
#include "few_shot/run_parts.h"

#include "base/file.h"
#include "base/progress.h"
#include "train/directory.h"

#include <math.h>
#include <stdlib.h>

#define SAVE_SECONDS 20.0 /* a kill costs no more than this */

/* Where one is due. */
static int evaluate(struct few_run *run, const struct few_run_events *events, struct error *error)
{
  struct few_log *log = &run->log;
  if (!few_run_due(run, log->update_count, run->recipe->evaluate_every))
    return 0;
  if (few_log_reserve(run, log->update_count, log->evaluation_count + 1, error))
    return error->code;
  struct few_evaluation *evaluation = &log->evaluations[log->evaluation_count];
  if (few_run_evaluate(run, evaluation, error))
    return error->code;
  log->evaluation_count++;
  return events->evaluated ? events->evaluated(events->context, evaluation, run->parameters, error)
                           : 0;
}

/* The batch after those that were drawn. */
static void draw(struct few_run *run)
{
  for (; run->drawn <= run->log.update_count; run->drawn++)
    few_data_draw(run->data, FEW_SET_TRAIN, &run->random, run->batch, run->recipe->batch);
}

static int check_parameters(const struct few_run *run, struct error *error)
{
  if (run->kernels->all_finite(run->parameters, few_parameters(&run->sizes)))
    return 0;
  for (int i = 0; i < FEW_TENSORS; i++) {
    struct few_place place = few_place(&run->sizes, (enum few_tensor)i);
    for (size_t j = 0; j < place.rows * place.columns; j++)
      if (!isfinite(run->parameters[place.offset + j]))
        return error_set(error, EXIT_INPUT,
                         "%s is not finite after the update: row %zu, column %zu; a lower rate may "
                         "help",
                         place.name, j / place.columns, j % place.columns);
  }
  return 0;
}

static int update(struct few_run *run, struct error *error)
{
  struct few_log *log = &run->log;
  const struct few_table table = few_data_table(run->data, FEW_SET_TRAIN);
  struct few_update record;
  if (few_log_reserve(run, log->update_count + 1, log->evaluation_count, error))
    return error->code;
  draw(run);
  if (few_model_run(run->model, &table, run->batch, &record.loss, error))
    return error->code;
  record.grad_norm = few_gradient_norm(run->kernels, &run->sizes, run->gradients);
  few_adam_step(&run->adam, run->kernels, run->gradients, run->parameters);
  if (check_parameters(run, error))
    return error->code;
  log->updates[log->update_count++] = record;
  return 0;
}

/* The checkpoint of the boundary, if one is due. */
static int checkpoint(struct few_run *run, const char *out, struct error *error)
{
  uint64_t done = run->log.update_count;
  return out && few_run_keeps(run, done) ? few_run_checkpoint(run, out, done, error) : 0;
}

/* To the end, or until `updated` stops it. */
static int go_on(struct few_run *run, const char *out, const struct few_run_events *events,
                 struct error *error)
{
  double saved = progress_clock();
  bool further = true;
  while (further && run->log.update_count < few_run_updates(run)) {
    if (update(run, error))
      return error_prefix(error, "%s: update %llu", run->name,
                          (unsigned long long)run->log.update_count + 1);
    uint64_t done = run->log.update_count;
    if (evaluate(run, events, error) || checkpoint(run, out, error))
      return error->code;
    further =
        !events->updated || events->updated(events->context, done, &run->log.updates[done - 1]);
    if (!out || (further && progress_clock() < saved + SAVE_SECONDS))
      continue;
    if (few_run_save(run, out, error))
      return error->code;
    saved = progress_clock();
  }
  return out ? few_run_save(run, out, error) : 0;
}

static int run_all(struct few_run *run, const char *out, const struct few_run_events *events,
                   struct error *error)
{
  if (events->begun)
    events->begun(events->context, run->log.update_count);
  if (!run->log.update_count && !run->log.evaluation_count &&
      (evaluate(run, events, error) || checkpoint(run, out, error)))
    return error->code;
  return go_on(run, out, events, error);
}

static int run_in(struct few_run *run, const char *out, const struct few_run_events *events,
                  struct error *error)
{
  struct lock lock = {0};
  bool fresh = false;
  int status = run_directory_take(out, &lock, error);
  if (!status)
    status = run_directory_claim(out, &run->canonical, few_run_disk(run), &fresh, error);
  if (!status)
    status = few_run_load(run, out, error);
  if (!status)
    status = run_all(run, out, events, error);
  lock_release(&lock);
  if (status && !run->log.update_count)
    run_directory_withdraw(out, fresh);
  return status;
}

int few_run(struct few_run *run, const char *out, const struct few_run_events *events,
            struct error *error)
{
  return out ? run_in(run, out, events, error) : run_all(run, NULL, events, error);
}

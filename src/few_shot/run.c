/* A run before its first update: what it takes, and what it stands for. */
#include "few_shot/run_parts.h"

#include "base/memory.h"
#include "base/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EVALUATION_BATCH 200
#define TIMED_UPDATES 20
#define TIMED_EVALUATIONS 3

uint64_t few_run_updates(const struct few_run *run)
{
  const struct few_recipe *r = run->recipe;
  return (r->sequences + r->batch - 1) / r->batch;
}

uint64_t few_run_sequences(const struct few_run *run, uint64_t updates)
{
  return updates * run->recipe->batch;
}

bool few_run_due(const struct few_run *run, uint64_t updates, uint64_t every)
{
  if (!every || !updates)
    return every != 0;
  return few_run_sequences(run, updates) / every > few_run_sequences(run, updates - 1) / every;
}

bool few_run_keeps(const struct few_run *run, uint64_t updates)
{
  return few_run_due(run, updates, run->recipe->checkpoint_every) ||
         updates == few_run_updates(run);
}

/* --- identity --- */

static int digest_floats(const float *const *arrays, const size_t *counts, size_t count,
                         struct digest *digest, struct error *error)
{
  struct digester *digester;
  if (digester_start(&digester, error))
    return error->code;
  int status = 0;
  for (size_t i = 0; i < count && !status; i++)
    status = digester_add(digester, arrays[i], counts[i] * sizeof(float), error);
  if (!status)
    status = digester_finish(digester, digest, error);
  digester_free(digester);
  return status;
}

/* Items of a file and a graft by their numbers. */
static int identify(struct few_run *run, struct error *error)
{
  const struct few_recipe *r = run->recipe;
  const struct few_data *d = run->data;
  const float *const tables[] = {d->train, d->test};
  const size_t rows[] = {r->data.classes * d->exemplars * d->width,
                         r->data.test_classes * d->width};
  const size_t parameters = few_parameters(&run->sizes);
  struct digest items = {.sha256 = ""}, graft = items, digest;
  if ((r->items == FEW_FILE && digest_floats(tables, rows, 2, &items, error)) ||
      (run->graft && digest_floats(&run->graft, &parameters, 1, &graft, error)) ||
      few_recipe_canonical(r, items.sha256, graft.sha256, &run->canonical, error) ||
      digest_of(run->canonical.data, run->canonical.length, &digest, error))
    return error->code;
  memcpy(run->identity, digest.sha256, sizeof run->identity);
  return 0;
}

const char *few_run_identity(const struct few_run *run)
{
  return run->identity;
}

/* --- models and sequences --- */

static int create_model(struct few_run *run, size_t batch, size_t items, float *gradients,
                        struct few_model **model, struct error *error)
{
  const struct few_model_options options = {.kernels = run->kernels,
                                            .sizes = run->sizes,
                                            .batch = batch,
                                            .items = items,
                                            .clamp = &run->recipe->clamp,
                                            .graft = run->graft};
  return few_model_create(&options, run->parameters, gradients, model, error)
             ? error_prefix(error, "%s", run->name)
             : 0;
}

static int create_evaluator(struct few_run *run, enum few_set set, struct error *error)
{
  size_t rows = few_data_table(run->data, set).rows, all = run->recipe->evaluation_sequences;
  for (int other = 0; other < (int)set; other++)
    if (few_data_table(run->data, (enum few_set)other).rows == rows) {
      run->evaluators[set] = run->evaluators[other];
      return 0;
    }
  return create_model(run, all < EVALUATION_BATCH ? all : EVALUATION_BATCH, rows, NULL,
                      &run->evaluators[set], error);
}

static int create_evaluations(struct few_run *run, struct error *error)
{
  size_t count = run->recipe->evaluation_sequences;
  run->sets = memory_alloc(FEW_SETS * count, sizeof *run->sets, "evaluation sets", error);
  if (!run->sets)
    return error->code;
  for (int set = 0; set < FEW_SETS; set++) {
    struct random random;
    random_seed(&random, run->recipe->evaluation_seed);
    few_data_draw(run->data, (enum few_set)set, &random, run->sets + (size_t)set * count, count);
    if (create_evaluator(run, (enum few_set)set, error))
      return error->code;
  }
  return 0;
}

static int prepare(struct few_run *run, struct error *error)
{
  const struct few_recipe *r = run->recipe;
  size_t count = few_parameters(&run->sizes);
  run->parameters = memory_alloc(2 * count, sizeof *run->parameters, "parameters", error);
  run->batch =
      run->parameters ? memory_alloc(r->batch, sizeof *run->batch, "few-shot batch", error) : NULL;
  if (!run->batch)
    return error->code;
  run->gradients = run->parameters + count;
  random_seed(&run->random, r->train_seed);
  few_initial(&run->sizes, r->initial_seed, run->parameters);
  if (few_adam_create(r->rate, r->beta1, r->beta2, r->eps, count, &run->adam, error) ||
      create_model(run, r->batch, few_data_table(run->data, FEW_SET_TRAIN).rows, run->gradients,
                   &run->model, error))
    return error->code;
  return r->evaluate_every ? create_evaluations(run, error) : 0;
}

int few_run_create(const char *name, const struct few_recipe *recipe, const struct few_data *data,
                   const float *graft, const struct kernels *kernels, struct few_run **created,
                   struct error *error)
{
  struct few_run *run = *created = memory_zeroed(1, sizeof *run, "few-shot run", error);
  if (!run)
    return error->code;
  run->name = name;
  run->recipe = recipe;
  run->data = data;
  run->graft = recipe->clamp.graft ? graft : NULL;
  run->kernels = kernels;
  run->sizes = few_recipe_sizes(recipe, data->width);
  return prepare(run, error) ? error->code : identify(run, error);
}

static bool shared(const struct few_run *run, int set)
{
  for (int other = 0; other < set; other++)
    if (run->evaluators[other] == run->evaluators[set])
      return true;
  return false;
}

void few_run_free(struct few_run *run)
{
  if (!run)
    return;
  for (int set = FEW_SETS; set-- > 0;)
    if (!shared(run, set))
      few_model_free(run->evaluators[set]);
  few_model_free(run->model);
  few_adam_free(&run->adam);
  free(run->parameters);
  free(run->batch);
  free(run->sets);
  free(run->log.updates);
  free(run->log.evaluations);
  free(run->kept);
  text_free(&run->canonical);
  free(run);
}

int few_run_evaluate(struct few_run *run, struct few_evaluation *evaluation, struct error *error)
{
  size_t count = run->recipe->evaluation_sequences;
  evaluation->updates = run->log.update_count;
  evaluation->sequences = few_run_sequences(run, run->log.update_count);
  for (int set = 0; set < FEW_SETS; set++) {
    const struct few_table table = few_data_table(run->data, (enum few_set)set);
    if (few_measure(run->evaluators[set], &table, run->sets + (size_t)set * count, count, NULL,
                    NULL, &evaluation->sets[set], error))
      return error_prefix(error, "%s: %s after update %llu", run->name, few_set_names[set],
                          (unsigned long long)evaluation->updates);
  }
  return 0;
}

/* --- what it takes --- */

/* Boundaries that are due in all. */
static uint64_t times(const struct few_run *run, uint64_t every)
{
  return every ? few_run_sequences(run, few_run_updates(run)) / every + 1 : 0;
}

static uint64_t log_bytes(const struct few_run *run)
{
  return few_run_updates(run) * sizeof(struct few_update) +
         times(run, run->recipe->evaluate_every) * sizeof(struct few_evaluation) +
         (times(run, run->recipe->checkpoint_every) + 1) * sizeof *run->kept;
}

uint64_t few_run_bytes(const struct few_run *run)
{
  const struct few_recipe *r = run->recipe;
  uint64_t bytes = sizeof *run + 4 * few_parameters(&run->sizes) * sizeof(float) +
                   few_model_bytes(run->model) + log_bytes(run) + r->batch * sizeof *run->batch;
  for (int set = 0; set < FEW_SETS && r->evaluate_every; set++)
    bytes += (shared(run, set) ? 0 : few_model_bytes(run->evaluators[set])) +
             r->evaluation_sequences * sizeof *run->sets;
  return bytes;
}

#define UPDATE_LINE 64      /* bytes of updates.csv, about */
#define EVALUATION_LINE 200 /* of evaluations.csv */

uint64_t few_run_disk(const struct few_run *run)
{
  uint64_t parameters = few_parameters(&run->sizes) * sizeof(float);
  return (times(run, run->recipe->checkpoint_every) + 1) * parameters +
         2 * (3 * parameters + log_bytes(run)) + 2 * UPDATE_LINE * few_run_updates(run) +
         2 * FEW_SETS * EVALUATION_LINE * times(run, run->recipe->evaluate_every);
}

/* On copies of the parameters, which stay as they are; the fastest of several, as others may keep
 * the machine busy. */
static int time_updates(struct few_run *run, double *seconds, struct error *error)
{
  const struct few_table table = few_data_table(run->data, FEW_SET_TRAIN);
  size_t count = few_parameters(&run->sizes);
  struct few_adam adam;
  struct random random;
  double loss;
  float *copy = memory_alloc(count, sizeof *copy, "parameters", error);
  int status = copy ? few_adam_create(0, 0, 0, 1, count, &adam, error) : error->code;
  if (status) {
    free(copy);
    return status;
  }
  memcpy(copy, run->parameters, count * sizeof *copy);
  random_seed(&random, run->recipe->train_seed);
  *seconds = INFINITY;
  for (int i = 0; i < TIMED_UPDATES && !status; i++) {
    double start = progress_clock();
    few_data_draw(run->data, FEW_SET_TRAIN, &random, run->batch, run->recipe->batch);
    status = few_model_run(run->model, &table, run->batch, &loss, error);
    few_adam_step(&adam, run->kernels, run->gradients, copy);
    *seconds = fmin(*seconds, progress_clock() - start);
  }
  few_adam_free(&adam);
  free(copy);
  return status ? error_prefix(error, "%s: update 1", run->name) : 0;
}

int few_run_time(struct few_run *run, double *update, double *evaluation, struct error *error)
{
  struct few_evaluation scores;
  *evaluation = 0;
  if (time_updates(run, update, error))
    return error->code;
  for (int i = 0; i < TIMED_EVALUATIONS && run->recipe->evaluate_every; i++) {
    double start = progress_clock();
    if (few_run_evaluate(run, &scores, error))
      return error->code;
    double seconds = progress_clock() - start;
    *evaluation = i ? fmin(*evaluation, seconds) : seconds;
  }
  return 0;
}

/* --- afterwards --- */

const struct few_log *few_run_log(const struct few_run *run)
{
  return &run->log;
}

const float *few_run_parameters(const struct few_run *run)
{
  return run->parameters;
}

uint64_t few_run_done(const struct few_run *run)
{
  return run->log.update_count;
}

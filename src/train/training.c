/* A run before its first step: what it reads and what it takes. */
#include "train/training.h"

#include "base/memory.h"
#include "base/path.h"
#include "base/progress.h"
#include "model/config_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `least`: "at least " while not all of it is known. */
static int check_memory(const struct training *t, uint64_t bytes, const char *least,
                        struct error *error)
{
  char need[32], have[32];
  if (bytes <= t->runtime->memory)
    return 0;
  return error_set(
      error, EXIT_INPUT,
      "%s: takes %s%s of memory and may use %s; give it more with --memory, or make its "
      "batch, micro-batch or model smaller",
      t->path, least, text_bytes(need, sizeof need, bytes),
      text_bytes(have, sizeof have, t->runtime->memory));
}

/* Bytes for parameters, gradients and moments. */
static int check_model(struct training *t, const struct model_config *config, struct error *error)
{
  const struct train_recipe *r = &t->recipe;
  t->bytes = parameters_bytes(config) + optimizer_bytes(&r->optimizer, config);
  if (!config->experts && (r->load_balancing > 0 || r->router_z > 0))
    return error_set(error, EXIT_INPUT,
                     "%s: \"losses\" are of experts, which the model does not have; remove them",
                     t->path);
  return check_memory(t, t->bytes, "at least ", error);
}

/* The SHA-256 of names (zero-terminated) and values of all parameters in their order. */
static int values_sha256(const struct parameters *p, struct digest *digest, struct error *error)
{
  struct digester *digester;
  if (digester_start(&digester, error))
    return error->code;
  int status = 0;
  for (size_t i = 0; i < p->count && !status; i++) {
    const struct parameter *q = &p->list[i];
    status = digester_add(digester, q->name, strlen(q->name) + 1, error);
    if (!status)
      status = digester_add(digester, q->values, q->elements * sizeof *q->values, error);
  }
  if (!status)
    status = digester_finish(digester, digest, error);
  digester_free(digester);
  return status;
}

static int check_start(const struct training *t, struct digest *digest, struct error *error)
{
  const char *wanted = t->recipe.start_sha256;
  if (values_sha256(&t->parameters, digest, error))
    return error->code;
  if (wanted && strcmp(wanted, digest->sha256) != 0)
    return error_set(error, EXIT_INPUT,
                     "%s: the values of \"start\" have SHA-256 %s, the recipe "
                     "says %s",
                     t->path, digest->sha256, wanted);
  return 0;
}

static int read_checkpoint(struct training *t, struct error *error)
{
  const char *name = t->recipe.start;
  struct checkpoint *checkpoint;
  struct model model;
  char *path = path_resolve(*name == '/' ? "" : t->folder, name, error);
  int status = path ? checkpoint_open(path, &checkpoint, error) : error->code;
  free(path);
  if (status)
    return status;
  status = model_load(checkpoint, &model, error);
  if (!status) {
    status = check_model(t, &model.config, error);
    if (!status)
      status = parameters_read(&model, &t->parameters, error);
    model_free(&model);
  }
  checkpoint_close(checkpoint);
  return status;
}

/* Data and start have streams of their own. */
static uint32_t seed_of_data(const struct train_recipe *recipe)
{
  return 2 * recipe->seed;
}

static uint32_t seed_of_start(const struct train_recipe *recipe)
{
  return 2 * recipe->seed + 1;
}

static int draw_parameters(struct training *t, struct error *error)
{
  const struct text *json = &t->recipe.config_json;
  struct model_config config;
  struct random random;
  if (model_config_parse(t->path, json->data, json->length, &config, error) ||
      check_model(t, &config, error) ||
      parameters_create(t->path, json->data, json->length, &t->parameters, error))
    return error->code;
  random_seed(&random, seed_of_start(&t->recipe));
  initial_fill(&t->recipe.initial, &random, &t->parameters);
  return 0;
}

static int check_data(const struct training *t, struct error *error)
{
  const struct data_settings *d = &t->data.settings;
  const struct model_config *config = &t->parameters.model.config;
  const struct phrases *p = &d->phrases;
  if (d->length > config->context)
    return error_set(error, EXIT_INPUT,
                     "%s: sequences of %zu tokens are longer than the model's "
                     "context of %zu",
                     t->path, d->length, config->context);
  if (t->recipe.micro_batch && d->sequences % t->recipe.micro_batch)
    return error_set(error, EXIT_INPUT,
                     "%s: \"micro_batch\" is %zu: must divide the batch of %zu "
                     "sequences",
                     t->path, t->recipe.micro_batch, d->sequences);
  int64_t highest = p->plain.high > p->separator ? p->plain.high : p->separator;
  highest = highest > p->begin ? highest : p->begin;
  if (d->kind == DATA_PHRASES && (uint64_t)highest >= config->vocab)
    return error_set(error, EXIT_INPUT,
                     "%s: \"data\" has token %lld, the model's vocabulary ends at "
                     "%zu",
                     t->path, (long long)highest, config->vocab - 1);
  return 0;
}

static int open_data(struct training *t, struct error *error)
{
  const struct train_recipe *r = &t->recipe;
  if (data_open(&r->data, seed_of_data(r), t->folder, t->parameters.model.config.vocab, r->steps,
                &t->data, error) ||
      check_data(t, error))
    return error->code;
  const struct data_settings *d = &t->data.settings;
  t->tokens = memory_alloc(d->sequences * (d->length + 1), sizeof *t->tokens, "batch", error);
  return t->tokens ? 0 : error->code;
}

static int identify(struct training *t, const char *start_sha256, struct error *error)
{
  struct text origin = {0};
  struct digest digest;
  text_add(&origin, "attest train %s", t->recipe.name);
  if (origin.failed)
    return error_set(error, EXIT_RUN, "%s: out of memory", t->path);
  t->config_json = model_config_write(&t->parameters.model.config, DTYPE_F32, origin.data, error);
  text_free(&origin);
  if (!t->config_json ||
      train_recipe_canonical(&t->recipe, t->config_json, &t->data, start_sha256, &t->canonical,
                             error) ||
      digest_of(t->canonical.data, t->canonical.length, &digest, error))
    return error->code;
  memcpy(t->identity, digest.sha256, sizeof t->identity);
  return 0;
}

/* The tape and the optimizer, planned and then allocated. */
static int prepare(struct training *t, struct error *error)
{
  const struct train_recipe *r = &t->recipe;
  const struct data_settings *d = &t->data.settings;
  const struct tape_model_options options = {.kernels = t->runtime->kernels,
                                             .threads = t->runtime->threads,
                                             .batch = d->sequences,
                                             .micro_batch = r->micro_batch,
                                             .seq_len = d->length,
                                             .load_balancing = r->load_balancing,
                                             .router_z = r->router_z};
  if (tape_model_create(&t->parameters, &options, &t->model, error) ||
      tape_model_plan(t->model, error))
    return error->code;
  t->bytes += tape_model_bytes(t->model) + r->steps * sizeof(struct train_record) +
              d->sequences * (d->length + 1) * sizeof *t->tokens;
  if (check_memory(t, t->bytes, "", error) || tape_model_allocate(t->model, error))
    return error->code;
  return optimizer_create(&r->optimizer, t->runtime->kernels, t->runtime->threads, &t->parameters,
                          &t->optimizer, error);
}

int training_open(const char *path, const struct runtime *runtime, struct training *t,
                  struct error *error)
{
  struct digest start;
  *t = (struct training){.path = path, .runtime = runtime};
  if (train_recipe_read(path, &t->recipe, &t->folder, error) ||
      (t->recipe.start ? read_checkpoint(t, error) || check_start(t, &start, error)
                       : draw_parameters(t, error)) ||
      open_data(t, error) || identify(t, t->recipe.start ? start.sha256 : NULL, error) ||
      prepare(t, error) || train_log_keep(&t->log, t->recipe.revision_count, error))
    return error->code;
  t->disk_bytes = t->recipe.revision_count * t->parameters.elements * sizeof(float) +
                  2 * train_state_bytes(&t->optimizer, t->recipe.steps);
  return 0;
}

void training_close(struct training *t)
{
  tape_model_free(t->model);
  optimizer_free(&t->optimizer);
  parameters_free(&t->parameters);
  data_close(&t->data);
  train_log_free(&t->log);
  text_free(&t->canonical);
  free(t->tokens);
  free(t->config_json);
  free(t->folder);
  train_recipe_free(&t->recipe);
  *t = (struct training){.path = NULL};
}

int training_time(struct training *t, double *seconds, struct error *error)
{
  struct tape_losses losses;
  data_batch(&t->data, 1, t->tokens);
  double start = progress_clock();
  if (t->recipe.steps && tape_model_run(t->model, t->tokens, &losses, error))
    return error_prefix(error, "%s: step 1", t->path);
  *seconds = progress_clock() - start;
  return 0;
}

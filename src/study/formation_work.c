#include "study/formation_work.h"

#include "base/file.h"
#include "base/memory.h"
#include "few_shot/run.h"
#include "study/formation_examine.h"
#include "study/formation_rows.h"

#include <stdlib.h>
#include <string.h>

#define MOST_BYTES ((size_t)64 << 20) /* of kept rows, of parameters */

/* A run on its way. */
struct carried {
  const struct formation_work *work;
  const struct formation_run *run;
  struct few_recipe recipe;
  struct few_data data;
  struct few_sizes sizes;
  float *graft; /* parameters that its clamp takes from; NULL = none */
  struct few_run *training;
  char model[32];
  struct error *error;
};

/* --- files --- */

static char *path_of(const struct formation_work *work, uint32_t seed, const char *run,
                     const char *suffix, struct error *error)
{
  struct text name = {0};
  char model[32];
  formation_model_name(&work->manifest->formation, seed, model);
  text_add(&name, "%s.%s", model, run);
  char *path = name.failed ? NULL : workdir_path(work->dir, name.data, suffix, error);
  text_free(&name);
  if (!path && !error->code)
    error_set(error, EXIT_RUN, "%s: out of memory", run);
  return path;
}

static char *path_of_run(const struct carried *c, const char *suffix)
{
  return path_of(c->work, c->run->seed, c->run->name, suffix, c->error);
}

#define DIGEST_LINE 34 /* 32 digits of what follows, and a newline */

int formation_kept(const struct formation_work *work, const struct formation_run *run,
                   struct text *rows, bool *kept, struct error *error)
{
  struct blob blob;
  char hash[33];
  char *path = path_of(work, run->seed, run->name, ".rows", error);
  *kept = path && file_exists(path);
  if (*kept && !file_read(path, MOST_BYTES, &blob, error)) {
    const char *text = (const char *)blob.data;
    *kept = blob.size >= DIGEST_LINE - 1;
    if (*kept)
      digest_xxh3(text + DIGEST_LINE - 1, blob.size - (DIGEST_LINE - 1), hash);
    *kept = *kept && memcmp(text, hash, 32) == 0;
    if (*kept)
      text_add(rows, "%.*s", (int)(blob.size - (DIGEST_LINE - 1)), text + DIGEST_LINE - 1);
    blob_free(&blob);
  }
  free(path);
  if (rows->failed)
    error_set(error, EXIT_RUN, "%s: out of memory", run->name);
  return error->code;
}

static int keep_rows(const struct carried *c, const struct text *rows)
{
  struct text whole = {0};
  char hash[33];
  digest_xxh3(rows->data, rows->length, hash);
  text_add(&whole, "%s\n%s", hash, rows->data);
  char *path = path_of_run(c, ".rows");
  if (path && whole.failed)
    error_set(c->error, EXIT_RUN, "%s: out of memory", path);
  else if (path)
    (void)file_write(path, whole.data, whole.length, c->error);
  text_free(&whole);
  free(path);
  return c->error->code;
}

static int keep_parameters(const struct carried *c)
{
  char *path = path_of_run(c, ".parameters");
  if (path)
    (void)file_write(path, few_run_parameters(c->training),
                     few_parameters(&c->sizes) * sizeof(float), c->error);
  free(path);
  return c->error->code;
}

/* The parameters that it takes a layer from: those of another run, which has been carried out. */
static int read_graft(struct carried *c)
{
  struct blob blob;
  size_t bytes = few_parameters(&c->sizes) * sizeof *c->graft;
  if (c->run->graft < 0)
    return 0;
  c->graft = memory_alloc(1, bytes, "grafted parameters", c->error);
  char *path = c->graft
                   ? path_of(c->work, (uint32_t)c->run->graft, "unclamped", ".parameters", c->error)
                   : NULL;
  if (path && !file_read(path, MOST_BYTES, &blob, c->error)) {
    if (blob.size == bytes)
      memcpy(c->graft, blob.data, bytes);
    else
      error_set(c->error, EXIT_INPUT, "%s: has %zu bytes, not %zu; remove it and run again", path,
                blob.size, bytes);
    blob_free(&blob);
  }
  free(path);
  return c->error->code;
}

/* --- training --- */

static int open_run(struct carried *c)
{
  const struct manifest_formation *f = &c->work->manifest->formation;
  formation_model_name(f, c->run->seed, c->model);
  c->recipe = formation_recipe(f, c->run);
  c->sizes = few_recipe_sizes(&c->recipe, c->work->items->width);
  if (few_data_create(c->work->manifest->path, c->work->items, &c->recipe.data, &c->data,
                      c->error) ||
      read_graft(c))
    return c->error->code;
  return few_run_create(c->run->name, &c->recipe, &c->data, c->graft, c->work->kernels,
                        &c->training, c->error);
}

static void close_run(struct carried *c)
{
  few_run_free(c->training);
  few_data_free(&c->data);
  free(c->graft);
}

static void begun(void *context, uint64_t updates)
{
  const struct carried *c = context;
  c->work->advanced(c->work->context, updates);
}

static bool updated(void *context, uint64_t update, const struct few_update *record)
{
  const struct carried *c = context;
  (void)update;
  (void)record;
  c->work->advanced(c->work->context, 1);
  return c->work->go_on(c->work->context);
}

static int train(struct carried *c, const char *directory)
{
  const struct few_run_events events = {.begun = begun, .updated = updated, .context = c};
  if (few_run(c->training, directory, &events, c->error))
    return c->error->code;
  if (few_run_done(c->training) < few_run_updates(c->training))
    return error_set(c->error, EXIT_RUN, "interrupted; run the same command again to resume");
  return 0;
}

/* --- examination --- */

/* Every checkpoint that training has left in the directory. */
static int examine_checkpoints(const struct carried *c, const struct formation_examined *examined,
                               const char *directory, struct text *rows)
{
  float *parameters = memory_alloc(few_parameters(&c->sizes), sizeof *parameters,
                                   "parameters of a checkpoint", c->error);
  int status = parameters ? 0 : c->error->code;
  for (uint64_t at = c->run->checkpoint_every; !status && at <= c->run->sequences;
       at += c->run->checkpoint_every) {
    char *path = few_checkpoint_path(directory, at, c->error);
    status = path ? few_checkpoint_read(path, &c->sizes, parameters, c->error) : c->error->code;
    if (!status)
      status = formation_examine_checkpoint(examined, parameters, at, rows, c->error);
    free(path);
  }
  free(parameters);
  return status;
}

static bool examining(void *context, double done, double of)
{
  const struct carried *c = context;
  (void)done;
  (void)of;
  return c->work->go_on(c->work->context);
}

static int examine(struct carried *c, const char *directory, struct text *rows)
{
  const struct manifest_formation *f = &c->work->manifest->formation;
  const struct formation_examined examined = {.model = c->model,
                                              .kernels = c->work->kernels,
                                              .recipe = &c->recipe,
                                              .data = &c->data,
                                              .sizes = &c->sizes,
                                              .stride = (size_t)f->stride,
                                              .wiring = f->figures[FORMATION_WIRING],
                                              .go_on = examining,
                                              .context = c};
  struct few_examination *found = memory_alloc(1, sizeof *found, "examination", c->error);
  int status = found ? formation_examine(&examined, few_run_parameters(c->training),
                                         c->run->sequences, found, rows, c->error)
                     : c->error->code;
  free(found);
  return status ? status : examine_checkpoints(c, &examined, directory, rows);
}

/* --- the whole --- */

static int finish(struct carried *c, const char *directory, struct text *rows)
{
  if (c->run->listed)
    formation_rows_run(c->model, c->run, few_run_log(c->training), few_run_parameters(c->training),
                       few_parameters(&c->sizes), rows);
  else
    text_add(rows, "unlisted,%s\n", c->model);
  if (c->run->examined && examine(c, directory, rows))
    return c->error->code;
  if (rows->failed)
    return error_set(c->error, EXIT_RUN, "%s: out of memory", c->run->name);
  if ((c->run->grafted && keep_parameters(c)) || keep_rows(c, rows))
    return c->error->code;
  return file_remove_directory(directory, c->error);
}

int formation_carry_out(const struct formation_work *work, const struct formation_run *run,
                        struct text *rows, struct error *error)
{
  struct carried c = {.work = work, .run = run, .error = error};
  char *directory = path_of_run(&c, ".run");
  int status = directory ? open_run(&c) : error->code;
  if (!status)
    status = train(&c, directory);
  if (!status)
    status = finish(&c, directory, rows);
  close_run(&c);
  free(directory);
  return status;
}

int formation_measure_cost(const struct formation_work *work, const struct formation_run *run,
                           struct formation_cost *cost, struct error *error)
{
  struct carried c = {.work = work, .run = run, .error = error};
  int status = open_run(&c);
  if (!status)
    status = few_run_time(c.training, &cost->update, &cost->evaluation, error);
  if (!status)
    *cost = (struct formation_cost){cost->update, cost->evaluation, few_run_bytes(c.training),
                                    few_run_disk(c.training)};
  close_run(&c);
  return status;
}

int formation_items_open(const struct manifest_formation *formation, struct few_items *items,
                         struct error *error)
{
  if (formation->items == FEW_FILE)
    return few_items_open(formation->file, items, error);
  *items = few_items_surrogate(formation->items, formation->item_seed);
  return 0;
}

uint64_t formation_updates(const struct formation_work *work, const struct formation_run *run)
{
  size_t batch = formation_recipe(&work->manifest->formation, run).batch;
  return (run->sequences + batch - 1) / batch;
}

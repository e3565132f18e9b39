/* The files of a run.
 *
 * state.safetensors: "identity"; "updates" F64 [u][2], loss and norm; "evaluations" U8 [e][bytes],
 * the structures as they lie in memory; "kept" U8 [k][16], if there are checkpoints so far, the
 * XXH3-128 of each one's file; "parameters.NAME", "exp_avg.NAME", "exp_avg_sq.NAME" F32 of
 * every tensor; "digest". A checkpoint: the tensors alone. */
#include "few_shot/run_parts.h"

#include "base/file.h"
#include "base/file_write.h"
#include "base/memory.h"
#include "few_shot/course.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct few_update) == 2 * sizeof(double), "an update is a row of numbers");
_Static_assert(sizeof(struct few_evaluation) == (2 + FEW_SETS * FEW_SCORES) * sizeof(double),
               "no padding whose bytes would be written");

/* --- logs --- */

static int grow(void **array, size_t *room, size_t count, size_t size, struct error *error)
{
  void *larger = memory_room(*array, count, room, size);
  if (!larger)
    return error_set(error, EXIT_RUN, "out of memory for the log of a run");
  *array = larger;
  return 0;
}

int few_log_reserve(struct few_run *run, size_t updates, size_t evaluations, struct error *error)
{
  void *u = run->log.updates, *e = run->log.evaluations;
  int status = grow(&u, &run->update_room, updates, sizeof *run->log.updates, error);
  run->log.updates = u;
  if (!status)
    status = grow(&e, &run->evaluation_room, evaluations, sizeof *run->log.evaluations, error);
  run->log.evaluations = e;
  return status;
}

static void updates_csv(const struct few_run *run, struct text *text)
{
  text_add(text, "update,sequences,loss,grad_norm\n");
  for (size_t i = 0; i < run->log.update_count; i++) {
    text_add(text, "%zu,%llu,", i + 1, (unsigned long long)few_run_sequences(run, i + 1));
    text_add_double(text, run->log.updates[i].loss);
    text_add(text, ",");
    text_add_double(text, run->log.updates[i].grad_norm);
    text_add(text, "\n");
  }
}

static void scores_line(const struct few_evaluation *e, int set, struct text *text)
{
  const struct few_scores *s = &e->sets[set];
  double values[FEW_SCORES];
  few_scores_list(s, values);
  text_add(text, "%llu,%s", (unsigned long long)e->sequences, few_set_names[set]);
  for (int i = 0; i < FEW_SCORES; i++) {
    text_add(text, ",");
    text_add_double(text, values[i]);
  }
  text_add(text, "\n");
}

static void evaluations_csv(const struct few_run *run, struct text *text)
{
  text_add(text, "sequences,set");
  for (int i = 0; i < FEW_SCORES; i++)
    text_add(text, ",%s", few_score_names[i]);
  text_add(text, "\n");
  for (size_t i = 0; i < run->log.evaluation_count; i++)
    for (int set = 0; set < FEW_SETS; set++)
      scores_line(&run->log.evaluations[i], set, text);
}

static void course_csv(const struct few_run *run, struct text *text)
{
  struct table table;
  few_course_table(&run->log, &table);
  table_separated(&table, ',', "", text);
  text->failed = text->failed || table.failed;
  table_free(&table);
}

static int write_csv(const struct few_run *run, const char *out, const char *name,
                     void (*fill)(const struct few_run *run, struct text *text),
                     struct error *error)
{
  struct text text = {0};
  fill(run, &text);
  int status = file_write_text_in(out, name, &text, error);
  text_free(&text);
  return status;
}

/* --- tensors --- */

static void add_tensors(struct state_parts *parts, const struct few_sizes *sizes, float *values,
                        const char *kind)
{
  for (int i = 0; i < FEW_TENSORS; i++) {
    struct few_place place = few_place(sizes, (enum few_tensor)i);
    const size_t shape[] = {place.rows, place.columns};
    state_parts_add(parts, DTYPE_F32, place.rank, shape + 2 - place.rank, values + place.offset,
                    kind, place.name);
  }
}

static int make_parts(struct few_run *run, struct state_parts *parts, struct error *error)
{
  const size_t updates[] = {run->log.update_count, 2};
  const size_t evaluations[] = {run->log.evaluation_count, sizeof *run->log.evaluations};
  const size_t kept[] = {run->kept_count, sizeof *run->kept};
  if (state_parts_open(parts, run->identity, 3 * FEW_TENSORS + 3, error))
    return error->code;
  state_parts_add(parts, DTYPE_F64, 2, updates, run->log.updates, "updates", "");
  if (run->recipe->evaluate_every)
    state_parts_add(parts, DTYPE_U8, 2, evaluations, run->log.evaluations, "evaluations", "");
  if (run->kept_count)
    state_parts_add(parts, DTYPE_U8, 2, kept, run->kept, "kept", "");
  add_tensors(parts, &run->sizes, run->parameters, "parameters.");
  add_tensors(parts, &run->sizes, run->adam.m, "exp_avg.");
  add_tensors(parts, &run->sizes, run->adam.v, "exp_avg_sq.");
  return 0;
}

/* The state last: what it claims to be done is on the disk. */
int few_run_save(struct few_run *run, const char *out, struct error *error)
{
  struct state_parts parts = {0};
  if (write_csv(run, out, FEW_UPDATES_FILE, updates_csv, error) ||
      write_csv(run, out, "evaluations.csv", evaluations_csv, error) ||
      write_csv(run, out, FEW_COURSE_FILE, course_csv, error))
    return error->code;
  int status = run->log.update_count ? make_parts(run, &parts, error) : 0;
  if (!status && run->log.update_count)
    status = state_parts_save(&parts, out, TRAIN_STATE_STEM, error);
  state_parts_free(&parts);
  return status;
}

/* The file's name, of the multiple that the boundary is at or after; the last of the recipe's
 * sequences. */
static uint64_t checkpoint_name(const struct few_run *run, uint64_t updates)
{
  uint64_t every = run->recipe->checkpoint_every;
  return updates == few_run_updates(run) ? run->recipe->sequences
                                         : few_run_sequences(run, updates) / every * every;
}

bool few_run_has_checkpoint(const struct few_run *run, uint64_t updates, uint64_t *n)
{
  bool has = few_run_keeps(run, updates);
  *n = has ? checkpoint_name(run, updates) : 0;
  return has;
}

static int reserve_kept(struct few_run *run, size_t count, struct error *error)
{
  void *kept = run->kept;
  int status = grow(&kept, &run->kept_room, count, sizeof *run->kept, error);
  run->kept = kept;
  return status;
}

/* Remembers the checkpoint just written. */
static int keep_digest(struct few_run *run, const char *out, uint64_t updates, struct error *error)
{
  if (reserve_kept(run, run->kept_count + 1, error))
    return error->code;
  char *path = few_checkpoint_path(out, checkpoint_name(run, updates), error);
  int status =
      path ? state_parts_digest_file(path, run->kept[run->kept_count], error) : error->code;
  free(path);
  run->kept_count += !status;
  return status;
}

int few_run_checkpoint(struct few_run *run, const char *out, uint64_t updates, struct error *error)
{
  struct state_parts parts = {0};
  char stem[32];
  snprintf(stem, sizeof stem, "%llu", (unsigned long long)checkpoint_name(run, updates));
  int status = state_parts_open(&parts, NULL, FEW_TENSORS, error);
  if (!status) {
    add_tensors(&parts, &run->sizes, run->parameters, "");
    status = state_parts_save(&parts, out, stem, error);
  }
  state_parts_free(&parts);
  return status ? status : keep_digest(run, out, updates, error);
}

char *few_checkpoint_path(const char *out, uint64_t sequences, struct error *error)
{
  char name[48];
  snprintf(name, sizeof name, "%llu.safetensors", (unsigned long long)sequences);
  return file_join(out, name, error);
}

/* --- reading --- */

static bool is_table(const struct tensor *t, const char *name, enum dtype dtype, size_t columns)
{
  return strcmp(t->name, name) == 0 && t->dtype == dtype && t->rank == 2 && t->shape[0] > 0 &&
         t->shape[1] == (int64_t)columns;
}

/* How many updates and evaluations there are comes first: nothing else says so. */
static int read_counts(struct few_run *run, const char *path, const struct safetensors *file,
                       struct error *error)
{
  bool evaluated = run->recipe->evaluate_every > 0;
  const struct tensor *t = file->tensors;
  if (file->count < 3 || !is_table(t + 1, "updates", DTYPE_F64, 2) ||
      (uint64_t)t[1].shape[0] > few_run_updates(run) ||
      (evaluated && !is_table(t + 2, "evaluations", DTYPE_U8, sizeof *run->log.evaluations)))
    return state_parts_damaged(path, "the updates of this recipe are not in it", error);
  size_t updates = (size_t)t[1].shape[0], evaluations = evaluated ? (size_t)t[2].shape[0] : 0;
  size_t checkpoints = 0;
  for (uint64_t u = 0; u <= updates; u++)
    checkpoints += few_run_keeps(run, u);
  if (few_log_reserve(run, updates, evaluations, error) || reserve_kept(run, checkpoints, error))
    return error->code;
  run->kept_count = checkpoints;
  run->log.update_count = updates;
  run->log.evaluation_count = evaluations;
  return 0;
}

static int open_file(const char *path, struct blob *blob, struct safetensors *file,
                     struct error *error)
{
  if (file_map(path, blob, error))
    return error->code;
  return safetensors_parse(path, blob->data, blob->size, file, error);
}

static int check_checkpoint(const struct few_run *run, const char *out, uint64_t updates,
                            const uint8_t *digest, struct error *error)
{
  char *path = few_checkpoint_path(out, checkpoint_name(run, updates), error);
  int status = path ? 0 : error->code;
  if (path && !file_exists(path))
    status = error_set(error, EXIT_INPUT,
                       "%s: is missing though the run got past it; remove %s/" TRAIN_STATE_FILE
                       " to start over",
                       path, out);
  else if (path)
    status = state_parts_check_file(path, out, digest, error);
  free(path);
  return status;
}

/* Checkpoints that the run got past must be there as it wrote them. */
static int check_checkpoints(const struct few_run *run, const char *out, struct error *error)
{
  size_t checkpoint = 0;
  for (uint64_t u = 0; u <= run->log.update_count; u++)
    if (few_run_keeps(run, u) && check_checkpoint(run, out, u, run->kept[checkpoint++], error))
      return error->code;
  return 0;
}

static int load_state(struct few_run *run, const char *path, struct error *error)
{
  struct blob blob = {0};
  struct safetensors file = {0};
  struct state_parts parts = {0};
  int status = open_file(path, &blob, &file, error);
  if (!status)
    status = read_counts(run, path, &file, error);
  if (!status)
    status = make_parts(run, &parts, error);
  if (!status)
    status = state_parts_load(&parts, path, &file, error);
  if (!status)
    few_adam_resume(&run->adam, run->log.update_count);
  state_parts_free(&parts);
  safetensors_free(&file);
  blob_free(&blob);
  return status;
}

int few_run_load(struct few_run *run, const char *out, struct error *error)
{
  char *path = file_join(out, TRAIN_STATE_FILE, error);
  int status = path ? 0 : error->code;
  if (path && file_exists(path)) {
    status = load_state(run, path, error);
    if (!status)
      status = check_checkpoints(run, out, error);
  }
  free(path);
  return status;
}

static int check_finite(const char *path, const float *values, size_t count, struct error *error)
{
  for (size_t i = 0; i < count; i++)
    if (!isfinite(values[i]))
      return error_set(error, EXIT_INPUT, "%s: parameter %zu is not finite", path, i);
  return 0;
}

int few_checkpoint_read(const char *path, const struct few_sizes *sizes, float *parameters,
                        struct error *error)
{
  struct blob blob = {0};
  struct safetensors file = {0};
  struct state_parts parts = {0};
  int status = open_file(path, &blob, &file, error);
  if (!status)
    status = state_parts_open(&parts, NULL, FEW_TENSORS, error);
  if (!status) {
    add_tensors(&parts, sizes, parameters, "");
    if (state_parts_load(&parts, path, &file, error))
      status = error_set(error, EXIT_INPUT,
                         "%s: is not a checkpoint of a few-shot model of this size (%zu numbers "
                         "an item, hidden %zu, %zu labels)",
                         path, sizes->width, sizes->hidden, sizes->labels);
  }
  if (!status)
    status = check_finite(path, parameters, few_parameters(sizes), error);
  state_parts_free(&parts);
  safetensors_free(&file);
  blob_free(&blob);
  return status;
}

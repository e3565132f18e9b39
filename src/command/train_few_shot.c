#include "command/train_few_shot.h"

#include "base/interrupt.h"
#include "base/json.h"
#include "base/progress.h"
#include "command/train_examine.h"
#include "few_shot/course.h"
#include "study/outputs.h"

#include <stdio.h>
#include <stdlib.h>

/* The run as it is watched. */
struct watch {
  const struct train_options *options;
  const struct runtime *runtime;
  struct few_training *training;
  double update, evaluation; /* seconds */
  struct train_examination examination;
  struct progress progress;
};

/* The JSON must not be a file of the run, nor what it reads. */
static int check_outputs(const struct train_options *o, struct error *error)
{
  static const char *const names[] = {"identity.json", FEW_UPDATES_FILE, "evaluations.csv",
                                      FEW_COURSE_FILE, "state.safetensors"};
  const struct output json = {.option = "--json", .path = o->common.json};
  if (outputs_check(&json, 1, error) || outputs_spare_read(&json, 1, error))
    return error->code;
  for (size_t i = 0; o->out && i < sizeof names / sizeof *names; i++)
    if (outputs_spare_inside(&json, 1, o->out, names[i], error))
      return error->code;
  return o->examine && o->out ? train_examination_spare(o, &json, error) : 0;
}

static void print_plan(const struct watch *w, uint64_t done)
{
  const struct few_recipe *r = &w->training->recipe;
  const struct few_run *run = w->training->run;
  const struct few_sizes sizes = few_recipe_sizes(r, w->training->data.width);
  double left = (double)(few_run_updates(run) - done);
  double evaluations = r->evaluate_every ? left * (double)r->batch / (double)r->evaluate_every : 0;
  double all = left * w->update + evaluations * w->evaluation;
  char memory[32], disk[32];
  printf("%s: few-shot, 2 layers x %s, %zu parameters; %s in batches of %zu\n", r->name,
         text_counted(r->heads, "head").text, few_parameters(&sizes),
         text_counted((size_t)r->sequences, "sequence").text, r->batch);
  printf("  SHA-256 of the recipe: %s\n", few_run_identity(run));
  printf(
      "  about %.3g %s at %.3g ms an update and %.3g ms an evaluation%s, %s of memory, %s on the "
      "disk\n",
      all < 120 ? all : all / 60, all < 120 ? "s" : "min", 1000 * w->update, 1000 * w->evaluation,
      done ? ", for what is left" : "", text_bytes(memory, sizeof memory, few_run_bytes(run)),
      text_bytes(disk, sizeof disk, few_run_disk(run)));
  if (w->options->examine)
    train_examination_print(w->options, &w->examination);
  fflush(stdout); /* before the long work */
}

static void begun(void *context, uint64_t done)
{
  struct watch *w = context;
  if (w->runtime->text)
    print_plan(w, done);
  progress_start(&w->progress, w->training->recipe.name, (double)few_run_updates(w->training->run),
                 w->options->common.quiet);
  progress_go_on(&w->progress, (double)done);
}

static bool updated(void *context, uint64_t update, const struct few_update *record)
{
  struct watch *w = context;
  snprintf(w->progress.label, sizeof w->progress.label, "%.60s: update %llu, loss %.4f",
           w->training->recipe.name, (unsigned long long)update, record->loss);
  progress_update(&w->progress, (double)update);
  return !interrupt_requested();
}

static const struct few_evaluation *last_evaluation(const struct few_run *run)
{
  const struct few_log *log = few_run_log(run);
  return log->evaluation_count ? &log->evaluations[log->evaluation_count - 1] : NULL;
}

static json_t *evaluation_json(const struct few_evaluation *e)
{
  json_t *object = json_object();
  json_put(object, "sequences", json_integer((json_int_t)e->sequences));
  for (int set = 0; set < FEW_SETS; set++)
    json_put(object, few_set_names[set],
             json_pack("{s:f, s:f, s:f}", "loss", e->sets[set].loss, "acc", e->sets[set].acc,
                       "in_context_acc", e->sets[set].in_context_acc));
  return object;
}

/* Bytes and SHA-256 of the last checkpoint. */
static int add_checkpoint(const struct watch *w, json_t *all, struct error *error)
{
  struct blob blob;
  struct digest digest;
  char *path = few_checkpoint_path(w->options->out, w->training->recipe.sequences, error);
  int status = path ? file_map(path, &blob, error) : error->code;
  if (!status) {
    status = digest_blob(&blob, NULL, 0, &digest, error);
    if (!status)
      json_put(all, "checkpoint",
               json_pack("{s:s, s:I, s:s}", "file", path, "bytes", (json_int_t)blob.size, "sha256",
                         digest.sha256));
    blob_free(&blob);
  }
  free(path);
  return status;
}

/* When each set was learned, how long its loss stood still (few_shot/course.h). */
static json_t *course_json(const struct few_run *run)
{
  struct table table;
  few_course_table(few_run_log(run), &table);
  json_t *rows = table_json(&table);
  table_free(&table);
  return rows;
}

/* Examines the model if that is asked for, and writes the JSON. */
static int finish(const struct watch *w, struct error *error)
{
  const struct train_options *o = w->options;
  const struct few_recipe *r = &w->training->recipe;
  const struct few_run *run = w->training->run;
  const struct few_sizes sizes = few_recipe_sizes(r, w->training->data.width);
  json_t *all = json_object();
  json_put(all, "name", json_string(r->name));
  json_put(all, "identity", json_string(few_run_identity(run)));
  json_put(all, "kind", json_string("few_shot"));
  json_put(all, "parameters", json_integer((json_int_t)few_parameters(&sizes)));
  json_put(all, "updates", json_integer((json_int_t)few_run_updates(run)));
  json_put(all, "memory_bytes", json_integer((json_int_t)few_run_bytes(run)));
  json_put(all, "disk_bytes", json_integer((json_int_t)few_run_disk(run)));
  json_put(all, "isa", json_string(w->runtime->kernels->name));
  json_put(all, "last", last_evaluation(run) ? evaluation_json(last_evaluation(run)) : json_null());
  json_put(all, "course", course_json(run));
  int status = o->dry_run || !o->common.json ? 0 : add_checkpoint(w, all, error);
  if (!status && o->examine && !o->dry_run)
    status = train_examine(o, w->runtime, w->training, &w->examination, all, error);
  if (!status && o->common.json)
    status = json_write(w->options->common.json, all, error);
  json_decref(all);
  return status;
}

static int print_course(const struct few_run *run, struct error *error)
{
  struct table table;
  struct text text = {0};
  few_course_table(few_run_log(run), &table);
  table_aligned(&table, "  ", &text);
  bool failed = table.failed || text.failed;
  if (!failed && text.data)
    fputs(text.data, stdout);
  table_free(&table);
  text_free(&text);
  return failed ? error_set(error, EXIT_RUN, "out of memory for the course of a run") : 0;
}

/* What came of it. Scores are of the last evaluation, which need not be at the end. */
static int print_end(const struct watch *w, struct error *error)
{
  const struct few_recipe *r = &w->training->recipe;
  const struct few_evaluation *last = last_evaluation(w->training->run);
  const struct few_log *log = few_run_log(w->training->run);
  unsigned long long trained = log->update_count * r->batch;
  printf("%s: %llu sequences trained; logs and checkpoints in %s\n", r->name, trained,
         text_shown(w->options->out).text);
  if (!last) {
    printf("  never evaluated, as the recipe says; the loss of every batch is in updates.csv\n");
    return 0;
  }
  printf("  loss and accuracy %s %llu sequences; times in sequences, plateaus in evaluations, one "
         "every %llu:\n",
         last->sequences == trained ? "after" : "are not of the end, but of the evaluation after",
         (unsigned long long)last->sequences, (unsigned long long)r->evaluate_every);
  return print_course(w->training->run, error);
}

static int run(struct watch *w, struct error *error)
{
  const struct few_run_events events = {.begun = begun, .updated = updated, .context = w};
  struct few_run *run = w->training->run;
  const char *out = w->options->out;
  interrupt_install();
  int status = few_run(run, out, &events, error);
  if (*w->progress.label)
    progress_end(&w->progress);
  unsigned long long done = few_run_done(run), all = few_run_updates(run);
  if (!status && done < all)
    return error_set(error, EXIT_RUN,
                     "%s: interrupted after update %llu of %llu; run the same command again to "
                     "resume",
                     out, done, all);
  return status || !w->runtime->text ? status : print_end(w, error);
}

static int train(struct watch *w, struct error *error)
{
  const struct train_options *o = w->options;
  if (check_outputs(o, error) ||
      (o->examine && train_examination_plan(o, w->runtime, w->training, &w->examination, error)) ||
      (w->runtime->text && few_run_time(w->training->run, &w->update, &w->evaluation, error)))
    return error->code;
  if (o->dry_run && w->runtime->text)
    print_plan(w, 0);
  if (!o->dry_run && run(w, error))
    return error->code;
  return finish(w, error);
}

int train_few_shot(const struct train_options *o, const struct runtime *runtime,
                   struct error *error)
{
  struct few_training training;
  struct watch watch = {.options = o, .runtime = runtime, .training = &training};
  int status = few_training_open(o->recipe, runtime, &training, error);
  if (!status)
    status = train(&watch, error);
  few_training_close(&training);
  return status;
}

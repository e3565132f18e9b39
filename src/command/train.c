#include "base/digest.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/text.h"
#include "command/command.h"
#include "command/train_few_shot.h"
#include "study/outputs.h"
#include "train/training.h"

#include <stdio.h>
#include <stdlib.h>

static int parse(int argc, char **argv, struct train_options *o, bool *help, struct error *error)
{
  const struct option_spec specs[] = {
      {"out", OPTION_STRING, &o->out, 0, 0, "DIR",
       "a new or empty directory, or that of a run that was stopped, which then resumes"},
      {"dry-run", OPTION_FLAG, &o->dry_run, 0, 0, NULL, "show what the run would take, and stop"},
      {"examine", OPTION_FLAG, &o->examine, 0, 0, NULL,
       "of a few-shot recipe: once trained, or on a run that has ended, measure what its heads do, "
       "without the clamp (docs/TRAINING.md): tables heads.csv and others in DIR"},
      {"stride", OPTION_NUMBER, &o->stride, 1, 1000000, "N",
       "with --examine: every Nth of all training sequences; default: 1"},
      {"wiring", OPTION_FLAG, &o->wiring, 0, 0, NULL,
       "with --examine: also which heads of layer 0 serve which of layer 1, on every 17th of "
       "those"},
      {"checkpoint", OPTION_NUMBER, &o->checkpoint, 0, (uint64_t)1 << 40, "N",
       "with --examine: DIR/N.safetensors instead of the last parameters; tables in DIR/N"},
      COMMON_OPTIONS(&o->common),
  };
  const struct option_list list = {
      "train RECIPE.json --out DIR [OPTIONS]",
      "Trains a language model, or a few-shot model under clamps, as a recipe says\n"
      "(docs/TRAINING.md), to the same bits on every machine. DIR gets the checkpoints that the\n"
      "recipe keeps, steps.csv with the loss of every step (few-shot: updates.csv,\n"
      "evaluations.csv, and course.csv, when it learned), and state.safetensors, from which the\n"
      "same command resumes after ^C or a kill.",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  if (options_parse(argc, argv, &list, &o->recipe, 1, &used, help, error) || *help)
    return error->code;
  if (used != 1 || (!o->out && !o->dry_run))
    return error_set(error, EXIT_INPUT,
                     "train: RECIPE.json and --out (or --dry-run) are needed; see --help");
  if (!o->examine && (o->stride || o->wiring || o->checkpoint != TRAIN_LAST))
    return error_set(error, EXIT_INPUT,
                     "train: --stride, --wiring and --checkpoint go with --examine");
  return 0;
}

/* The JSON must not be a file of the run, nor what it reads. */
static int check_outputs(const struct train_options *o, struct error *error)
{
  static const char *const names[] = {"identity.json", "steps.csv", TRAIN_STATE_FILE};
  const struct output json = {.option = "--json", .path = o->common.json};
  if (outputs_check(&json, 1, error) || outputs_spare_read(&json, 1, error))
    return error->code;
  for (size_t i = 0; o->out && i < sizeof names / sizeof *names; i++)
    if (outputs_spare_inside(&json, 1, o->out, names[i], error))
      return error->code;
  return 0;
}

/* Of the steps that are left after `done`. */
static void print_plan(const struct training *t, double seconds, uint64_t done)
{
  const struct model_config *c = &t->parameters.model.config;
  const struct data_settings *d = &t->data.settings;
  unsigned long long steps = t->recipe.steps;
  char memory[32], disk[32], left[80] = "";
  double all = seconds * (double)(steps - done);
  if (done)
    snprintf(left, sizeof left, " for the %s left",
             text_counted((size_t)(steps - done), "step").text);
  printf("%s: %s, %s x %s, %zu parameters; %s of %zu x %s\n", t->recipe.name,
         model_family_name(c->family), text_counted(c->layers, "layer").text,
         text_counted(c->heads, "head").text, t->parameters.elements,
         text_counted((size_t)steps, "step").text, d->sequences,
         text_counted(d->length, "token").text);
  printf("  SHA-256 of the recipe: %s\n", t->identity);
  printf("  about %.3g %s%s at %.3g ms a step, %s of memory, %s on the disk\n",
         all < 120 ? all : all / 60, all < 120 ? "s" : "min", left, 1000 * seconds,
         text_bytes(memory, sizeof memory, t->bytes), text_bytes(disk, sizeof disk, t->disk_bytes));
  fflush(stdout); /* before the long work */
}

/* The run as it is watched. */
struct watch {
  const struct training *training;
  double seconds; /* a step */
  struct progress progress;
  bool quiet;
};

static void begun(void *context, uint64_t done)
{
  struct watch *w = context;
  if (w->training->runtime->text)
    print_plan(w->training, w->seconds, done);
  progress_start(&w->progress, w->training->recipe.name, (double)w->training->recipe.steps,
                 w->quiet);
  progress_go_on(&w->progress, (double)done);
}

static bool stepped(void *context, uint64_t step, const struct train_record *record)
{
  struct watch *w = context;
  snprintf(w->progress.label, sizeof w->progress.label, "%.60s: step %llu, loss %.4f",
           w->training->recipe.name, (unsigned long long)step, record->loss);
  progress_update(&w->progress, (double)step);
  return !interrupt_requested();
}

static int add_revision(json_t *list, const char *out, uint64_t step, struct error *error)
{
  struct blob blob;
  struct digest digest;
  char *directory = training_revision(out, step, error);
  char *path = directory ? file_join(directory, "model.safetensors", error) : NULL;
  int status = path ? file_map(path, &blob, error) : error->code;
  if (!status) {
    status = digest_blob(&blob, NULL, 0, &digest, error);
    if (!status)
      json_add(list, json_pack("{s:I, s:I, s:s, s:s}", "step", (json_int_t)step, "bytes",
                               (json_int_t)blob.size, "sha256", digest.sha256, "xxh3_128",
                               digest.xxh3_128));
    blob_free(&blob);
  }
  free(path);
  free(directory);
  return status;
}

static json_t *last_json(const struct train_log *log)
{
  if (!log->count)
    return json_null();
  const struct train_record *r = &log->records[log->count - 1];
  return json_pack("{s:I, s:f, s:f, s:f}", "step", (json_int_t)log->count, "loss", r->loss,
                   "cross_entropy", r->cross_entropy, "grad_norm", r->grad_norm);
}

static int write_json(const struct train_options *o, const struct training *t, struct error *error)
{
  json_t *revisions = json_array(), *all = json_object();
  int status = 0;
  for (size_t i = 0; o->out && !o->dry_run && i < t->recipe.revision_count && !status; i++)
    status = add_revision(revisions, o->out, t->recipe.revisions[i], error);
  json_put(all, "name", json_string(t->recipe.name));
  json_put(all, "identity", json_string(t->identity));
  json_put(all, "family", json_string(model_family_name(t->parameters.model.config.family)));
  json_put(all, "parameters", json_integer((json_int_t)t->parameters.elements));
  json_put(all, "steps", json_integer((json_int_t)t->recipe.steps));
  json_put(all, "memory_bytes", json_integer((json_int_t)t->bytes));
  json_put(all, "disk_bytes", json_integer((json_int_t)t->disk_bytes));
  json_put(all, "isa", json_string(t->runtime->kernels->name));
  json_put(all, "last", last_json(&t->log));
  json_put(all, "revisions", revisions);
  if (!status)
    status = json_write(o->common.json, all, error);
  json_decref(all);
  return status;
}

static int run(const struct train_options *o, struct training *t, double seconds,
               struct error *error)
{
  struct watch watch = {.training = t, .seconds = seconds, .quiet = o->common.quiet};
  const struct training_events events = {begun, stepped, &watch};
  uint64_t done;
  interrupt_install();
  int status = training_run(t, o->out, &events, &done, error);
  if (*watch.progress.label)
    progress_end(&watch.progress);
  if (!status && done < t->recipe.steps)
    status =
        error_set(error, EXIT_RUN,
                  "%s: interrupted after step %llu of %llu; run the same command again to resume",
                  o->out, (unsigned long long)done, (unsigned long long)t->recipe.steps);
  if (!status && t->runtime->text && t->log.count)
    printf("%s: step %llu, loss %.6f; %s in %s\n", t->recipe.name, (unsigned long long)done,
           t->log.records[done - 1].loss, text_counted(t->recipe.revision_count, "revision").text,
           text_shown(o->out).text);
  return status;
}

static int train(const struct train_options *o, struct training *t, struct error *error)
{
  double seconds = 0;
  if (o->examine)
    return error_set(error, EXIT_INPUT,
                     "--examine: is of few-shot recipes; %s is of a language model, whose "
                     "checkpoints attest screen and attest ablate examine",
                     text_shown(o->recipe).text);
  if (check_outputs(o, error) || (t->runtime->text && training_time(t, &seconds, error)))
    return error->code;
  if (o->dry_run && t->runtime->text)
    print_plan(t, seconds, 0);
  if (!o->dry_run && run(o, t, seconds, error))
    return error->code;
  return o->common.json ? write_json(o, t, error) : 0;
}

int command_train(int argc, char **argv, struct error *error)
{
  struct train_options o = {.checkpoint = TRAIN_LAST};
  struct runtime runtime;
  struct training training;
  bool help = false;
  if (parse(argc, argv, &o, &help, error) || help)
    return error->code;
  if (runtime_start(&o.common, &runtime, error))
    return error->code;
  bool few_shot = false;
  int status = few_training_is(o.recipe, &few_shot, error);
  if (!status && few_shot) {
    status = train_few_shot(&o, &runtime, error);
  } else if (!status) {
    status = training_open(o.recipe, &runtime, &training, error);
    if (!status)
      status = train(&o, &training, error);
    training_close(&training);
  }
  runtime_stop(&runtime);
  return status;
}

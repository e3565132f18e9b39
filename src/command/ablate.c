#include "base/file_write.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/lock.h"
#include "command/ablate_options.h"
#include "command/batch_options.h"
#include "command/command.h"
#include "command/intervals.h"
#include "command/terminal.h"
#include "study/ablating.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUTS 5
#define RESULTS 3 /* the first of them, which outlive the run */

struct ablate {
  struct common_options common;
  struct batch_options batch;
  struct text_options text;
  struct batch examples; /* of the texts, if any */
  int64_t texts;
  struct ablate_options what;
  const char *out;
  struct selection selection;
  struct ablating ablating;
  struct output outputs[OUTPUTS];
  struct text partial, partial_screen;
  uint64_t resamples;
  char *intervals; /* where they go beside --out; owned */
};

static int parse(int argc, char **argv, struct ablate *a, const char **path, bool *help,
                 struct error *error)
{
  const struct option_spec specs[] = {
      ABLATE_OPTIONS(&a->what),
      TEXT_OPTIONS(&a->text),
      BATCH_OPTIONS(&a->batch, "without influence here; as for attest screen"),
      {"out", OPTION_STRING, &a->out, 0, 0, "FILE.csv", "write one row a condition"},
      {"bootstrap", OPTION_NUMBER, &a->resamples, 1, BOOTSTRAP_MOST, "B",
       "95 % intervals from B resamples of the sequences, also to FILE.bootstrap.csv; 200 is "
       "usual"},
      COMMON_OPTIONS(&a->common),
  };
  const struct option_list list = {
      "ablate MODEL_DIR --heads LIST | --circuit CLASS | --top-integral K [OPTIONS]",
      "Zeroes the outputs of attention heads, before the output projection and at all positions,\n"
      "and says how well the model still continues the repeated pair at the last position: over\n"
      "all sequences, how often its target comes first or among five, the mean cross-entropy and\n"
      "the mean logit. Batch and MODEL_DIR are those of attest screen. With --tokens the batch is\n"
      "that of the screen alone, and the model continues the first token that occurs again in\n"
      "each text, where it occurs last.",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  if (options_parse(argc, argv, &list, path, 1, &used, help, error) || *help)
    return error->code;
  if (used != 1)
    return error_set(error, EXIT_INPUT, "ablate: MODEL_DIR is missing; see --help");
  a->ablating.beyond_context = a->batch.beyond_context;
  a->ablating.selection = &a->selection;
  a->ablating.resamples = (size_t)a->resamples;
  return batch_options_read(&a->batch, &a->ablating.protocol, error);
}

/* What an interrupted run goes on from: beside FILE.csv, or the JSON; a pipe or a device has no
 * place for it. */
static const char *place_of_partial(const struct ablate *a)
{
  struct stat info;
  const char *file = a->out ? a->out : a->common.json;
  return file && strcmp(file, "-") != 0 && (stat(file, &info) != 0 || S_ISREG(info.st_mode)) ? file
                                                                                             : NULL;
}

static int list_outputs(struct ablate *a, struct error *error)
{
  const char *file = place_of_partial(a);
  if (file) {
    text_add(&a->partial, "%s.partial", file);
    text_add(&a->partial_screen, "%s.screen.partial", file);
    if (a->partial.failed || a->partial_screen.failed)
      return error_set(error, EXIT_RUN, "%s: out of memory", file);
    a->ablating.partial = a->partial.data;
    a->ablating.partial_screen = a->partial_screen.data;
  }
  if (a->resamples && a->out && strcmp(a->out, "-") != 0) {
    a->intervals = intervals_path(a->out, error);
    if (!a->intervals)
      return error->code;
  }
  const struct output outputs[OUTPUTS] = {
      {.option = "--out", .path = a->out},
      {.option = "the intervals of --out", .path = a->intervals},
      {.option = "--json", .path = a->common.json},
      {.option = "the chunks of the ablation", .path = a->partial.data},
      {.option = "the chunks of its screen", .path = a->partial_screen.data}};
  memcpy(a->outputs, outputs, sizeof outputs);
  a->ablating.outputs = a->outputs;
  a->ablating.output_count = OUTPUTS;
  return outputs_check(a->outputs, OUTPUTS, error);
}

/* The last part of a path: the folder that holds the checkpoint. */
static const char *revision_of(const char *path, char *name, size_t size)
{
  size_t end = strlen(path), start;
  while (end > 1 && path[end - 1] == '/')
    end--;
  for (start = end; start > 0 && path[start - 1] != '/' && path[start - 1] != ':'; start--)
    ;
  snprintf(name, size, "%.*s", (int)(end - start), path + start);
  return name;
}

/* Writes a filled table, which it releases. */
static int write_table(const char *to, struct table *table, struct error *error)
{
  int status = file_write_table(to, table, error);
  table_free(table);
  return status;
}

static int write_csv(const char *to, const char *revision, const struct ablations *ablations,
                     struct error *error)
{
  struct table table = {.columns = ablations_columns, .column_count = ABLATIONS_COLUMNS};
  ablations_rows(ablations, revision, &table);
  return write_table(to, &table, error);
}

static int write_intervals(const char *to, const char *revision, const struct ablations *ablations,
                           struct error *error)
{
  struct table table = {.columns = ablations_interval_columns,
                        .column_count = ABLATIONS_INTERVAL_COLUMNS};
  ablations_interval_rows(ablations, revision, &table);
  return write_table(to, &table, error);
}

static int write_json(const struct ablate *a, const char *path, const char *revision,
                      const struct ablations *ablations, struct error *error)
{
  const char *to = a->common.json;
  json_t *all = ablations_json(ablations, text_shown(path).text, revision);
  if (a->text.path)
    json_put(all, "tokens", text_options_json(&a->text, &a->examples, a->texts));
  int status =
      all ? json_write(to, all, error) : error_set(error, EXIT_RUN, "%s: out of memory", to);
  json_decref(all);
  return status;
}

static int print(const char *path, const struct ablate_options *what,
                 const struct ablations *ablations, struct error *error)
{
  struct text text = {0};
  text_add(&text, "%s: ", text_shown(path).text);
  ablations_text(ablations, &text);
  ablate_options_source(what, &text);
  if (text.data)
    fputs(text.data, stdout);
  int status = text.failed ? error_set(error, EXIT_RUN, "ablate: out of memory") : 0;
  text_free(&text);
  return status;
}

static int deliver(const char *path, const struct ablate *a, const struct runtime *runtime,
                   const struct ablations *ablations, struct error *error)
{
  char name[1024], shown[2048];
  text_escape(shown, sizeof shown, revision_of(path, name, sizeof name));
  if (a->out && write_csv(a->out, shown, ablations, error))
    return error->code;
  if (a->intervals && write_intervals(a->intervals, shown, ablations, error))
    return error->code;
  if (a->common.json && write_json(a, path, shown, ablations, error))
    return error->code;
  bool text = runtime->text && !(a->out && strcmp(a->out, "-") == 0);
  int status = 0;
  if (text)
    status = print(path, &a->what, ablations, error);
  if (!status && text && a->text.path)
    text_options_print(&a->text, &a->examples, a->texts);
  return status;
}

static int run(const char *path, struct ablate *a, struct error *error)
{
  struct runtime runtime = {0};
  struct ablations ablations;
  if (runtime_start(&a->common, &runtime, error))
    return error->code;
  runtime.notices = terminal_notices(runtime.quiet);
  interrupt_install();
  if (!ablating_run(path, &a->ablating, &runtime, &ablations, error)) {
    if (!deliver(path, a, &runtime, &ablations, error) && a->partial.data) {
      unlink(a->partial.data);
      unlink(a->partial_screen.data);
    }
    ablations_free(&ablations);
  }
  runtime_stop(&runtime);
  return error->code;
}

static int read_texts(struct ablate *a, struct error *error)
{
  a->ablating.given_protocol = a->ablating.protocol;
  a->ablating.given = a->text.path ? &a->examples : NULL;
  a->ablating.given_path = a->text.path;
  return text_options_read(&a->text, false, &a->ablating.given_protocol, &a->examples, &a->texts,
                           error);
}

int command_ablate(int argc, char **argv, struct error *error)
{
  struct ablate a = {.batch = BATCH_OPTIONS_DEFAULT};
  struct lock lock = {0};
  const char *path;
  bool help = false;
  if (parse(argc, argv, &a, &path, &help, error) || help)
    return error->code;
  /* Hours of work must not end at an output that cannot be written, or that would be lost. */
  int status = list_outputs(&a, error);
  if (!status && a.partial.data)
    status = lock_beside(place_of_partial(&a), &lock, error);
  if (!status)
    status = ablate_options_read(&a.what, &a.selection, error);
  if (!status && (a.what.folder || a.what.trajectory))
    status = outputs_spare_folder(a.outputs, RESULTS,
                                  a.what.folder ? a.what.folder : a.what.trajectory, error);
  if (!status)
    status = read_texts(&a, error);
  if (!status)
    status = run(path, &a, error);
  batch_free(&a.examples);
  ablate_options_free(&a.what);
  lock_release(&lock);
  text_free(&a.partial);
  text_free(&a.partial_screen);
  free(a.intervals);
  return status;
}

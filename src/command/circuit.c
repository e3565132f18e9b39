#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/text.h"
#include "command/circuit_options.h"
#include "command/command.h"
#include "command/journal_json.h"
#include "command/journal_text.h"
#include "study/outputs.h"
#include "study/reproduction.h"

#include <stdio.h>

/* A file that is named .json is a manifest; models are directories and archives. */
static bool is_manifest(const char *path)
{
  return text_ends_with(path, ".json") && !file_is_directory(path);
}

/* Settings of a manifest stand in the manifest. */
static int check_manifest_options(const struct circuit_command *c, struct error *error)
{
  const struct {
    const char *name;
    bool given;
  } options[] = {{"task", c->task},     {"method", c->method},
                 {"steps", c->steps},   {"convention", c->convention},
                 {"choose", c->choose}, {"threshold", c->threshold},
                 {"bound", c->bound},   {"n", c->n},
                 {"pairs", c->pairs},   {"scan", c->scan},
                 {"oracle", c->oracle}, {"bootstrap", c->resamples}};
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    if (options[i].given)
      return error_set(error, EXIT_INPUT,
                       "--%s: is for a single model; of a manifest it stands in the manifest",
                       options[i].name);
  return 0;
}

static int check_model_options(const struct circuit_command *c, struct error *error)
{
  if (c->work || c->checkpoints || c->allow_unpinned || c->allow_uncompared)
    return error_set(error, EXIT_INPUT, "--%s: is for a manifest, not for a single model",
                     c->work             ? "work"
                     : c->checkpoints    ? "checkpoints"
                     : c->allow_unpinned ? "allow-unpinned"
                                         : "allow-uncompared");
  if (!c->task || !c->out)
    return error_set(error, EXIT_INPUT, "circuit: --%s is missing; see --help",
                     c->task ? "out" : "task");
  return 0;
}

static int deliver(const struct reproduction *r, const struct journal_text *text,
                   struct error *error)
{
  if (text->failed)
    return error_set(error, EXIT_RUN, "circuit: out of memory");
  if (text->text && journal_text_end(r->journal, r, error))
    return error->code;
  if (!r->json)
    return 0;
  json_t *all = journal_json(r->journal, r->runtime->kernels->name, error);
  int status = all ? json_write(r->json, all, error) : error->code;
  json_decref(all);
  return status;
}

/* As attest reproduce does it, which knows what to make of a manifest. */
static int run_manifest(const struct circuit_command *c, struct runtime *runtime,
                        struct error *error)
{
  struct journal_text text = {runtime->text, runtime->quiet, false, false};
  struct journal journal = {.watch = journal_text_watch, .context = &text};
  struct lock lock = {0};
  const struct reproduction r = {.runtime = runtime,
                                 .checkpoints = c->checkpoints,
                                 .json = c->common.json,
                                 .work = c->work ? c->work : "attest-work",
                                 .course_out = c->out,
                                 .circuits_only = true,
                                 .allow_unpinned = c->allow_unpinned,
                                 .allow_uncompared = c->allow_uncompared,
                                 .lock = &lock,
                                 .journal = &journal};
  journal_start(&journal);
  runtime->notices = (struct notices){runtime->quiet ? NULL : journal_notice, &journal};
  int status = reproduction_run(&r, c->path, error);
  if (!status)
    status = deliver(&r, &text, error);
  bool failed = journal_count(&journal, JOURNAL_FAILURE) > 0;
  journal_free(&journal);
  lock_release(&lock);
  return status ? status : failed ? EXIT_CHECK : EXIT_HELD;
}

static int of_manifest(const struct circuit_command *c, struct error *error)
{
  struct runtime runtime = {0};
  const struct output json = {.option = "--json", .path = c->common.json};
  if (check_manifest_options(c, error) || outputs_check(&json, 1, error) ||
      runtime_start(&c->common, &runtime, error))
    return error->code;
  interrupt_install();
  int status = run_manifest(c, &runtime, error);
  runtime_stop(&runtime);
  return status;
}

int command_circuit(int argc, char **argv, struct error *error)
{
  struct circuit_command command = {0};
  bool help = false;
  if (circuit_options_parse(argc, argv, &command, &help, error) || help)
    return error->code;
  if (is_manifest(command.path))
    return of_manifest(&command, error);
  return check_model_options(&command, error) ? error->code : circuit_of_model(&command, error);
}

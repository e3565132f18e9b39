#include "command/reproduce.h"

#include "base/embedded.h"
#include "base/file_use.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/path.h"
#include "command/command.h"
#include "command/formation_plots.h"
#include "command/journal_text.h"
#include "command/report_output.h"
#include "command/run_output.h"
#include "command/shipped.h"
#include "fetch/http.h"
#include "probe/bootstrap.h"
#include "study/outputs.h"
#include "study/reproduction.h"

#include <stdlib.h>

/* What is run without arguments: the published tables, then the trained checkpoints. */
static const char *const defaults[] = {
    "manifests/published.json",
    "manifests/published-circuits.json",
    "manifests/published-formation.json",
    "manifests/nursery-gpt_neox.json",
    "manifests/nursery-olmo.json",
    "manifests/nursery-olmoe.json",
    "manifests/circuits/nursery-gpt_neox.json",
    "manifests/circuits/nursery-olmo.json",
    "manifests/circuits/nursery-olmoe.json",
};

static int parse(int argc, char **argv, struct reproduce_options *o, const char **paths,
                 size_t *used, bool *help, struct error *error)
{
  const struct option_spec specs[] = {
      {"checkpoints", OPTION_STRING, &o->checkpoints, 0, 0, "DIR",
       "directory of the checkpoints, if not where the manifest says"},
      {"work", OPTION_STRING, &o->work, 0, 0, "DIR",
       "where finished revisions are kept for resuming; default attest-work"},
      {"update-golden", OPTION_FLAG, &o->update_golden, 0, 0, NULL,
       "write the golden files instead of comparing; refused when CI is set"},
      {"allow-unpinned", OPTION_FLAG, &o->allow_unpinned, 0, 0, NULL,
       "screen files without a pin, too; everything then says UNPINNED"},
      {"allow-uncompared", OPTION_FLAG, &o->allow_uncompared, 0, 0, NULL,
       "do not fail a run that nothing is compared with, such as a first one; the summary then "
       "says NOT COMPARED"},
      {"bootstrap", OPTION_NUMBER, &o->resamples, 1, BOOTSTRAP_MOST, "B",
       "say of each verdict on what is screened whether it survives B resamples of the sequences; "
       "200 is usual"},
      {"report", OPTION_STRING, &o->report, 0, 0, "FILE", "write a report, too: " REPORT_ENDINGS},
      {"all", OPTION_FLAG, &o->every, 0, 0, NULL,
       "show every reading of each figure, not only the summary"},
      {"stream", OPTION_FLAG, &o->stream, 0, 0, NULL,
       "fetch one revision at a time into --work, screen it, delete it; uses the network"},
      {"plots", OPTION_STRING, &o->plots, 0, 0, "DIR",
       "of manifests of training runs: loss curves as SVG, a plot a figure, and their points"},
      {"shard", OPTION_STRING, &o->shard, 0, 0, "I/N",
       "screen only the I-th of N equal parts and keep it in WORK/shard-I-of-N, for attest merge "
       "to join and compare (docs/MACHINES.md)"},
      {"base", OPTION_STRING, &o->base, 0, 0, "URL",
       "address of the hub, with --stream; default " FETCH_BASE},
      COMMON_OPTIONS(&o->common),
  };
  const struct option_list list = {
      "reproduce [MANIFEST...] [OPTIONS]",
      "Verifies the files of each manifest, screens its revisions, compares them with the golden\n"
      "trajectory bit for bit, and evaluates the claims. Without MANIFEST: the published tables\n"
      "and the trained checkpoints of this project. Can be killed and run again: finished\n"
      "revisions are resumed. Exit code 1 when a check failed.",
      specs, sizeof specs / sizeof *specs};
  if (options_parse(argc, argv, &list, paths, REPRODUCE_MOST_MANIFESTS, used, help, error) || *help)
    return error->code;
  if (o->checkpoints && *used != 1)
    return error_set(error, EXIT_INPUT, "reproduce: --checkpoints needs exactly one manifest");
  if (o->stream && o->checkpoints)
    return error_set(error, EXIT_INPUT, "reproduce: --stream and --checkpoints cannot be combined");
  if (o->base && !o->stream)
    return error_set(error, EXIT_INPUT,
                     "reproduce: --base needs --stream; nothing is fetched "
                     "without it");
  if (o->base && http_check_base(o->base, error))
    return error->code;
  if (o->stream && *used == 0)
    return error_set(error, EXIT_INPUT, "reproduce: --stream needs a manifest");
  if (o->shard && (o->update_golden || o->resamples || o->allow_uncompared || o->every))
    return error_set(error, EXIT_INPUT,
                     "reproduce: --shard compares with nothing; give --bootstrap, "
                     "--allow-uncompared and --all to attest merge");
  const char *ci = getenv("CI");
  if (o->update_golden && ci && *ci)
    return error_set(
        error, EXIT_INPUT,
        "--update-golden: refused because CI is set; golden files are only changed by hand");
  return 0;
}

static int run_all(const struct reproduction *r, const char *const *paths, size_t count,
                   struct error *error)
{
  for (size_t i = 0; i < count; i++) {
    if (reproduction_run(r, paths[i], error))
      return error->code;
    if (interrupt_check_between(paths[i], i + 1 == count, error))
      return error->code;
  }
  return 0;
}

static int deliver(const struct reproduction *r, const struct reproduce_options *o,
                   const struct journal_text *text, struct error *error)
{
  if (file_use_check(error))
    return error->code;
  if (text->failed)
    return error_set(error, EXIT_RUN, "reproduce: out of memory");
  if (text->text && journal_text_end(r->journal, r, error))
    return error->code;
  const struct run_output output = {.json = r->json,
                                    .report = r->report,
                                    .work = r->lock->path && !o->sharding ? r->work : NULL,
                                    .argc = o->argc,
                                    .argv = o->argv};
  return run_output(&output, r, error);
}

int reproduce_all(const struct reproduce_options *o, struct runtime *runtime,
                  const char *const *paths, size_t count, struct error *error)
{
  struct journal_text text = {runtime->text, runtime->quiet, o->every, false};
  struct journal journal = {.watch = journal_text_watch, .context = &text};
  struct lock lock = {0};
  struct study_curves curves = {0};
  struct fetch_options stream = FETCH_DEFAULTS;
  stream.quiet = runtime->quiet;
  if (o->base)
    stream.base = o->base;
  const struct reproduction r = {.runtime = runtime,
                                 .checkpoints = o->checkpoints,
                                 .json = o->common.json,
                                 .report = o->report,
                                 .work = o->work,
                                 .stream = o->stream ? &stream : NULL,
                                 .resamples = (size_t)o->resamples,
                                 .update_golden = o->update_golden,
                                 .allow_unpinned = o->allow_unpinned,
                                 .allow_uncompared = o->allow_uncompared,
                                 .sharding = o->sharding,
                                 .parts = o->parts,
                                 .lock = &lock,
                                 .journal = &journal,
                                 .curves = &curves};
  journal_start(&journal);
  runtime->notices = (struct notices){runtime->quiet ? NULL : journal_notice, &journal};
  int status = o->plots ? file_make_directory(o->plots, error) : 0;
  if (!status)
    status = run_all(&r, paths, count, error);
  if (!status && o->plots)
    status = formation_plots(&curves, o->plots, error);
  study_curves_free(&curves);
  if (!status)
    status = deliver(&r, o, &text, error);
  bool failed = journal_count(&journal, JOURNAL_FAILURE) > 0;
  if (!status && !failed && o->sharding)
    status = sharding_write(o->sharding, o->work, error);
  journal_free(&journal);
  lock_release(&lock);
  return status ? status : failed ? EXIT_CHECK : EXIT_HELD;
}

/* What is inside the program stays as it is. */
static int check_golden(const struct reproduce_options *o, const char *const *paths, size_t count,
                        struct error *error)
{
  for (size_t i = 0; o->update_golden && i < count; i++)
    if (embedded_find(paths[i]))
      return error_set(error, EXIT_INPUT,
                       "--update-golden: %s is inside this program, and so are its golden files; "
                       "name a manifest in a folder",
                       paths[i]);
  return 0;
}

/* The same, as one of several shards in a folder of its own. */
static int reproduce_shard(struct reproduce_options *o, struct runtime *runtime,
                           const char *const *paths, size_t count, struct error *error)
{
  struct sharding sharding = {.manifests = NULL};
  if (shard_parse(o->shard, &sharding.shard, error))
    return error->code;
  char *work = sharding_folder(o->work, &sharding.shard, error);
  sharding.manifests = json_array();
  o->work = work;
  o->sharding = &sharding;
  int status = work ? reproduce_all(o, runtime, paths, count, error) : error->code;
  json_decref(sharding.manifests);
  free(work);
  return status;
}

int reproduce_check_outputs(const struct reproduce_options *o, struct error *error)
{
  const struct output outputs[] = {{.option = "--json", .path = o->common.json},
                                   {.option = "--report", .path = o->report}};
  const struct report_format *format;
  if (o->report && report_format(NULL, o->report, &format, error))
    return error->code;
  if (file_check_directory(o->work, error) == EXIT_INPUT)
    return error->code;
  *error = (struct error){0}; /* what cannot be written to is needed by some manifests alone */
  return outputs_check(outputs, sizeof outputs / sizeof *outputs, error);
}

static int run(struct reproduce_options *o, const char *const *paths, size_t count,
               struct error *error)
{
  struct runtime runtime = {0};
  if (path_check_distinct(paths, count, error) || check_golden(o, paths, count, error) ||
      reproduce_check_outputs(o, error) || runtime_start(&o->common, &runtime, error))
    return error->code;
  interrupt_install();
  int status = o->shard ? reproduce_shard(o, &runtime, paths, count, error)
                        : reproduce_all(o, &runtime, paths, count, error);
  runtime_stop(&runtime);
  return status;
}

int command_reproduce(int argc, char **argv, struct error *error)
{
  struct reproduce_options o = {.work = "attest-work", .argc = argc, .argv = argv};
  const char *given[REPRODUCE_MOST_MANIFESTS];
  size_t used;
  bool help = false;
  if (parse(argc, argv, &o, given, &used, &help, error) || help)
    return error->code;
  const size_t count = used ? used : sizeof defaults / sizeof *defaults;
  const char **shipped = used ? NULL : shipped_paths(defaults, count, error);
  if (!used && !shipped)
    return error->code;
  int status = run(&o, used ? given : shipped, count, error);
  free(shipped);
  return status;
}

#include "base/file.h"
#include "base/file_use.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "command/command.h"
#include "command/formation_plots.h"
#include "command/journal_json.h"
#include "command/journal_text.h"
#include "fetch/http.h"
#include "probe/bootstrap.h"
#include "study/reproduction.h"

#include <stdlib.h>

#define MOST_MANIFESTS 64

/* What is run without arguments: the published tables, then the trained checkpoints. */
static const char *const embedded[] = {
    "manifests/published.json",           "manifests/published-circuits.json",
    "manifests/published-formation.json", "manifests/nursery-gpt_neox.json",
    "manifests/nursery-olmo.json",        "manifests/nursery-olmoe.json",
};

struct reproduce_options {
  struct common_options common;
  const char *checkpoints, *work, *plots;
  bool update_golden, allow_unpinned, allow_uncompared, stream, every;
  const char *base;
  uint64_t resamples;
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
      {"all", OPTION_FLAG, &o->every, 0, 0, NULL,
       "show every reading of each figure, not only the summary"},
      {"stream", OPTION_FLAG, &o->stream, 0, 0, NULL,
       "fetch one revision at a time into --work, screen it, delete it; uses the network"},
      {"plots", OPTION_STRING, &o->plots, 0, 0, "DIR",
       "of manifests of training runs: loss curves as SVG, a plot a figure, and their points"},
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
  if (options_parse(argc, argv, &list, paths, MOST_MANIFESTS, used, help, error) || *help)
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
    if (interrupt_requested() && i + 1 < count)
      return error_set(error, EXIT_RUN,
                       "interrupted after %s; run the same command again to resume", paths[i]);
  }
  return 0;
}

static int deliver(const struct reproduction *r, const struct journal_text *text,
                   struct error *error)
{
  if (file_use_check(error))
    return error->code;
  if (text->failed)
    return error_set(error, EXIT_RUN, "reproduce: out of memory");
  if (text->text && journal_text_end(r->journal, r, error))
    return error->code;
  if (!r->json)
    return 0;
  json_t *all = journal_json(r->journal, r->runtime->kernels->name, error);
  int status = all ? json_write(r->json, all, error) : error->code;
  json_decref(all);
  return status;
}

/* Runs all manifests with what the options say. */
static int reproduce(const struct reproduce_options *o, struct runtime *runtime,
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
                                 .work = o->work,
                                 .stream = o->stream ? &stream : NULL,
                                 .resamples = (size_t)o->resamples,
                                 .update_golden = o->update_golden,
                                 .allow_unpinned = o->allow_unpinned,
                                 .allow_uncompared = o->allow_uncompared,
                                 .lock = &lock,
                                 .journal = &journal,
                                 .curves = o->plots ? &curves : NULL};
  journal_start(&journal);
  runtime->notices = (struct notices){runtime->quiet ? NULL : journal_notice, &journal};
  int status = run_all(&r, paths, count, error);
  if (!status && o->plots)
    status = formation_plots(&curves, o->plots, error);
  study_curves_free(&curves);
  if (!status)
    status = deliver(&r, &text, error);
  bool failed = journal_count(&journal, JOURNAL_FAILURE) > 0;
  journal_free(&journal);
  lock_release(&lock);
  return status ? status : failed ? EXIT_CHECK : EXIT_HELD;
}

int command_reproduce(int argc, char **argv, struct error *error)
{
  struct reproduce_options o = {.work = "attest-work"};
  const char *paths[MOST_MANIFESTS];
  struct runtime runtime = {0};
  size_t used;
  bool help = false;
  if (parse(argc, argv, &o, paths, &used, &help, error) || help)
    return error->code;
  if (used == 0 && !file_exists(embedded[0]))
    return error_set(error, EXIT_INPUT,
                     "%s: not found; run from the project's folder or name a manifest",
                     embedded[0]);
  if (runtime_start(&o.common, &runtime, error))
    return error->code;
  interrupt_install();
  int status = used ? reproduce(&o, &runtime, paths, used, error)
                    : reproduce(&o, &runtime, embedded, sizeof embedded / sizeof *embedded, error);
  runtime_stop(&runtime);
  return status;
}

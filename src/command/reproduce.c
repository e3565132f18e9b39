#include "base/file.h"
#include "base/file_use.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/version.h"
#include "command/command.h"
#include "command/terminal.h"
#include "fetch/http.h"
#include "study/reproduction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_MANIFESTS 64

/* What is run without arguments: the published tables, then the trained checkpoints. */
static const char *const embedded[] = {
    "manifests/published.json",
    "manifests/nursery-gpt_neox.json",
    "manifests/nursery-olmo.json",
    "manifests/nursery-olmoe.json",
};

struct reproduce_options {
  struct common_options common;
  const char *checkpoints, *work;
  bool update_golden, allow_unpinned, allow_uncompared, stream, every;
  const char *base;
};

static int parse(int argc, char **argv, struct reproduce_options *o, const char **paths,
                 size_t *used, bool *help, struct error *error)
{
  const struct option_spec specs[] = {
      {"checkpoints", OPTION_STRING, &o->checkpoints, 0, 0, "DIR",
       "the checkpoints, if not where the manifest says"},
      {"work", OPTION_STRING, &o->work, 0, 0, "DIR",
       "keeps finished revisions for resuming; default attest-work"},
      {"update-golden", OPTION_FLAG, &o->update_golden, 0, 0, NULL,
       "write the golden files instead of comparing; refused when CI is set"},
      {"allow-unpinned", OPTION_FLAG, &o->allow_unpinned, 0, 0, NULL,
       "screen files without a pin, too; everything then says UNPINNED"},
      {"allow-uncompared", OPTION_FLAG, &o->allow_uncompared, 0, 0, NULL,
       "a run that nothing is compared with, such as a first one, is no failure; the summary then "
       "says NOT COMPARED"},
      {"all", OPTION_FLAG, &o->every, 0, 0, NULL,
       "show every reading of each figure, not only the summary"},
      {"stream", OPTION_FLAG, &o->stream, 0, 0, NULL,
       "fetch one revision at a time into --work, screen it, delete it; uses the network"},
      {"base", OPTION_STRING, &o->base, 0, 0, "URL", "the hub, with --stream; default " FETCH_BASE},
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
    return error_set(error, EXIT_INPUT, "reproduce: --checkpoints goes with exactly one manifest");
  if (o->stream && o->checkpoints)
    return error_set(error, EXIT_INPUT, "reproduce: --stream and --checkpoints exclude each other");
  if (o->base && !o->stream)
    return error_set(error, EXIT_INPUT,
                     "reproduce: --base goes with --stream; nothing is fetched "
                     "without it");
  if (o->base && http_check_base(o->base, error))
    return error->code;
  if (o->stream && *used == 0)
    return error_set(error, EXIT_INPUT, "reproduce: --stream goes with a manifest");
  const char *ci = getenv("CI");
  if (o->update_golden && ci && *ci)
    return error_set(error, EXIT_INPUT,
                     "--update-golden: refused because CI is set; golden files change by hand");
  return 0;
}

static int run_all(struct reproduction *r, const char *const *paths, size_t count,
                   struct error *error)
{
  for (size_t i = 0; i < count; i++) {
    if (reproduction_run(r, paths[i], error))
      return error->code;
    if (interrupt_requested() && i + 1 < count)
      return error_set(error, EXIT_RUN, "interrupted after %s; run the same command again to go on",
                       paths[i]);
  }
  return 0;
}

/* The last lines are what people read. */
static void say_checks(const struct reproduction *r)
{
  char unpinned[64] = "", uncompared[64] = "";
  if (r->unpinned)
    snprintf(unpinned, sizeof unpinned, "; UNPINNED: %zu files", r->unpinned);
  if (r->uncompared)
    snprintf(uncompared, sizeof uncompared, "; NOT COMPARED: %zu manifests", r->uncompared);
  const char *verdict = r->failures        ? "FAILED"
                        : r->update_golden ? "GOLDEN WRITTEN, NOTHING COMPARED WITH IT"
                        : r->uncompared    ? "NO CHECK FAILED"
                                           : "ALL CHECKS HELD";
  printf("%s: %zu manifests, %zu failed checks%s%s; instruction set %s, %d threads\n", verdict,
         json_array_size(r->manifests), r->failures, unpinned, uncompared,
         r->runtime->kernels->name, threads_count(r->runtime->threads));
}

/* What was compared, then the answer on one screen, then whether the checks held. */
static int summarise(const struct reproduction *r, const char *json, struct error *error)
{
  const struct summary_style style = terminal_style();
  struct text text = {0};
  if (r->evaluated_count)
    summary_text(r->evaluated, r->evaluated_count, &style, &text);
  if (text.failed || r->summary.failed) {
    text_free(&text);
    return error_set(error, EXIT_RUN, "reproduce: out of memory");
  }
  printf("\n%s%s", r->summary.data ? r->summary.data : "", text.data ? text.data : "");
  if (r->evaluated_count)
    printf("A claim that does not come out is a finding about the paper, a failed check one about "
           "these files.\nEvery reading of each figure: --all. Its evidence: %s%s.\n\n",
           json && strcmp(json, "-") != 0 ? "" : "--json FILE",
           json && strcmp(json, "-") != 0 ? json : "");
  say_checks(r);
  text_free(&text);
  return 0;
}

static int deliver(const struct reproduction *r, const char *json, struct error *error)
{
  if (file_use_check(error))
    return error->code;
  if (r->runtime->text && summarise(r, json, error))
    return error->code;
  if (!json)
    return 0;
  json_t *all =
      json_pack("{s:s, s:s, s:I, s:I, s:I, s:O, s:O}", "attest", ATTEST_VERSION, "isa",
                r->runtime->kernels->name, "failures", (json_int_t)r->failures, "unpinned",
                (json_int_t)r->unpinned, "uncompared", (json_int_t)r->uncompared, "manifests",
                r->manifests, "claims", r->claims);
  int status =
      all ? json_write(json, all, error) : error_set(error, EXIT_RUN, "%s: out of memory", json);
  json_decref(all);
  return status;
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
  struct fetch_options stream = FETCH_DEFAULTS;
  stream.quiet = o.common.quiet;
  if (o.base)
    stream.base = o.base;
  struct reproduction r = {.runtime = &runtime,
                           .checkpoints = o.checkpoints,
                           .json = o.common.json,
                           .work = o.work,
                           .stream = o.stream ? &stream : NULL,
                           .update_golden = o.update_golden,
                           .allow_unpinned = o.allow_unpinned,
                           .allow_uncompared = o.allow_uncompared,
                           .every = o.every,
                           .manifests = json_array(),
                           .claims = json_array()};
  runtime.notices = terminal_notices(runtime.quiet);
  interrupt_install();
  int status = used ? run_all(&r, paths, used, error)
                    : run_all(&r, embedded, sizeof embedded / sizeof *embedded, error);
  if (!status)
    status = deliver(&r, o.common.json, error);
  json_decref(r.manifests);
  json_decref(r.claims);
  text_free(&r.summary);
  reproduction_free(&r);
  runtime_stop(&runtime);
  lock_release(&r.lock);
  return status ? status : r.failures ? EXIT_CHECK : EXIT_HELD;
}

#include "base/file.h"
#include "base/interrupt.h"
#include "command/command.h"
#include "command/report_output.h"
#include "command/reproduce.h"
#include "probe/bootstrap.h"
#include "study/outputs.h"

#include <stdlib.h>
#include <string.h>

struct merge_options {
  struct reproduce_options reproduce;
  const char *manifests; /* folder of them; NULL = where the shards had them */
};

static int parse(int argc, char **argv, struct merge_options *o, const char **folders, size_t *used,
                 bool *help, struct error *error)
{
  struct reproduce_options *r = &o->reproduce;
  const struct option_spec specs[] = {
      {"manifests", OPTION_STRING, &o->manifests, 0, 0, "DIR",
       "folder of the manifests, if not where the shards had them"},
      {"checkpoints", OPTION_STRING, &r->checkpoints, 0, 0, "DIR",
       "directory of the checkpoints, if not where the manifest says; only ablations need them"},
      {"work", OPTION_STRING, &r->work, 0, 0, "DIR",
       "where finished ablations are kept for resuming; default attest-work"},
      {"allow-unpinned", OPTION_FLAG, &r->allow_unpinned, 0, 0, NULL,
       "join what was screened from files without a pin; everything then says UNPINNED"},
      {"allow-uncompared", OPTION_FLAG, &r->allow_uncompared, 0, 0, NULL,
       "do not fail a run that nothing is compared with"},
      {"bootstrap", OPTION_NUMBER, &r->resamples, 1, BOOTSTRAP_MOST, "B",
       "say of each verdict whether it survives B resamples of the sequences; 200 is usual"},
      {"report", OPTION_STRING, &r->report, 0, 0, "FILE", "write a report, too: " REPORT_ENDINGS},
      {"all", OPTION_FLAG, &r->every, 0, 0, NULL,
       "show every reading of each figure, not only the summary"},
      COMMON_OPTIONS(&r->common),
  };
  const struct option_list list = {
      "merge SHARD_DIR... [OPTIONS]",
      "Joins what all shards of a run have screened (reproduce --shard I/N, folders shard-I-of-N)\n"
      "to the same bits as one run, then does what reproduce does: published tables, ablations,\n"
      "comparison with the golden trajectory, claims. Gaps, overlaps and parts of another\n"
      "manifest, protocol, checkpoint or version are refused. Exit code 1 when a check failed.",
      specs, sizeof specs / sizeof *specs};
  if (options_parse(argc, argv, &list, folders, SHARD_MOST, used, help, error) || *help)
    return error->code;
  if (!*used)
    return error_set(error, EXIT_INPUT, "merge: SHARD_DIR is missing; see --help");
  return 0;
}

/* What a merge has finished it removes from its work folder, as reproduce does. */
static int spare_folders(const char *work, const struct parts *parts, struct error *error)
{
  const struct output output = {.option = "--work", .path = work};
  for (size_t i = 0; i < parts->shard_count; i++)
    if (outputs_spare(&output, 1, parts->folders[i], error))
      return error_set(error, EXIT_INPUT,
                       "--work %s: is the folder of a shard, whose parts would be removed in the "
                       "end; name another folder",
                       work);
  return 0;
}

/* The shards outlive the merge, which may be done again: no output may be a file of theirs. */
static int spare_shards(const struct merge_options *o, const struct parts *parts,
                        struct error *error)
{
  const struct output outputs[] = {{.option = "--json", .path = o->reproduce.common.json},
                                   {.option = "--report", .path = o->reproduce.report}};
  const size_t count = sizeof outputs / sizeof *outputs;
  if (spare_folders(o->reproduce.work, parts, error) ||
      outputs_spare_read(outputs, count, error)) /* their indexes */
    return error->code;
  for (size_t i = 0; i < parts->manifest_count; i++)
    for (size_t k = 0; k < parts->manifests[i].count; k++)
      if (outputs_spare(outputs, count, parts->manifests[i].files[k], error))
        return error->code;
  for (size_t i = 0; i < parts->shard_count; i++)
    if (outputs_spare_folder(outputs, count, parts->folders[i], error))
      return error->code;
  return 0;
}

/* Where a manifest is now, free(). */
static char *find(const struct merge_options *o, const char *path, struct error *error)
{
  const char *slash = strrchr(path, '/');
  if (o->manifests)
    return file_join(o->manifests, slash ? slash + 1 : path, error);
  char *copy = strdup(path);
  if (!copy)
    error_set(error, EXIT_RUN, "%s: out of memory", path);
  return copy;
}

static int merge(struct merge_options *o, struct runtime *runtime, const struct parts *parts,
                 struct error *error)
{
  char *paths[REPRODUCE_MOST_MANIFESTS] = {0};
  size_t count = parts->manifest_count;
  if (count > REPRODUCE_MOST_MANIFESTS)
    return error_set(error, EXIT_INPUT, "merge: the shards name %zu manifests; at most %d", count,
                     REPRODUCE_MOST_MANIFESTS);
  if (o->reproduce.checkpoints && count != 1)
    return error_set(error, EXIT_INPUT,
                     "merge: --checkpoints needs shards of exactly one manifest");
  for (size_t i = 0; i < count && !error->code; i++)
    paths[i] = find(o, parts->manifests[i].path, error);
  o->reproduce.parts = parts;
  int status = error->code;
  if (!status)
    status = reproduce_all(&o->reproduce, runtime, (const char *const *)paths, count, error);
  for (size_t i = 0; i < count; i++)
    free(paths[i]);
  return status;
}

int command_merge(int argc, char **argv, struct error *error)
{
  static const char *folders[SHARD_MOST];
  struct merge_options o = {
      .reproduce.work = "attest-work", .reproduce.argc = argc, .reproduce.argv = argv};
  struct runtime runtime = {0};
  struct parts parts = {0};
  size_t used;
  bool help = false;
  if (parse(argc, argv, &o, folders, &used, &help, error) || help ||
      parts_load(folders, used, &parts, error))
    return error->code;
  int status = reproduce_check_outputs(&o.reproduce, error);
  if (!status)
    status = spare_shards(&o, &parts, error);
  if (!status)
    status = runtime_start(&o.reproduce.common, &runtime, error);
  if (!status) {
    interrupt_install();
    status = merge(&o, &runtime, &parts, error);
    runtime_stop(&runtime);
  }
  parts_free(&parts);
  return status;
}

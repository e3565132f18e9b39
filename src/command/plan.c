#include "study/plan.h"
#include "study/plan_circuits.h"
#include "study/plan_formation.h"
#include "study/plan_training.h"

#include "base/json.h"
#include "base/path.h"
#include "base/text.h"
#include "command/command.h"
#include "study/circuits.h"
#include "study/outputs.h"
#include "study/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_MANIFESTS 64

struct plan_options {
  struct common_options common;
  const char *checkpoints;
  uint64_t shards;
};

static int parse(int argc, char **argv, struct plan_options *o, const char **paths, size_t *used,
                 bool *help, struct error *error)
{
  const struct option_spec specs[] = {
      {"shards", OPTION_NUMBER, &o->shards, 1, SHARD_MOST, "N",
       "show also what each of N shards takes (reproduce --shard I/N), and the merge, which does "
       "what is not cut: circuits, training runs, ablations"},
      {"checkpoints", OPTION_STRING, &o->checkpoints, 0, 0, "DIR",
       "directory of the checkpoints, if not where the manifest says"},
      COMMON_OPTIONS(&o->common),
  };
  const struct option_list list = {
      "plan MANIFEST... [OPTIONS]",
      "Says what the work of manifests, or of recipes of attest train, takes before it begins:\n"
      "arithmetic, time on a machine like this one, memory at a time, what is read and what is\n"
      "written. Nothing is computed. Of training, \"revisions\" are runs, or what a run keeps.",
      specs, sizeof specs / sizeof *specs};
  if (options_parse(argc, argv, &list, paths, MOST_MANIFESTS, used, help, error) || *help)
    return error->code;
  if (!*used)
    return error_set(error, EXIT_INPUT, "plan: MANIFEST is missing; see --help");
  if (o->checkpoints && *used != 1)
    return error_set(error, EXIT_INPUT, "plan: --checkpoints needs exactly one manifest");
  return 0;
}

static int plan_one(const struct plan_options *o, const struct manifest *m, struct plan *plan,
                    struct error *error)
{
  const size_t shards = (size_t)o->shards;
  if (m->content == MANIFEST_CIRCUITS)
    return plan_circuits(m, o->checkpoints, shards, plan, error);
  if (m->content == MANIFEST_FORMATION)
    return plan_formation(m, shards, plan, error);
  return plan_manifest(m, o->checkpoints, shards, plan, error);
}

/* The JSON must not take the place of what is read. */
static int plan_path(const struct plan_options *o, const char *path, struct manifest *manifest,
                     struct plan *plan, struct error *error)
{
  const struct output json = {.option = "--json", .path = o->common.json};
  if (plan_is_recipe(path))
    return outputs_spare_read(&json, 1, error) ? error->code : plan_training(path, plan, error);
  if (manifest_load(path, manifest, error) ||
      outputs_spare_manifest(&json, 1, manifest, o->checkpoints, error))
    return error->code;
  return plan_one(o, manifest, plan, error);
}

static int deliver(const struct plan_options *o, const struct plan *plan, struct error *error)
{
  const struct runtime *runtime = plan->runtime;
  struct text text = {0};
  if (o->common.json) {
    json_t *json = plan_json(plan, (size_t)o->shards);
    int status = json_write(o->common.json, json, error);
    json_decref(json);
    if (status)
      return status;
  }
  if (!runtime->text)
    return 0;
  plan_text(plan, &text);
  if (text.failed) {
    text_free(&text);
    return error_set(error, EXIT_RUN, "plan: out of memory");
  }
  printf("With %s on %s of this machine:\n%s", runtime->kernels->name,
         text_counted((size_t)threads_count(runtime->threads), "thread").text, text.data);
  printf("Circuits: searches of about %d circuits a task. Ablations: at most. Training: from the\n"
         "beginning. The merge does what is not cut: circuits, ablations, tables, training runs.\n",
         CIRCUITS_RUNS_LIKELY);
  text_free(&text);
  return 0;
}

int command_plan(int argc, char **argv, struct error *error)
{
  struct plan_options o = {.shards = 1};
  const char *paths[MOST_MANIFESTS];
  struct manifest manifests[MOST_MANIFESTS] = {0};
  struct runtime runtime = {0};
  struct plan plan = {.runtime = &runtime};
  size_t used, done = 0;
  bool help = false;
  if (parse(argc, argv, &o, paths, &used, &help, error) || help ||
      path_check_distinct(paths, used, error) || runtime_start(&o.common, &runtime, error))
    return error->code;
  plan.memory = o.common.memory;
  while (done < used && !plan_path(&o, paths[done], &manifests[done], &plan, error))
    done++;
  if (done == used)
    (void)deliver(&o, &plan, error);
  plan_free(&plan);
  for (size_t i = 0; i < used; i++)
    manifest_free(&manifests[i]);
  runtime_stop(&runtime);
  return error->code;
}

#include "base/json.h"
#include "command/command.h"
#include "pass/runtime.h"
#include "study/outputs.h"
#include "task/phrases.h"

#include <stdio.h>
#include <string.h>

#define PAIRS 64 /* unless --n says otherwise */

struct task_options {
  struct common_options common; /* of which json and quiet matter here */
  const char *name, *out;
  uint64_t n, seed;
};

static const struct {
  const char *name;
  enum phrases kind;
} phrases[] = {{"copy", PHRASES_COPY}, {"boundary", PHRASES_BOUNDARY}, {"starts", PHRASES_STARTS}};

static int parse(int argc, char **argv, struct task_options *o, bool *help, struct error *error)
{
  const struct option_spec specs[] = {
      {"out", OPTION_STRING, &o->out, 0, 0, "FILE", "the task file; - = stdout"},
      {"n", OPTION_NUMBER, &o->n, 1, TASK_MAX_PAIRS, "N", "pairs; default 64"},
      {"seed", OPTION_NUMBER, &o->seed, 0, UINT32_MAX, "S", "of NumPy's RandomState; default 42"},
      COMMON_OPTIONS(&o->common),
  };
  const struct option_list list = {
      "task NAME --out FILE [OPTIONS]",
      "Writes a task: pairs of prompts of equal length, clean and corrupted, with the answers to\n"
      "each, one pair a line of JSON (docs/TASKS.md). The same options give the same bytes.\n\n"
      "For the models that attest trains itself, NAME is copy, boundary or starts.",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  if (options_parse(argc, argv, &list, &o->name, 1, &used, help, error) || *help)
    return error->code;
  if (used != 1 || !o->out)
    return error_set(error, EXIT_INPUT, "task: %s is missing; see --help",
                     used != 1 ? "NAME" : "--out");
  const struct output outputs[] = {{"--out", o->out, false}, {"--json", o->common.json, false}};
  return common_options_check(&o->common, error) || outputs_check(outputs, 2, error) ? error->code
                                                                                     : 0;
}

static int make(const struct task_options *o, struct task *task, struct error *error)
{
  for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
    if (strcmp(o->name, phrases[i].name) == 0)
      return phrases_task(phrases[i].kind, (size_t)o->n, (uint32_t)o->seed, task, error);
  return error_set(error, EXIT_INPUT, "task: %s: no such task; see --help", o->name);
}

static int deliver(const struct task_options *o, struct task *task, struct error *error)
{
  if (task_write(o->out, task, error))
    return error->code;
  if (o->common.json) {
    json_t *all = json_copy(task->header);
    json_put(all, "file", json_string(text_shown(o->out).text));
    json_put(all, "sha256", json_string(task->sha256));
    int status = json_write(o->common.json, all, error);
    json_decref(all);
    if (status)
      return status;
  }
  bool taken = strcmp(o->out, "-") == 0 || (o->common.json && strcmp(o->common.json, "-") == 0);
  if (!o->common.quiet && !taken)
    printf("%s: %zu pairs of %s, SHA-256 %s\n", text_shown(o->out).text, task->count, task->name,
           task->sha256);
  return 0;
}

int command_task(int argc, char **argv, struct error *error)
{
  struct task_options o = {.n = PAIRS, .seed = PHRASES_SEED};
  struct task task;
  bool help = false;
  if (parse(argc, argv, &o, &help, error) || help || make(&o, &task, error))
    return error->code;
  int status = deliver(&o, &task, error);
  task_free(&task);
  return status;
}

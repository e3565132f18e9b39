#include "base/json.h"
#include "command/command.h"
#include "pass/runtime.h"
#include "study/outputs.h"
#include "task/items.h"
#include "task/language.h"
#include "task/phrases.h"

#include <stdio.h>
#include <string.h>

#define PAIRS 64 /* unless --n says otherwise */

struct task_options {
  struct common_options common;               /* of which json and quiet matter here */
  const char *name, *model, *tokenizer, *out; /* model or tokenizer, in either way */
  uint64_t n, seed;
  bool special;
  struct output outputs[2];
};

static const struct {
  const char *name;
  enum phrases kind;
} phrases[] = {{"copy", PHRASES_COPY}, {"boundary", PHRASES_BOUNDARY}, {"starts", PHRASES_STARTS}};

static bool is_phrases(const char *name, enum phrases *kind)
{
  for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
    if (strcmp(name, phrases[i].name) == 0) {
      *kind = phrases[i].kind;
      return true;
    }
  return false;
}

static void add_summary(struct text *summary)
{
  size_t count;
  const struct item_kind *kinds = item_kinds(&count);
  text_add(summary,
           "Writes a task: pairs of prompts of equal length, clean and corrupted, with the answers "
           "to\neach, one pair a line of JSON (docs/TASKS.md). The same options give the same "
           "bytes.\n\nFor the models that attest trains itself, NAME is copy, boundary or starts. "
           "Tasks in\nEnglish need the checkpoint's own tokenizer.json; items that do not fit it "
           "are dropped,\ncounted and named:\n");
  for (size_t i = 0; i < count; i++)
    text_add(summary, "%s  %-18s %s", i ? "\n" : "", kinds[i].name, kinds[i].summary);
}

static int check(const struct task_options *o, size_t used, struct error *error)
{
  enum phrases kind;
  if (used == 0 || !o->out)
    return error_set(error, EXIT_INPUT, "task: %s is missing; see --help",
                     used == 0 ? "NAME" : "--out");
  bool own = is_phrases(o->name, &kind);
  if (own && (o->model || o->special))
    return error_set(error, EXIT_INPUT, "task: %s is of token ids and needs no tokenizer", o->name);
  if (!own && item_kind_find(o->name) && !o->model)
    return error_set(error, EXIT_INPUT,
                     "task: %s needs a tokenizer: give MODEL_DIR or --tokenizer FILE", o->name);
  return common_options_check(&o->common, error) || outputs_check(o->outputs, 2, error)
             ? error->code
             : 0;
}

static int parse(int argc, char **argv, struct task_options *o, bool *help, struct error *error)
{
  struct text summary = {0};
  const char *words[2] = {NULL, NULL};
  size_t used;
  add_summary(&summary);
  if (summary.failed)
    return error_set(error, EXIT_RUN, "task: out of memory");
  const struct option_spec specs[] = {
      {"out", OPTION_STRING, &o->out, 0, 0, "FILE", "the task file; - = stdout"},
      {"n", OPTION_NUMBER, &o->n, 1, TASK_MAX_PAIRS, "N", "pairs; default 64"},
      {"seed", OPTION_NUMBER, &o->seed, 0, UINT32_MAX, "S", "of NumPy's RandomState; default 42"},
      {"tokenizer", OPTION_STRING, &o->tokenizer, 0, 0, "FILE",
       "a tokenizer.json, in place of MODEL_DIR"},
      {"special", OPTION_FLAG, &o->special, 0, 0, NULL,
       "begin prompts with the special tokens that the tokenizer puts before a text"},
      COMMON_OPTIONS(&o->common),
  };
  const struct option_list list = {"task NAME [MODEL_DIR|--tokenizer FILE] --out FILE [OPTIONS]",
                                   summary.data, specs, sizeof specs / sizeof *specs};
  int status = options_parse(argc, argv, &list, words, 2, &used, help, error);
  text_free(&summary);
  o->outputs[0] = (struct output){"--out", o->out, false};
  o->outputs[1] = (struct output){"--json", o->common.json, false};
  o->name = words[0];
  o->model = o->tokenizer ? o->tokenizer : words[1];
  if (!status && !*help && o->tokenizer && words[1])
    return error_set(error, EXIT_INPUT, "task: give MODEL_DIR or --tokenizer, not both");
  return status || *help ? status : check(o, used, error);
}

static int make(const struct task_options *o, struct task *task, struct error *error)
{
  struct tokenizer *tokenizer = NULL;
  enum phrases kind;
  if (is_phrases(o->name, &kind))
    return phrases_task(kind, (size_t)o->n, (uint32_t)o->seed, task, error);
  if (o->model && tokenizer_open(o->model, &tokenizer, error))
    return error->code;
  if (outputs_spare_read(o->outputs, 2, error)) {
    tokenizer_free(tokenizer);
    return error->code;
  }
  const struct language_request request = {o->name, (size_t)o->n, (uint32_t)o->seed, o->special};
  int status = language_task(&request, tokenizer, task, error);
  tokenizer_free(tokenizer);
  return status ? error_prefix(error, "task") : 0;
}

/* What did not fit goes to standard error, where no file is written. */
static int tell_dropped(const struct task *task, struct error *error)
{
  struct text text = {0};
  json_t *unfit = json_object_get(task->header, "unfit");
  json_int_t drawn = json_integer_value(json_object_get(task->header, "drawn"));
  if (drawn == (json_int_t)task->count && json_array_size(unfit) == 0)
    return 0;
  text_add(&text, "%s: %s drawn for %s; dropped: ", task->name,
           text_counted((size_t)drawn, "item").text, text_counted(task->count, "pair").text);
  int status = json_compact(task->name, json_object_get(task->header, "dropped"), &text, error);
  for (size_t i = 0; i < json_array_size(unfit); i++)
    text_add(&text, "%s%s",
             i ? ", " : "; not one token: ", json_string_value(json_array_get(unfit, i)));
  if (!status && text.failed)
    status = error_set(error, EXIT_RUN, "task: out of memory for its text");
  if (!status)
    fprintf(stderr, "attest: %s\n", text.data);
  text_free(&text);
  return status;
}

static int deliver(const struct task_options *o, struct task *task, struct error *error)
{
  if (task_write(o->out, task, error))
    return error->code;
  if (json_object_get(task->header, "drawn") && !o->common.quiet && tell_dropped(task, error))
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
    printf("%s: %s of %s, SHA-256 %s\n", text_shown(o->out).text,
           text_counted(task->count, "pair").text, task->name, task->sha256);
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

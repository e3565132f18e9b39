#include "task/task.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/reserve.h"

#include <stdlib.h>
#include <string.h>

const char *task_metric_name(enum task_metric metric)
{
  return metric == TASK_PROB ? "prob" : "logit";
}

static int take_header(const char *where, struct task *task, struct error *error)
{
  const char *metric;
  if (json_get_label(task->header, where, "task", &task->name, error) ||
      json_get_string(task->header, where, "metric", &metric, error))
    return error->code;
  task->metric = strcmp(metric, "prob") == 0 ? TASK_PROB : TASK_LOGIT;
  if (strcmp(metric, task_metric_name(task->metric)) != 0)
    return error_set(error, EXIT_INPUT,
                     "%s: \"metric\" is \"%.60s\", must be \"logit\" or \"prob\"", where, metric);
  return 0;
}

int task_start(const char *path, json_t *header, struct task *task, struct error *error)
{
  char where[600];
  *task = (struct task){.header = header};
  snprintf(where, sizeof where, "%.500s: line 1", path);
  if (!header || reserve_touched())
    error_set(error, EXIT_RUN, "%s: out of memory for a task", path);
  else if (!take_header(where, task, error))
    return 0;
  task_free(task);
  return error->code;
}

static int make_room(const char *path, struct task *task, struct error *error)
{
  if (task->count < task->capacity)
    return 0;
  if (task->count >= TASK_MAX_PAIRS)
    return error_set(error, EXIT_INPUT, "%s: more than %zu pairs; split the file", path,
                     TASK_MAX_PAIRS);
  struct task_pair *pairs =
      memory_room(task->pairs, task->count + 1, &task->capacity, sizeof *pairs);
  if (!pairs)
    return error_set(error, EXIT_RUN, "%s: out of memory for %zu pairs", path, task->count + 1);
  task->pairs = pairs;
  return 0;
}

static int32_t *copy(int32_t **to, const int32_t *from, size_t count)
{
  int32_t *here = *to;
  if (count)
    memcpy(here, from, count * sizeof *from);
  *to += count;
  return here;
}

int task_add(const char *path, struct task *task, const struct task_pair *pair, struct error *error)
{
  if (make_room(path, task, error))
    return error->code;
  /* One block a pair, which its first array owns. */
  size_t ids = 2 * pair->length + pair->positive_count + pair->negative_count;
  int32_t *block = malloc(ids * sizeof *block);
  if (!block)
    return error_set(error, EXIT_RUN, "%s: out of memory for a pair of %zu ids", path, ids);
  struct task_pair *own = &task->pairs[task->count++];
  *own = *pair;
  own->clean = copy(&block, pair->clean, pair->length);
  own->corrupted = copy(&block, pair->corrupted, pair->length);
  own->positive = copy(&block, pair->positive, pair->positive_count);
  own->negative = copy(&block, pair->negative, pair->negative_count);
  own->line = pair->line ? pair->line : task->count + 1;
  if (pair->length > task->longest)
    task->longest = pair->length;
  return 0;
}

void task_free(struct task *task)
{
  for (size_t i = 0; i < task->count; i++)
    free(task->pairs[i].clean);
  free(task->pairs);
  json_decref(task->header);
  *task = (struct task){.count = 0};
}

static int check_ids(const char *path, size_t line, const char *key, const int32_t *ids,
                     size_t count, int64_t vocab, struct error *error)
{
  for (size_t i = 0; i < count; i++)
    if (ids[i] < 0 || ids[i] >= vocab)
      return error_set(error, EXIT_INPUT,
                       "%s: line %zu: \"%s\"[%zu] is %ld, not an id of the vocabulary, 0 to %lld; "
                       "the task was made for another tokenizer",
                       path, line, key, i, (long)ids[i], (long long)vocab - 1);
  return 0;
}

int task_check_vocab(const char *path, const struct task *task, int64_t vocab, struct error *error)
{
  for (size_t i = 0; i < task->count; i++) {
    const struct task_pair *p = &task->pairs[i];
    if (check_ids(path, p->line, "clean", p->clean, p->length, vocab, error) ||
        check_ids(path, p->line, "corrupted", p->corrupted, p->length, vocab, error) ||
        check_ids(path, p->line, "positive", p->positive, p->positive_count, vocab, error) ||
        check_ids(path, p->line, "negative", p->negative, p->negative_count, vocab, error))
      return error->code;
  }
  return 0;
}

int task_check_context(const char *path, const struct task *task, size_t context,
                       struct error *error)
{
  for (size_t i = 0; i < task->count; i++)
    if (task->pairs[i].length > context)
      return error_set(
          error, EXIT_INPUT,
          "%s: line %zu: a prompt of %zu tokens, but the model has %zu positions; take "
          "another task or model",
          path, task->pairs[i].line, task->pairs[i].length, context);
  return 0;
}

static void add_ids(struct text *text, const char *before, const int32_t *ids, size_t count)
{
  text_add(text, "%s[", before);
  for (size_t i = 0; i < count; i++)
    text_add(text, i ? ",%ld" : "%ld", (long)ids[i]);
  text_add(text, "]");
}

int task_format(const char *path, const struct task *task, struct text *text, struct error *error)
{
  if (json_compact(path, task->header, text, error))
    return error->code;
  text_add(text, "\n");
  for (size_t i = 0; i < task->count; i++) {
    const struct task_pair *p = &task->pairs[i];
    add_ids(text, "{\"clean\":", p->clean, p->length);
    add_ids(text, ",\"corrupted\":", p->corrupted, p->length);
    add_ids(text, ",\"positive\":", p->positive, p->positive_count);
    add_ids(text, ",\"negative\":", p->negative, p->negative_count);
    text_add(text, "}\n");
  }
  return text->failed ? error_set(error, EXIT_RUN, "%s: out of memory for its text", path) : 0;
}

int task_write(const char *path, struct task *task, struct error *error)
{
  struct text text = {0};
  struct digest digest;
  int status = task_format(path, task, &text, error);
  if (!status)
    status = digest_of(text.data, text.length, &digest, error);
  if (!status)
    status = file_write(path, text.data, text.length, error);
  if (!status)
    memcpy(task->sha256, digest.sha256, sizeof task->sha256);
  text_free(&text);
  return status;
}

/* libFuzzer target: a task file. What is accepted is within its limits, and is written and read
 * again as the same. */
#include "base/file.h"
#include "task/task.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ids(const int32_t *ids, size_t count, int64_t vocab)
{
  for (size_t i = 0; i < count; i++)
    if (ids[i] < 0 || ids[i] >= vocab)
      abort();
}

static void check(const struct task *task, int64_t vocab)
{
  if (task->count == 0 || !*task->name || strlen(task->sha256) != 64)
    abort();
  for (size_t i = 0; i < task->count; i++) {
    const struct task_pair *p = &task->pairs[i];
    if (p->length < 1 || p->length > task->longest || p->positive_count < 1 || p->line < 2)
      abort();
    check_ids(p->clean, p->length, vocab);
    check_ids(p->corrupted, p->length, vocab);
    check_ids(p->positive, p->positive_count, vocab);
    check_ids(p->negative, p->negative_count, vocab);
  }
}

static bool same_ids(const int32_t *a, const int32_t *b, size_t count)
{
  return count == 0 || memcmp(a, b, count * sizeof *a) == 0;
}

static void same(const struct task *a, const struct task *b)
{
  if (a->count != b->count || strcmp(a->name, b->name) != 0 || a->metric != b->metric)
    abort();
  for (size_t i = 0; i < a->count; i++) {
    const struct task_pair *p = &a->pairs[i], *q = &b->pairs[i];
    if (p->length != q->length || p->positive_count != q->positive_count ||
        p->negative_count != q->negative_count || !same_ids(p->clean, q->clean, p->length) ||
        !same_ids(p->corrupted, q->corrupted, p->length) ||
        !same_ids(p->positive, q->positive, p->positive_count) ||
        !same_ids(p->negative, q->negative, p->negative_count))
      abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct error error = {0};
  struct task task, again;
  struct text text = {0};
  int64_t vocab = size % 2 ? 100 : 0;
  if (task_parse("fuzz.jsonl", data, size, vocab, &task, &error)) {
    if (error.code != EXIT_INPUT || !*error.text || strchr(error.text, '\n') || task.pairs)
      abort();
    return 0;
  }
  check(&task, vocab ? vocab : TASK_MAX_VOCAB);
  if (task_format("fuzz.jsonl", &task, &text, &error) ||
      task_parse("again.jsonl", text.data, text.length, vocab, &again, &error))
    abort();
  same(&task, &again);
  text_free(&text);
  task_free(&task);
  task_free(&again);
  return 0;
}

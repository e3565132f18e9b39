#include "study/course_tasks.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/text.h"
#include "trajectory/circuit_course.h"

#include <stdlib.h>
#include <string.h>

static int read_task(const struct manifest *m, size_t index, struct course_tasks *tasks,
                     struct error *error)
{
  const struct manifest_task *pin = &m->circuits.tasks[index];
  struct task *task = &tasks->list[index];
  if (task_read(pin->path, 0, task, error))
    return error->code;
  tasks->count = index + 1;
  tasks->unpinned += !*pin->sha256;
  if (*pin->sha256 && strcmp(pin->sha256, task->sha256) != 0)
    return error_set(error, EXIT_INPUT,
                     "%s: has SHA-256 %s, but %s pins %s; restore the file, or make it again with "
                     "attest task",
                     pin->path, task->sha256, m->path, pin->sha256);
  if (strcmp(task->name, "components") == 0)
    return error_set(
        error, EXIT_INPUT,
        "%s: is of a task \"components\", whose table would be " CIRCUIT_COURSE_COMPONENTS
        ", that of all heads; give it another name",
        pin->path);
  for (size_t i = 0; i < index; i++)
    if (strcmp(tasks->list[i].name, task->name) == 0)
      return error_set(error, EXIT_INPUT, "%s: is of task \"%s\", as another file of %s is",
                       pin->path, task->name, m->path);
  return 0;
}

static int name_work(struct course_tasks *tasks, struct error *error)
{
  struct text all = {0};
  for (size_t i = 0; i < tasks->count; i++)
    text_add(&all, "%s\n", tasks->list[i].sha256);
  bool failed = all.failed;
  if (!failed)
    digest_xxh3(all.data, all.length, tasks->digest);
  text_free(&all);
  return failed ? error_set(error, EXIT_RUN, "tasks: out of memory") : 0;
}

int course_tasks_read(const struct manifest *m, struct course_tasks *tasks, struct error *error)
{
  *tasks = (struct course_tasks){0};
  tasks->list = memory_zeroed(m->circuits.task_count, sizeof *tasks->list, m->path, error);
  for (size_t i = 0; tasks->list && i < m->circuits.task_count; i++)
    if (read_task(m, i, tasks, error)) {
      course_tasks_free(tasks);
      return error->code;
    }
  return tasks->list ? name_work(tasks, error) : error->code;
}

int course_tasks_check_pairs(const struct manifest *m, const struct course_tasks *tasks,
                             struct error *error)
{
  for (size_t i = 0; i < tasks->count; i++)
    if (m->circuits.pairs > tasks->list[i].count)
      return error_set(error, EXIT_INPUT,
                       "%s: circuits: \"pairs\" is %llu, but %s has %zu; give at most as many, or "
                       "null for all",
                       m->path, (unsigned long long)m->circuits.pairs, m->circuits.tasks[i].path,
                       tasks->list[i].count);
  return 0;
}

void course_tasks_free(struct course_tasks *tasks)
{
  for (size_t i = 0; i < tasks->count; i++)
    task_free(&tasks->list[i]);
  free(tasks->list);
  *tasks = (struct course_tasks){0};
}

int course_request(const struct manifest *m, struct circuit_request *request, struct error *error)
{
  const struct manifest_circuits *c = &m->circuits;
  *request = (struct circuit_request){.rule = CHOICE_GREEDY,
                                      .threshold = c->threshold,
                                      .bound = (size_t)c->bound,
                                      .n = (size_t)c->n,
                                      .scan = c->scan};
  if (attribution_parse(c->method, &request->method, error))
    return error_prefix(error, "%s: circuits: \"method\"", m->path);
  if (strcmp(c->choose, choice_rule_name(CHOICE_TOPN)) == 0)
    request->rule = CHOICE_TOPN;
  else if (strcmp(c->choose, choice_rule_name(CHOICE_GREEDY)) != 0)
    return error_set(error, EXIT_INPUT,
                     "%s: circuits: \"choose\" is \"%s\", must be greedy or topn", m->path,
                     c->choose);
  return 0;
}

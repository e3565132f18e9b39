/* Circuits of every revision: tasks, scores, choice. */
#include "base/json.h"
#include "base/memory.h"
#include "manifest/manifest_parts.h"
#include "task/task.h"

#include <stdio.h>
#include <string.h>

#define MOST_TASKS 100
#define MOST_EDGES INT64_C(1000000000000)
#define WHERE 1024

static int parse_task(const json_t *object, const char *where, const struct manifest *m,
                      struct manifest_task *task, struct error *error)
{
  static const char *const known[] = {"path", "sha256", NULL};
  if (!json_is_object(object))
    return error_set(error, EXIT_INPUT, "%s: must be an object", where);
  if (json_check_keys(object, where, known, error) ||
      manifest_get_path(object, where, "path", m, &task->path, error))
    return error->code;
  const json_t *sha256 = json_object_get(object, "sha256");
  const char *hex = json_string_value(sha256);
  if (json_is_null(sha256))
    return 0;
  if (!hex || strlen(hex) != 64 || strspn(hex, "0123456789abcdef") != 64)
    return error_set(error, EXIT_INPUT,
                     "%s: \"sha256\" must be 64 lower-case hex digits, or null as long as nobody "
                     "has seen the file",
                     where);
  memcpy(task->sha256, hex, sizeof task->sha256);
  return 0;
}

static int parse_tasks(const json_t *object, const char *where, struct manifest *m,
                       struct error *error)
{
  json_t *list;
  if (json_get_array(object, where, "tasks", &list, error))
    return error->code;
  size_t count = json_array_size(list);
  if (count < 1 || count > MOST_TASKS)
    return error_set(error, EXIT_INPUT, "%s: \"tasks\" must have 1 to %d elements", where,
                     MOST_TASKS);
  m->circuits.tasks = memory_zeroed(count, sizeof *m->circuits.tasks, where, error);
  if (!m->circuits.tasks)
    return error->code;
  m->circuits.task_count = count;
  for (size_t i = 0; i < count; i++) {
    char inner[WHERE];
    snprintf(inner, sizeof inner, "%.980s: tasks[%zu]", where, i);
    if (parse_task(json_array_get(list, i), inner, m, &m->circuits.tasks[i], error))
      return error->code;
  }
  return 0;
}

static int parse_word(const json_t *object, const char *where, const char *key, char word[64],
                      struct error *error)
{
  const char *text;
  if (json_get_label(object, where, key, &text, error))
    return error->code;
  if (strlen(text) > 63)
    return error_set(error, EXIT_INPUT, "%s: \"%s\" is longer than 63 bytes", where, key);
  strcpy(word, text);
  return 0;
}

/* A number of pairs or edges; null: all. */
static int parse_count(const json_t *object, const char *where, const char *key, int64_t most,
                       uint64_t *count, struct error *error)
{
  int64_t value = 0;
  if (!json_is_null(json_object_get(object, key)) &&
      json_get_integer(object, where, key, 1, most, &value, error))
    return error->code;
  *count = (uint64_t)value;
  return 0;
}

static int check_others(const json_t *root, const char *path, struct error *error)
{
  static const char *const others[] = {"protocol", "ablation", "published"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (!json_is_absent(root, others[i]))
      return error_set(error, EXIT_INPUT,
                       "%s: \"%s\" is of a screen; a manifest with \"circuits\" has none", path,
                       others[i]);
  return 0;
}

int manifest_parse_circuits(const json_t *root, struct manifest *m, struct error *error)
{
  static const char *const known[] = {"tasks", "pairs", "method", "choose", "threshold",
                                      "bound", "n",     "scan",   "shape",  NULL};
  struct manifest_circuits *c = &m->circuits;
  char where[WHERE];
  json_t *object;
  snprintf(where, sizeof where, "%.700s: circuits", m->path);
  if (check_others(root, m->path, error) ||
      json_get_object(root, m->path, "circuits", &object, error) ||
      json_check_keys(object, where, known, error) || parse_tasks(object, where, m, error) ||
      parse_count(object, where, "pairs", (int64_t)TASK_MAX_PAIRS, &c->pairs, error) ||
      parse_word(object, where, "method", c->method, error) ||
      parse_word(object, where, "choose", c->choose, error) ||
      json_get_number(object, where, "threshold", 0, 1e6, &c->threshold, error) ||
      parse_count(object, where, "bound", MOST_EDGES, &c->bound, error) ||
      parse_count(object, where, "n", MOST_EDGES, &c->n, error) ||
      json_get_boolean(object, where, "scan", &c->scan, error))
    return error->code;
  if (!json_is_absent(object, "shape") &&
      manifest_get_line(object, where, "shape", &c->shape, error))
    return error->code;
  if (!(c->threshold > 0))
    return error_set(error, EXIT_INPUT, "%s: \"threshold\" must be above 0", where);
  if (!c->n)
    return error_set(error, EXIT_INPUT, "%s: \"n\" must be a number of edges", where);
  return 0;
}

#include "command/show_course.h"

#include "base/file.h"
#include "base/file_use.h"
#include "base/json.h"
#include "circuit/head_set.h"
#include "claims/published.h"
#include "command/reading.h"
#include "study/outputs.h"
#include "trajectory/circuit_course.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Without memory of its own: one that ends must not look like a file that is not there. */
static bool holds(const char *directory, const char *name)
{
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "%s/%s", directory, name);
  return length > 0 && (size_t)length < sizeof path && file_exists(path);
}

bool show_is_course(const char *directory)
{
  return holds(directory, CIRCUIT_COURSE_INDEX) && !holds(directory, "trajectory.json");
}

int show_check(const char *directory, struct error *error)
{
  if (!file_is_directory(directory) || holds(directory, CIRCUIT_COURSE_INDEX) ||
      holds(directory, "trajectory.json"))
    return 0;
  if (holds(directory, PUBLISHED_INDEX))
    return error_set(error, EXIT_INPUT,
                     "%s: holds tables (" PUBLISHED_INDEX "), which attest claims evaluates and "
                     "attest report shows",
                     directory);
  return error_set(error, EXIT_INPUT,
                   "%s: holds neither trajectory.json nor circuits.json; name the folder of one of "
                   "them, such as golden/nursery-olmo or golden/circuits-olmo",
                   directory);
}

/* --- what is shown --- */

struct showing {
  const struct course_folder *folder;
  struct text text;
  json_t *json;
};

static void add_table(struct showing *s, const char *key, const char *title,
                      const struct table *table)
{
  text_add(&s->text, "%s:\n", title);
  table_aligned(table, "  ", &s->text);
  json_put(s->json, key, table_json(table));
}

static void show_tasks(struct showing *s)
{
  const struct circuit_course *c = &s->folder->course;
  json_t *tasks = json_object(), *all = s->json;
  s->json = tasks;
  for (size_t t = 0; t < c->task_count; t++) {
    char title[300];
    snprintf(title, sizeof title, "task %s, scores %.60s, %.20s choice, threshold %g",
             c->tasks[t].name, c->method, c->choose, c->threshold);
    add_table(s, c->tasks[t].name, title, &s->folder->tables[t]);
  }
  s->json = all;
  json_put(all, "tasks", tasks);
}

/* The rows of components of one revision, or of one head; false: there are none. */
static bool add_heads(struct showing *s, const char *revision, const struct head_name *head)
{
  const struct table *all = &s->folder->components;
  struct table some = {.columns = component_columns, .column_count = COMPONENT_COLUMNS};
  char title[300], name[HEAD_NAME_SIZE];
  for (size_t r = 0; r < table_rows(all); r++)
    if (revision ? strcmp(table_text_at(all, r, 0), revision) == 0
                 : table_at(all, r, COMPONENT_PLACE)->integer == (int64_t)head->layer &&
                       table_at(all, r, COMPONENT_PLACE + 1)->integer == (int64_t)head->head)
      table_copy_row(all, r, &some);
  bool any = table_rows(&some) > 0;
  snprintf(title, sizeof title, "%.250s", revision ? revision : head_name_format(head, name));
  if (any)
    add_table(s, "components", title, &some);
  s->text.failed = s->text.failed || some.failed;
  table_free(&some);
  return any;
}

/* "L4H4", or "4.4" as such. */
static int parse_head(const char *text, struct head_name *head, struct error *error)
{
  struct head_set one = {0};
  char name[HEAD_NAME_SIZE];
  const char *dot = strchr(text, '.');
  snprintf(name, sizeof name, dot ? "L%.*sH%s" : "%.*s%s", (int)(dot ? dot - text : 0), text,
           dot ? dot + 1 : text);
  int status = head_set_parse("--head", name, &one, error);
  if (!status)
    *head = one.list[0];
  bool single = one.count == 1;
  head_set_free(&one);
  if (single || status == EXIT_RUN)
    return status;
  return error_set(error, EXIT_INPUT, "--head %s: must be one head, LAYER.HEAD or L4H4",
                   text_shown(text).text);
}

static int show(struct showing *s, const char *directory, const char *revision, const char *head,
                struct error *error)
{
  struct head_name one;
  if (!revision && !head) {
    show_tasks(s);
    return 0;
  }
  if (!s->folder->components.column_count)
    return error_set(error, EXIT_INPUT,
                     "%s: has no " CIRCUIT_COURSE_COMPONENTS ", from which heads are shown; attest "
                     "circuit writes it",
                     directory);
  if ((head && parse_head(head, &one, error)) || add_heads(s, revision, &one))
    return error->code;
  return error_set(error, EXIT_INPUT, "%s %s: %s has no such %s",
                   revision ? "--revision" : "--head", text_shown(revision ? revision : head).text,
                   s->folder->course.model, revision ? "revision" : "head");
}

static void add_source(struct showing *s)
{
  const struct circuit_course *c = &s->folder->course;
  const char *kind = trajectory_kind_name(c->kind);
  text_add(&s->text, "Circuits of %s (%s, %s)\n  %s\n", c->model, kind,
           text_counted(c->revision_count, "revision").text, c->source);
  if (*c->caveat)
    text_add(&s->text, "  Caveat: %s\n", c->caveat);
  json_put(s->json, "model", json_string(c->model));
  json_put(s->json, "kind", json_string(kind));
  json_put(s->json, "source", json_string(c->source));
  json_put(s->json, "caveat", json_string(c->caveat));
}

int show_course(const char *directory, const struct common_options *common, const char *revision,
                const char *head, struct error *error)
{
  const struct output json = {.option = "--json", .path = common->json};
  struct course_folder folder;
  if (common_options_check(common, error) || course_folder_load(directory, &folder, error))
    return error->code;
  struct showing s = {.folder = &folder, .json = json_object()};
  int status = file_use_check(error);
  if (!status)
    status = outputs_spare_read(&json, 1, error);
  if (!status)
    status = outputs_spare_folder(&json, 1, directory, error);
  add_source(&s);
  if (!status)
    status = show(&s, directory, revision, head, error);
  if (!status) {
    status = reading_deliver(common, s.json, &s.text, error);
  } else {
    json_decref(s.json);
    text_free(&s.text);
  }
  course_folder_free(&folder);
  return status;
}

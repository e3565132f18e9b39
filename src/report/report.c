#include "report/report.h"

#include "base/json.h"
#include "base/memory.h"
#include "claims/paper.h"
#include "study/course_results.h"
#include "study/published_results.h"
#include "study/result_json.h"

#include <stdlib.h>
#include <string.h>

static bool evaluated(const struct report *report, const struct trajectory *t)
{
  for (size_t i = 0; i < report->claim_count; i++)
    if (report->claims[i].kind == t->kind && strcmp(report->claims[i].model, t->model) == 0)
      return true;
  return false;
}

/* The list and its trajectories, which remain the report's. */
static int evaluate(struct report *report, struct trajectory *all, size_t count,
                    const struct report_folders *folders, struct error *error)
{
  struct claim_list list;
  json_t *json = NULL;
  if (claims_evaluate(all, count, &list, error))
    return error->code;
  int status = 0;
  for (size_t i = 0; i < folders->table_count && !status; i++)
    status = claims_add_tables(&folders->tables[i], &list, error);
  for (size_t i = 0; i < folders->course_count && !status; i++)
    status = claims_add_course(&folders->courses[i].course, &list, error);
  if (!status)
    json = claims_json(&list, error);
  claims_free(&list);
  return json ? report_add_run(report, "claims", json, error) : error->code;
}

/* --- tables of folders --- */

/* Takes the results out of a journal. */
static void take_results(struct report *report, const char *model, struct journal *journal)
{
  for (size_t i = 0; i < journal->count; i++)
    json_add(report->results,
             json_pack("{s:s, s:o}", "model", model, "result", result_json(&journal->entries[i])));
  journal_free(journal);
}

static int add_course(struct report *report, const struct course_folder *folder,
                      struct error *error)
{
  const struct circuit_course *course = &folder->course;
  struct course_table *tables =
      memory_zeroed(course->task_count, sizeof *tables, course->model, error);
  struct text *texts = memory_zeroed(course->task_count, sizeof *texts, course->model, error);
  struct journal journal = {0};
  int status = tables && texts ? 0 : error->code;
  for (size_t t = 0; !status && t < course->task_count; t++) {
    table_separated(&folder->tables[t], ',', "", &texts[t]);
    tables[t] = (struct course_table){course->tasks[t].name, course->tasks[t].name, texts[t].data};
    if (texts[t].failed)
      status = error_set(error, EXIT_RUN, "report: out of memory");
  }
  if (!status)
    course_results(&journal, tables, course->task_count);
  if (!status)
    status = journal_check(&journal, error);
  take_results(report, course->model, &journal);
  for (size_t t = 0; texts && t < course->task_count; t++)
    text_free(&texts[t]);
  free(texts);
  free(tables);
  return status;
}

static int add_results(struct report *report, const struct report_folders *folders,
                       struct error *error)
{
  int status = 0;
  report->results = json_array();
  for (size_t i = 0; i < folders->table_count && !status; i++) {
    struct journal journal = {0};
    published_results(&journal, &folders->tables[i]);
    status = journal_check(&journal, error);
    take_results(report, folders->tables[i].paper->arxiv, &journal);
  }
  for (size_t i = 0; i < folders->course_count && !status; i++)
    status = add_course(report, &folders->courses[i], error);
  return status;
}

int report_evaluate(struct report *report, const struct report_folders *folders,
                    struct error *error)
{
  struct trajectory *all = memory_zeroed(report->trajectory_count, sizeof *all, "report", error);
  size_t count = 0;
  if (!all)
    return error->code;
  for (size_t i = 0; i < report->trajectory_count; i++)
    if (!evaluated(report, &report->trajectories[i].trajectory))
      all[count++] = report->trajectories[i].trajectory;
  bool any = count || folders->table_count || folders->course_count;
  int status = any ? evaluate(report, all, count, folders, error) : 0;
  if (!status)
    status = add_results(report, folders, error);
  free(all);
  return status;
}

/* Whether a model of so many layers and heads has it. */
static bool has_head(size_t layers, size_t heads, const struct head_name *head)
{
  return head->layer < layers && head->head < heads;
}

static int check_head(const struct report *report, const struct head_name *head,
                      struct error *error)
{
  char name[HEAD_NAME_SIZE];
  bool found = false;
  for (size_t i = 0; i < report->trajectory_count; i++) {
    const struct revision *first = &report->trajectories[i].trajectory.revisions[0];
    found = found || has_head((size_t)first->n_layers, (size_t)first->n_heads, head);
  }
  if (!found)
    return error_set(error, EXIT_INPUT, "--heads %s: no trajectory of this report has this head",
                     head_name_format(head, name));
  if (report->rows.n && !has_head(report->rows.layers, report->rows.heads, head))
    return error_set(error, EXIT_INPUT,
                     "--heads %s: the model of --rows has %s of %s, counted from 0",
                     head_name_format(head, name), text_counted(report->rows.layers, "layer").text,
                     text_counted(report->rows.heads, "head").text);
  return 0;
}

/* Rows do not say of which model they are; what they do say is its shape. */
static int check_rows(const struct report *report, const char *directory, struct error *error)
{
  const struct rows *rows = &report->rows;
  const struct trajectory *t = NULL;
  for (size_t i = 0; i < report->trajectory_count; i++) {
    t = &report->trajectories[i].trajectory;
    if ((size_t)t->revisions[0].n_layers == rows->layers &&
        (size_t)t->revisions[0].n_heads == rows->heads)
      return 0;
  }
  if (!t)
    return 0;
  return error_set(error, EXIT_INPUT,
                   "--rows %s: is of a model of %s of %s, and %s has %d of %d; dump "
                   "the rows of the model that is reported",
                   directory, text_counted(rows->layers, "layer").text,
                   text_counted(rows->heads, "head").text, t->model, t->revisions[0].n_layers,
                   t->revisions[0].n_heads);
}

int report_choose(struct report *report, const char *heads, const char *rows, struct error *error)
{
  if ((heads && head_set_parse("--heads", heads, &report->chosen, error)) ||
      (rows && rows_read(rows, &report->rows, error)))
    return error->code;
  for (size_t i = 0; i < report->chosen.count; i++)
    if (check_head(report, &report->chosen.list[i], error))
      return error->code;
  return rows ? check_rows(report, rows, error) : 0;
}

size_t report_count(const struct report *report, enum claim_verdict verdict)
{
  size_t count = 0;
  for (size_t i = 0; i < report->claim_count; i++)
    count += report->claims[i].stated && report->claims[i].verdict == verdict;
  return count;
}

size_t report_failures(const struct report *report)
{
  size_t count = 0;
  for (size_t i = 0; i < report->manifest_count; i++)
    count += report->manifests[i].failures.count;
  return count;
}

const char *report_verdict(const struct report *report)
{
  bool uncompared = false;
  for (size_t i = 0; i < report->document_count; i++)
    uncompared = uncompared || report->runs[i].uncompared > 0;
  return report_failures(report)   ? "FAILED"
         : !report->manifest_count ? "NOT CHECKED"
         : uncompared              ? "NO CHECK FAILED"
                                   : "ALL CHECKS HELD";
}

const char *report_kind(enum trajectory_kind kind)
{
  static const char *const names[] = {"published tables", "small models trained for this project",
                                      "real checkpoints", "synthetic weights"};
  return names[kind];
}

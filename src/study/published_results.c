#include "study/published_results.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

#define KEYS 2

/* What is drawn of a table: a plot for each model, a line for each value of the keys. */
static const struct course {
  const char *table, *title, *x, *y;
  const char *keys[KEYS];
} courses[] = {
    {"circuit_edges", "Edges of the circuit", "step", "edges", {"task", NULL}},
    {"similarity", "Overlap of circuits over checkpoints", "step_2", "value", {"task", "measure"}},
    {"task_metric", "Behaviour over checkpoints", "step", "metric", {"task", "run"}},
    {"copy_scores", "Copy scores of heads", "step", "copy_score", {"heads", NULL}},
};

/* Of a key, too, such as a step. */
static double number(const struct published_table *table, size_t row, const char *column)
{
  const struct published_schema *schema = table->schema;
  const char *cell = table->cells[row * schema->column_count + published_column(schema, column)];
  double value;
  return text_to_double(cell, strlen(cell), &value) ? value : NAN;
}

static void add_row(const struct published_table *table, const struct course *course, size_t row,
                    struct text *csv)
{
  const struct published_schema *schema = table->schema;
  const char *const *cells = table->cells + row * schema->column_count;
  double x = number(table, row, course->x), y = number(table, row, course->y);
  if (!isfinite(x) || !isfinite(y))
    return;
  text_add(csv, "%s,", cells[0]);
  for (int k = 0; k < KEYS && course->keys[k]; k++)
    text_add(csv, "%s%s", k ? " " : "", cells[published_column(schema, course->keys[k])]);
  text_add(csv, ",");
  text_add_double(csv, x);
  text_add(csv, ",");
  text_add_double(csv, y);
  text_add(csv, "\n");
}

static bool has_columns(const struct published_table *table, const struct course *course)
{
  const struct published_schema *schema = table->schema;
  for (int k = 0; k < KEYS && course->keys[k]; k++)
    if (published_column(schema, course->keys[k]) == schema->column_count)
      return false;
  return published_column(schema, course->x) < schema->column_count &&
         published_column(schema, course->y) < schema->column_count;
}

static void add_course(struct journal *journal, const struct published_table *table,
                       const struct course *course)
{
  struct text csv = {0};
  text_add(&csv, "model,line,%s,%s\n", course->x, course->y);
  for (size_t row = 0; row < table->rows; row++)
    add_row(table, course, row, &csv);
  const struct journal_result result = {.name = course->table,
                                        .title = course->title,
                                        .x = course->x,
                                        .y = course->y,
                                        .series = "line",
                                        .group = "model",
                                        .log = true};
  if (!csv.failed)
    journal_add(journal, (struct journal_entry){
                             .event = JOURNAL_RESULT, .text = csv.data, .result = result});
  journal->failed = journal->failed || csv.failed;
  text_free(&csv);
}

void published_results(struct journal *journal, const struct published_tables *tables)
{
  for (size_t c = 0; c < sizeof courses / sizeof *courses; c++) {
    const struct published_table *table = published_find(tables, courses[c].table);
    if (table && has_columns(table, &courses[c]))
      add_course(journal, table, &courses[c]);
  }
}

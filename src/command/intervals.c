#include "command/intervals.h"

#include "base/file_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CSV ".csv"

char *intervals_path(const char *out, struct error *error)
{
  struct text path = {0};
  size_t length = strlen(out) - (text_ends_with(out, CSV) ? strlen(CSV) : 0);
  text_add(&path, "%.*s.bootstrap" CSV, (int)length, out);
  if (!path.failed)
    return path.data;
  text_free(&path);
  error_set(error, EXIT_RUN, "%s: out of memory", out);
  return NULL;
}

static const struct table_column columns[] = {
    {"layer", NULL, CELL_INTEGER},   {"head", NULL, CELL_INTEGER}, {"figure", "", CELL_TEXT},
    {"value", "value", CELL_NUMBER}, {"low", "low", CELL_NUMBER},  {"high", "high", CELL_NUMBER},
    {"interval", NULL, CELL_TEXT},
};

static void add_figure(struct table *table, const char *figure, const struct interval *interval,
                       const char *kind)
{
  table_text(table, figure);
  table_number(table, interval->value);
  table_number(table, interval->low);
  table_number(table, interval->high);
  table_text(table, kind);
}

static void add_place(struct table *table, const struct head_row *row)
{
  table_integer(table, row->layer);
  table_integer(table, row->head);
}

static void add_head(struct table *table, const struct head_row *row,
                     const struct head_intervals *intervals)
{
  const struct interval kept = {intervals->class_kept, NAN, NAN};
  char figure[32];
  for (int c = 0; c < CLASS_COUNT; c++) {
    snprintf(figure, sizeof figure, "sel_%s", head_class_name((enum head_class)c));
    add_place(table, row);
    add_figure(table, figure, &intervals->selectivity[c], "percentile");
  }
  add_place(table, row);
  add_figure(table, "pr", &intervals->pr, "reflected");
  add_place(table, row);
  add_figure(table, "class_kept", &kept, NULL);
}

static void add_model(struct table *table, const struct bootstrap *bootstrap)
{
  for (int f = 0; f < MODEL_FIGURES; f++) {
    table_missing(table);
    table_missing(table);
    add_figure(table, model_figure_name((enum model_figure)f), &bootstrap->model[f], "percentile");
  }
}

struct table intervals_table(const struct revision *revision, const struct bootstrap *bootstrap)
{
  struct table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
  for (size_t i = 0; i < bootstrap->heads; i++)
    add_head(&table, &revision->heads[i], &bootstrap->head[i]);
  add_model(&table, bootstrap);
  return table;
}

int intervals_write(const char *path, const struct revision *revision,
                    const struct bootstrap *bootstrap, struct error *error)
{
  struct table table = intervals_table(revision, bootstrap);
  int status = file_write_table(path, &table, error);
  table_free(&table);
  return status;
}

json_t *intervals_json(const struct revision *revision, const struct bootstrap *b)
{
  struct table table = intervals_table(revision, b);
  json_t *figures = table_json(&table);
  table_free(&table);
  return json_pack("{s:I, s:i, s:i, s:s, s:s, s:o}", "resamples", (json_int_t)b->resamples, "seed",
                   BOOTSTRAP_SEED, "pr_seed", BOOTSTRAP_PR_SEED, "indices_sha256", b->indices,
                   "pr_indices_sha256", b->pr_indices, "figures", figures);
}

static void add_whole(const struct bootstrap *bootstrap, struct text *text)
{
  struct table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
  add_model(&table, bootstrap);
  text_add(text, "  95 %% intervals over %zu resamples of the sequences:\n", bootstrap->resamples);
  table_aligned(&table, "  ", text);
  table_free(&table);
}

static const struct table_column shown[] = {
    {"head", "head", CELL_TEXT},     {"class", "class", CELL_TEXT},
    {"kept", "kept", CELL_NUMBER},   {"largest", "largest", CELL_TEXT},
    {"value", "value", CELL_NUMBER}, {"low", "low", CELL_NUMBER},
    {"high", "high", CELL_NUMBER},   {"pr", "PR", CELL_NUMBER},
    {"pr_low", "low", CELL_NUMBER},  {"pr_high", "high", CELL_NUMBER},
};

static void show_head(struct table *table, const struct head_row *row,
                      const struct head_intervals *of)
{
  char name[32];
  int largest = 0;
  for (int c = 1; c < CLASS_COUNT; c++)
    if (row->selectivity[c] > row->selectivity[largest])
      largest = c;
  snprintf(name, sizeof name, "L%dH%d", row->layer, row->head);
  table_text(table, name);
  table_text(table, head_class_name(row->class));
  table_number(table, of->class_kept);
  table_text(table, head_class_name((enum head_class)largest));
  table_number(table, of->selectivity[largest].value);
  table_number(table, of->selectivity[largest].low);
  table_number(table, of->selectivity[largest].high);
  table_number(table, of->pr.value);
  table_number(table, of->pr.low);
  table_number(table, of->pr.high);
}

void intervals_text(const struct revision *revision, const struct bootstrap *b, struct text *text)
{
  struct table table = {.columns = shown, .column_count = sizeof shown / sizeof *shown};
  add_whole(b, text);
  for (size_t i = 0; i < b->heads; i++)
    if (revision->heads[i].class != CLASS_UNCLASSIFIED || b->head[i].class_kept < 1)
      show_head(&table, &revision->heads[i], &b->head[i]);
  text_add(text,
           "  %zu of %zu heads have a class, or one in some resamples (kept: the share that "
           "has the sample's):\n",
           table_rows(&table), b->heads);
  if (table_rows(&table))
    table_aligned(&table, "  ", text);
  table_free(&table);
}

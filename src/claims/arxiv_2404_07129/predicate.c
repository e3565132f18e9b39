/* What evaluations share: numbers of tables, and what is missing. */
#include "claims/arxiv_2404_07129/predicate.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *case_model(const struct predicate_case *c)
{
  return c->models[c->index];
}

const char *case_argument(const struct predicate_case *c, size_t i)
{
  const char *argument = i < PREDICATE_ARGUMENTS ? c->arguments[i] : NULL;
  return argument ? argument : "";
}

void judged_missing(struct judged *judged, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  if (!*judged->missing)
    vsnprintf(judged->missing, sizeof judged->missing, format, arguments);
  va_end(arguments);
}

static double no_number(const struct predicate_case *c, const char *table, const char *key,
                        const char *column, struct judged *judged)
{
  if (c->tables->kind == TRAJECTORY_PUBLISHED)
    judged_missing(judged, "no number of it is published: %s %s%s%s", table, key, *key ? " " : "",
                   column);
  else
    judged_missing(judged, "not in this set of runs: %s %s%s%s", table, key, *key ? " " : "",
                   column);
  return NAN;
}

double case_number(const struct predicate_case *c, const char *table, const char *key,
                   const char *column, const double *empty, struct judged *judged)
{
  const struct published_table *found = published_find(c->tables, table);
  size_t row;
  if (!found || published_rows(found, case_model(c), key, &row) != 1)
    return no_number(c, table, key, column, judged);
  double value = published_number(found, row, column);
  if (!isnan(value))
    return value;
  return empty ? *empty : no_number(c, table, key, column, judged);
}

bool case_heads(const struct predicate_case *c, const char *column, double values[FORMATION_HEADS],
                struct judged *judged)
{
  for (size_t h = 0; h < FORMATION_HEADS; h++) {
    const char key[] = {(char)('0' + h), 0};
    values[h] = case_number(c, "heads", key, column, NULL, judged);
  }
  return !*judged->missing;
}

size_t largest(const double *values, size_t count)
{
  size_t best = 0;
  for (size_t i = 1; i < count; i++)
    if (values[i] > values[best])
      best = i;
  return best;
}

bool case_is_previous(const struct predicate_case *c, int head, struct judged *judged)
{
  const struct published_table *table = published_find(c->tables, "ablations");
  size_t row;
  if (!table || !published_rows(table, case_model(c), "previous", &row)) {
    judged_missing(judged, "the previous-token heads are not named");
    return false;
  }
  size_t columns = table->schema->column_count;
  const char *list = table->cells[row * columns + published_column(table->schema, "heads")];
  struct head_id id;
  while (published_next_head(&list, &id))
    if (id.layer == 0 && id.head == head)
      return true;
  return false;
}

void judge_at_least(struct judged *judged, double value, double limit)
{
  judged->value = value;
  judged->holds = value >= limit;
}

void judge_at_most(struct judged *judged, double value, double limit)
{
  judged->value = value;
  judged->holds = value <= limit;
}

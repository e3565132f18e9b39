/* Series of numbers of a published table. */
#include "claims/arxiv_2407_10827/paper.h"

#include <math.h>
#include <string.h>

/* A cell as a number: keys such as a step are texts in a table. */
static double cell_number(const struct published_table *table, size_t row, size_t column)
{
  size_t at = row * table->schema->column_count + column;
  double value;
  const char *text = table->cells[at];
  if (table->schema->columns[column].type != PUBLISHED_KEY)
    return table->numbers[at];
  return text_to_double(text, strlen(text), &value) ? value : NAN;
}

bool series_read(const struct question *question, const char *name, const char *model,
                 const char *key, const char *at, const char *value, struct series *series,
                 struct outcome *outcome)
{
  const struct published_table *table = published_find(question->tables, name);
  series->count = 0;
  if (!table) {
    outcome_missing(outcome, "the published table %s is not given", name);
    return false;
  }
  size_t first = at ? published_column(table->schema, at) : 0;
  size_t second = published_column(table->schema, value);
  for (size_t row = 0; row < table->rows && series->count < SERIES_MOST; row++) {
    if (!published_matches(table, row, model, key))
      continue;
    series->at[series->count] = at ? cell_number(table, row, first) : NAN;
    series->value[series->count++] = cell_number(table, row, second);
  }
  if (!series->count)
    outcome_missing(outcome, "table %s has no row %.40s of %.30s", name, key, model);
  return series->count > 0;
}

double series_mean(const struct series *series, size_t first, size_t count)
{
  double sum = 0;
  for (size_t i = first; i < first + count; i++)
    sum += series->value[i];
  return sum / (double)count;
}

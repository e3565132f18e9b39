/* Arguments of a reading, numbers of published tables, and outcomes. */
#include "claims/assertion.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *question_argument(const struct question *question, size_t i)
{
  const char *argument = i < ARGUMENTS ? question->reading->arguments[i] : NULL;
  return argument ? argument : "";
}

size_t question_arguments(const struct question *question)
{
  size_t count = 0;
  while (count < ARGUMENTS && question->reading->arguments[count])
    count++;
  return count;
}

double question_number(const struct question *question, size_t i)
{
  const char *text = question_argument(question, i);
  double value;
  return text_to_double(text, strlen(text), &value) ? value : NAN;
}

void outcome_add(struct outcome *outcome, double value)
{
  if (outcome->count < STATED_MOST)
    outcome->values[outcome->count++] = value;
}

static void format_into(char *out, size_t capacity, const char *format, va_list arguments)
{
  vsnprintf(out, capacity, format, arguments);
}

void outcome_words(struct outcome *outcome, bool holds, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  format_into(outcome->words, sizeof outcome->words, format, arguments);
  va_end(arguments);
  outcome->holds = holds;
}

void outcome_missing(struct outcome *outcome, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  format_into(outcome->missing, sizeof outcome->missing, format, arguments);
  va_end(arguments);
}

void outcome_why(struct outcome *outcome, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  format_into(outcome->why, sizeof outcome->why, format, arguments);
  va_end(arguments);
}

bool data_cell_is(const struct published_table *table, size_t row, const char *column,
                  const char *text)
{
  size_t columns = table->schema->column_count, i = published_column(table->schema, column);
  return i < columns && strcmp(table->cells[row * columns + i], text) == 0;
}

/* Takes a word off the front of an operand. */
static void take_word(const char **operand, char *word, size_t capacity)
{
  size_t length = strcspn(*operand, " ");
  snprintf(word, capacity, "%.*s", (int)length, *operand);
  *operand += length + ((*operand)[length] == ' ');
}

const struct published_table *data_row(const struct question *question, const char *operand,
                                       size_t *row, struct outcome *outcome)
{
  char name[64], model[64];
  take_word(&operand, name, sizeof name);
  snprintf(model, sizeof model, "%s", question->assertion->model);
  if (*operand == '@') {
    operand++;
    take_word(&operand, model, sizeof model);
  }
  const struct published_table *table = published_find(question->tables, name);
  if (!table) {
    outcome_missing(outcome, "the published table %s is not given", name);
    return NULL;
  }
  size_t found = published_rows(table, model, operand, row);
  if (found == 1)
    return table;
  outcome_missing(outcome, "table %s has %s row %.40s of %.30s", name,
                  found ? "more than one" : "no", *operand ? operand : "at all", model);
  return NULL;
}

double data_number(const struct question *question, const char *operand, struct outcome *outcome)
{
  char metric[64];
  size_t row;
  take_word(&operand, metric, sizeof metric);
  const struct published_table *table = data_row(question, operand, &row, outcome);
  if (!table)
    return NAN;
  bool share = strcmp(metric, "top1") == 0;
  double value = published_number(table, row, share ? "top1_items" : metric);
  if (share)
    value = 100 * value / published_number(table, row, "n_examples");
  if (!isfinite(value))
    outcome_missing(outcome, "table %s has no %s there", table->schema->name, metric);
  return value;
}

const char *data_heads(const struct question *question, const char *operand,
                       struct outcome *outcome)
{
  size_t row;
  const struct published_table *table = data_row(question, operand, &row, outcome);
  if (!table)
    return NULL;
  size_t column = published_column(table->schema, "heads");
  return table->cells[row * table->schema->column_count + column];
}

/* --- kinds of evaluation that need no figure of a model --- */

void not_evaluated(const struct question *question, struct outcome *outcome)
{
  outcome_missing(outcome, "%s", question_argument(question, 0));
}

static const struct claim_row *find_row(const struct question *question, const char *id)
{
  for (size_t i = 0; i < question->list->count; i++) {
    const struct claim_row *row = &question->list->rows[i];
    if (row->source && row->stated && strcmp(row->source->id, id) == 0)
      return row;
  }
  return NULL;
}

void list_rows(const struct question *question, struct outcome *outcome)
{
  size_t holding = 0, count = question_arguments(question);
  for (size_t i = 0; i < count; i++) {
    const char *id = question_argument(question, i);
    const struct claim_row *row = find_row(question, id);
    if (!row || row->verdict == CLAIM_NOT_EVALUATED)
      outcome_missing(outcome, "%s is not evaluated", id);
    else if (row->verdict == CLAIM_REPRODUCED)
      holding++;
    else
      outcome_why(outcome, "%s does not come out", id);
  }
  outcome_words(outcome, holding == count, "%zu of %zu rows", holding, count);
}

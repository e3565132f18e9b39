#include "base/table.h"

#include "base/json.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct table_cell *next_cell(struct table *table)
{
  if (table->failed)
    return NULL;
  struct table_cell *cells =
      memory_room(table->cells, table->cell_count + 1, &table->capacity, sizeof *cells);
  table->failed |= !cells;
  if (!cells)
    return NULL;
  table->cells = cells;
  struct table_cell *cell = &table->cells[table->cell_count++];
  *cell = (struct table_cell){0};
  return cell;
}

void table_text(struct table *table, const char *value)
{
  struct table_cell *cell = next_cell(table);
  if (!cell)
    return;
  cell->missing = !value;
  cell->text = table->texts.length;
  if (value) {
    text_add(&table->texts, "%s%c", value, 0);
    table->failed = table->failed || table->texts.failed;
  }
}

void table_integer(struct table *table, int64_t value)
{
  struct table_cell *cell = next_cell(table);
  if (cell)
    cell->integer = value;
}

void table_number(struct table *table, double value)
{
  struct table_cell *cell = next_cell(table);
  if (!cell)
    return;
  cell->missing = !isfinite(value);
  cell->number = value;
}

void table_flag(struct table *table, bool value)
{
  struct table_cell *cell = next_cell(table);
  if (cell)
    cell->flag = value;
}

void table_missing(struct table *table)
{
  struct table_cell *cell = next_cell(table);
  if (cell)
    cell->missing = true;
}

size_t table_rows(const struct table *table)
{
  return table->cell_count / table->column_count;
}

void table_free(struct table *table)
{
  free(table->cells);
  text_free(&table->texts);
  *table = (struct table){.columns = table->columns, .column_count = table->column_count};
}

static const struct table_cell *cell_at(const struct table *table, size_t row, size_t column)
{
  return &table->cells[row * table->column_count + column];
}

static void add_separated(const struct table *table, size_t row, size_t column, const char *missing,
                          struct text *text)
{
  const struct table_cell *cell = cell_at(table, row, column);
  if (cell->missing) {
    text_add(text, "%s", missing);
    return;
  }
  switch (table->columns[column].type) {
  case CELL_TEXT:
    text_add(text, "%s", table->texts.data + cell->text);
    break;
  case CELL_INTEGER:
    text_add(text, "%lld", (long long)cell->integer);
    break;
  case CELL_NUMBER:
    text_add_double(text, cell->number);
    break;
  case CELL_FLAG:
    text_add(text, "%s", cell->flag ? "yes" : "no");
    break;
  }
}

void table_separated(const struct table *table, char separator, const char *missing,
                     struct text *text)
{
  for (size_t c = 0; c < table->column_count; c++)
    text_add(text, "%s%c", table->columns[c].key, c + 1 < table->column_count ? separator : '\n');
  for (size_t r = 0; r < table_rows(table); r++)
    for (size_t c = 0; c < table->column_count; c++) {
      add_separated(table, r, c, missing, text);
      text_add(text, "%c", c + 1 < table->column_count ? separator : '\n');
    }
  text->failed = text->failed || table->failed;
}

static const char *aligned_cell(const struct table *table, size_t row, size_t column, char *buffer,
                                size_t capacity)
{
  const struct table_cell *cell = cell_at(table, row, column);
  if (cell->missing)
    return "-";
  switch (table->columns[column].type) {
  case CELL_TEXT:
    return table->texts.data + cell->text;
  case CELL_INTEGER:
    snprintf(buffer, capacity, "%lld", (long long)cell->integer);
    return buffer;
  case CELL_NUMBER:
    snprintf(buffer, capacity, "%.6g", cell->number);
    return buffer;
  default:
    return cell->flag ? "yes" : "no";
  }
}

static size_t aligned_width(const struct table *table, size_t column)
{
  char buffer[32];
  size_t widest = text_columns(table->columns[column].title);
  for (size_t r = 0; r < table_rows(table); r++) {
    size_t width = text_columns(aligned_cell(table, r, column, buffer, sizeof buffer));
    widest = width > widest ? width : widest;
  }
  return widest;
}

/* The last column is not padded: lines end where their text ends. */
static void add_padded(struct text *text, const char *cell, size_t width, bool right, bool last)
{
  size_t used = text_columns(cell), blanks = width > used ? width - used : 0;
  if (right)
    text_add(text, "%*s%s%s", (int)blanks, "", cell, last ? "" : "  ");
  else
    text_add(text, "%s%*s", cell, last ? 0 : (int)blanks + 2, "");
}

static void add_line(const struct table *table, const size_t *widths, size_t row, bool header,
                     struct text *text)
{
  char buffer[32];
  size_t last = 0;
  for (size_t c = 0; c < table->column_count; c++)
    last = table->columns[c].title ? c : last;
  for (size_t c = 0; c <= last; c++) {
    const struct table_column *column = &table->columns[c];
    if (!column->title)
      continue;
    const char *cell = header ? column->title : aligned_cell(table, row, c, buffer, sizeof buffer);
    bool right = column->type == CELL_INTEGER || column->type == CELL_NUMBER;
    add_padded(text, cell, widths[c], right, c == last);
  }
  text_add(text, "\n");
}

void table_aligned(const struct table *table, const char *indent, struct text *text)
{
  size_t *widths = calloc(table->column_count, sizeof *widths);
  if (!widths || table->failed) {
    free(widths);
    text->failed = true;
    return;
  }
  for (size_t c = 0; c < table->column_count; c++)
    if (table->columns[c].title)
      widths[c] = aligned_width(table, c);
  text_add(text, "%s", indent);
  add_line(table, widths, 0, true, text);
  for (size_t r = 0; r < table_rows(table); r++) {
    text_add(text, "%s", indent);
    add_line(table, widths, r, false, text);
  }
  free(widths);
}

static json_t *cell_json(const struct table *table, size_t row, size_t column)
{
  const struct table_cell *cell = cell_at(table, row, column);
  if (cell->missing)
    return json_null();
  switch (table->columns[column].type) {
  case CELL_TEXT:
    return json_string(table->texts.data + cell->text);
  case CELL_INTEGER:
    return json_integer(cell->integer);
  case CELL_NUMBER:
    return json_real(cell->number);
  default:
    return json_boolean(cell->flag);
  }
}

json_t *table_json(const struct table *table)
{
  json_t *rows = table->failed ? NULL : json_array();
  for (size_t r = 0; r < table_rows(table) && rows; r++) {
    json_t *object = json_object();
    for (size_t c = 0; c < table->column_count; c++)
      json_put(object, table->columns[c].key, cell_json(table, r, c));
    json_add(rows, object);
  }
  return rows;
}

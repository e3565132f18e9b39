/* The reader of separated values. */
#include "base/table.h"

#include <math.h>
#include <string.h>

#define MOST_LINE ((size_t)1 << 16)

struct reading {
  const char *name, *rest;
  size_t size, line;
  char separator;
  struct table *table;
  struct error *error;
};

struct piece {
  const char *text;
  size_t length;
};

/* The next line, without its end. */
static int take_line(struct reading *r, struct piece *line)
{
  const char *end = memchr(r->rest, '\n', r->size);
  r->line++;
  if (!end)
    return error_set(r->error, EXIT_INPUT,
                     "%s: line %zu: no newline at its end; the file is cut short", r->name,
                     r->line);
  *line = (struct piece){r->rest, (size_t)(end - r->rest)};
  r->rest += line->length + 1;
  r->size -= line->length + 1;
  if (line->length > MOST_LINE || memchr(line->text, 0, line->length))
    return error_set(r->error, EXIT_INPUT, "%s: line %zu: is no line of such a table", r->name,
                     r->line);
  return 0;
}

/* The next cell of a line; false: there is none. */
static bool take_piece(struct piece *line, char separator, struct piece *cell)
{
  if (!line->text)
    return false;
  const char *end = line->length ? memchr(line->text, separator, line->length) : NULL;
  *cell = (struct piece){line->text, end ? (size_t)(end - line->text) : line->length};
  *line = end ? (struct piece){end + 1, line->length - cell->length - 1} : (struct piece){NULL, 0};
  return true;
}

static bool read_integer(const struct piece *cell, int64_t *value)
{
  bool negative = cell->length && *cell->text == '-';
  uint64_t number;
  if (!text_to_u64(cell->text + negative, cell->length - negative, &number) ||
      number > (uint64_t)INT64_MAX)
    return false;
  *value = negative ? -(int64_t)number : (int64_t)number;
  return true;
}

/* No control characters, which a terminal would obey. */
static bool is_shown(const struct piece *cell)
{
  size_t i = 0;
  while (i < cell->length && (unsigned char)cell->text[i] >= ' ' && cell->text[i] != 0x7f)
    i++;
  return i == cell->length;
}

static bool read_cell(struct table *table, enum cell_type type, const struct piece *cell)
{
  char copy[512];
  int64_t integer;
  double number;
  bool yes = cell->length == 3 && memcmp(cell->text, "yes", 3) == 0;
  switch (type) {
  case CELL_TEXT:
    if (cell->length >= sizeof copy || !is_shown(cell))
      return false;
    memcpy(copy, cell->text, cell->length);
    copy[cell->length] = 0;
    table_text(table, copy);
    return true;
  case CELL_INTEGER:
    if (!read_integer(cell, &integer))
      return false;
    table_integer(table, integer);
    return true;
  case CELL_NUMBER:
    if (!text_to_double(cell->text, cell->length, &number))
      return false;
    table_number(table, number);
    return true;
  case CELL_FLAG:
    break;
  }
  table_flag(table, yes);
  return yes || (cell->length == 2 && memcmp(cell->text, "no", 2) == 0);
}

static int read_header(struct reading *r)
{
  struct piece line, cell;
  if (take_line(r, &line))
    return r->error->code;
  for (size_t i = 0; i < r->table->column_count; i++) {
    const char *key = r->table->columns[i].key;
    if (!take_piece(&line, r->separator, &cell) || cell.length != strlen(key) ||
        memcmp(cell.text, key, cell.length) != 0)
      return error_set(r->error, EXIT_INPUT, "%s: line 1: column %zu must be %s", r->name, i + 1,
                       key);
  }
  return line.text ? error_set(r->error, EXIT_INPUT, "%s: line 1: has more than %zu columns",
                               r->name, r->table->column_count)
                   : 0;
}

static int read_row(struct reading *r)
{
  static const char *const types[] = {[CELL_TEXT] = "a short text",
                                      [CELL_INTEGER] = "an integer",
                                      [CELL_NUMBER] = "a number",
                                      [CELL_FLAG] = "yes or no"};
  struct piece line, cell;
  if (take_line(r, &line))
    return r->error->code;
  for (size_t i = 0; i < r->table->column_count; i++) {
    const struct table_column *column = &r->table->columns[i];
    if (!take_piece(&line, r->separator, &cell))
      return error_set(r->error, EXIT_INPUT, "%s: line %zu: has %zu cells, must have %zu", r->name,
                       r->line, i, r->table->column_count);
    if (!cell.length)
      table_missing(r->table);
    else if (!read_cell(r->table, column->type, &cell))
      return error_set(r->error, EXIT_INPUT, "%s: line %zu, column %s: must be %s or nothing",
                       r->name, r->line, column->key, types[column->type]);
  }
  return line.text ? error_set(r->error, EXIT_INPUT, "%s: line %zu: has more than %zu cells",
                               r->name, r->line, r->table->column_count)
                   : 0;
}

int table_parse(const char *name, const void *data, size_t size, char separator,
                const struct table_column *columns, size_t column_count, struct table *table,
                struct error *error)
{
  struct reading r = {name, data, size, 0, separator, table, error};
  *table = (struct table){.columns = columns, .column_count = column_count};
  int status = read_header(&r);
  while (!status && r.size)
    status = read_row(&r);
  if (!status && table->failed)
    status = error_set(error, EXIT_RUN, "%s: out of memory", name);
  return status;
}

const struct table_cell *table_at(const struct table *table, size_t row, size_t column)
{
  return &table->cells[row * table->column_count + column];
}

const char *table_text_at(const struct table *table, size_t row, size_t column)
{
  const struct table_cell *cell = table_at(table, row, column);
  return cell->missing ? "" : table->texts.data + cell->text;
}

size_t table_column_of(const struct table *table, const char *key)
{
  size_t i = 0;
  while (strcmp(table->columns[i].key, key) != 0)
    i++;
  return i;
}

void table_copy_row(const struct table *from, size_t row, struct table *to)
{
  for (size_t i = 0; i < from->column_count; i++) {
    const struct table_cell *cell = table_at(from, row, i);
    if (cell->missing)
      table_missing(to);
    else if (from->columns[i].type == CELL_TEXT)
      table_text(to, table_text_at(from, row, i));
    else if (from->columns[i].type == CELL_INTEGER)
      table_integer(to, cell->integer);
    else if (from->columns[i].type == CELL_NUMBER)
      table_number(to, cell->number);
    else
      table_flag(to, cell->flag);
  }
}

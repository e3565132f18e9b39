/* One published table: lines of a source, a header, rows. */
#include "base/memory.h"
#include "base/text.h"
#include "claims/published.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINE_LIMIT ((size_t)4096)
#define ROW_LIMIT ((size_t)10000) /* every pair of rows is compared */
#define HEAD_LIMIT 4096           /* layers, and heads of a layer */
#define SOURCE_MARK "# Source: "

struct reader {
  const char *path;
  char *at, *end; /* what is left of the text, which ends with a zero byte */
  size_t line;    /* the one last read, from 1 */
  struct error *error;
};

static int refuse(const struct reader *reader, const char *what)
{
  return error_set(reader->error, EXIT_INPUT, "%s: line %zu: %s", reader->path, reader->line, what);
}

/* Cuts the next line off the text and ends it with a zero byte. */
static int next_line(struct reader *reader, char **line)
{
  char *end = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
  reader->line++;
  if (!end)
    return refuse(reader, "no newline at its end; the file is cut short, get it again");
  if ((size_t)(end - reader->at) > LINE_LIMIT)
    return refuse(reader, "longer than 4096 bytes; not a file of this format");
  *end = 0;
  for (char *p = reader->at; p < end;) {
    size_t length = text_printable(p);
    if (!length)
      return refuse(reader, "holds a character that is not printable; get the file again, with "
                            "Unix line ends");
    p += length;
  }
  if (strchr(reader->at, '"'))
    return refuse(reader, "holds quotes; save the file as CSV with commas and no quotes");
  *line = reader->at;
  reader->at = end + 1;
  return 0;
}

static int read_source(struct reader *reader, const char **source)
{
  char *line;
  if (next_line(reader, &line))
    return reader->error->code;
  if (strncmp(line, SOURCE_MARK, strlen(SOURCE_MARK)) != 0 || !line[strlen(SOURCE_MARK)])
    return refuse(reader, "must begin with \"" SOURCE_MARK "\" and say where the table is from");
  *source = line + strlen(SOURCE_MARK);
  while (reader->at < reader->end && *reader->at == '#')
    if (next_line(reader, &line))
      return reader->error->code;
  return 0;
}

static int read_header(struct reader *reader, const struct published_schema *schema)
{
  struct text wanted = {0};
  char *line;
  if (next_line(reader, &line))
    return reader->error->code;
  for (size_t i = 0; i < schema->column_count; i++)
    text_add(&wanted, "%s%s", i ? "," : "", schema->columns[i].name);
  int status = 0;
  if (wanted.failed)
    status = error_set(reader->error, EXIT_RUN, "%s: out of memory", reader->path);
  else if (strcmp(line, wanted.data) != 0)
    status =
        error_set(reader->error, EXIT_INPUT, "%s: line %zu: the header is \"%.200s\", must be %s",
                  reader->path, reader->line, line, wanted.data);
  text_free(&wanted);
  return status;
}

static bool is_head_list(const char *text)
{
  struct head_id id;
  while (*text)
    if (!published_next_head(&text, &id))
      return false;
  return true;
}

static int read_cell(struct reader *reader, const struct published_column *column, const char *cell,
                     double *number)
{
  const char *wanted = NULL;
  *number = NAN;
  if (column->type == PUBLISHED_HEADS && !is_head_list(cell))
    wanted = "heads such as \"L4H4 L7H0\"";
  if ((column->type == PUBLISHED_NUMBER || (column->type == PUBLISHED_OPTIONAL && *cell)) &&
      !text_to_double(cell, strlen(cell), number))
    wanted = "a finite number";
  if (!wanted)
    return 0;
  return error_set(reader->error, EXIT_INPUT, "%s: line %zu, column %s: \"%.60s\" must be %s",
                   reader->path, reader->line, column->name, cell, wanted);
}

static int read_row(struct reader *reader, struct published_table *table)
{
  const struct published_schema *schema = table->schema;
  const char **cells = table->cells + table->rows * schema->column_count;
  double *numbers = table->numbers + table->rows * schema->column_count;
  char *line;
  if (next_line(reader, &line))
    return reader->error->code;
  for (size_t i = 0; i < schema->column_count; i++) {
    char *end = strchr(line, ',');
    if (!end != (i + 1 == schema->column_count))
      return error_set(reader->error, EXIT_INPUT, "%s: line %zu: must have %zu columns",
                       reader->path, reader->line, schema->column_count);
    if (end)
      *end = 0;
    cells[i] = line;
    if (read_cell(reader, &schema->columns[i], cells[i], &numbers[i]))
      return reader->error->code;
    line = end ? end + 1 : line;
  }
  return 0;
}

static bool same_keys(const struct published_table *table, size_t a, size_t b)
{
  size_t columns = table->schema->column_count;
  for (size_t i = 0; i < columns; i++)
    if (table->schema->columns[i].type == PUBLISHED_KEY &&
        strcmp(table->cells[a * columns + i], table->cells[b * columns + i]) != 0)
      return false;
  return true;
}

/* The newest row against those before it; tables of heads come in order, so that the last few rows
 * of most tables tell, yet all are asked. */
static int check_keys(struct reader *reader, const struct published_table *table)
{
  for (size_t i = table->rows; i-- > 0;)
    if (same_keys(table, i, table->rows))
      return refuse(reader, "has the keys of a row before it; remove one of them");
  return 0;
}

static int reserve(struct reader *reader, struct published_table *table, size_t size)
{
  size_t lines = text_count_lines(reader->at, size), columns = table->schema->column_count;
  if (lines > ROW_LIMIT)
    return error_set(reader->error, EXIT_INPUT, "%s: more than %zu lines", reader->path, ROW_LIMIT);
  table->cells = memory_alloc(lines * columns, sizeof *table->cells, "a table", reader->error);
  table->numbers = memory_alloc(lines * columns, sizeof *table->numbers, "a table", reader->error);
  return table->cells && table->numbers ? 0 : reader->error->code;
}

int published_parse(const char *path, const void *data, size_t size,
                    const struct published_schema *schema, struct published_table *table,
                    struct error *error)
{
  struct published_table read = {.schema = schema};
  read.text = memory_alloc(size + 1, 1, "a table", error);
  if (!read.text)
    return error->code;
  if (size)
    memcpy(read.text, data, size);
  read.text[size] = 0;
  struct reader reader = {path, read.text, read.text + size, 0, error};
  int status = reserve(&reader, &read, size);
  if (!status && memchr(read.text, 0, size))
    status = error_set(error, EXIT_INPUT, "%s: holds a NUL byte; the file is damaged", path);
  if (!status)
    status = read_source(&reader, &read.source);
  if (!status)
    status = read_header(&reader, schema);
  while (!status && reader.at < reader.end) {
    status = read_row(&reader, &read);
    if (!status)
      status = check_keys(&reader, &read);
    read.rows++;
  }
  if (status) {
    published_table_free(&read);
    return status;
  }
  *table = read;
  return 0;
}

void published_table_free(struct published_table *table)
{
  free(table->text);
  free(table->cells);
  free(table->numbers);
  *table = (struct published_table){0};
}

static bool read_index(const char **text, char mark, int *index)
{
  const char *start = *text + 1, *end = start;
  uint64_t number;
  while (*end >= '0' && *end <= '9')
    end++;
  if (**text != mark || !text_to_u64(start, (size_t)(end - start), &number) || number >= HEAD_LIMIT)
    return false;
  *text = end;
  *index = (int)number;
  return true;
}

bool published_next_head(const char **text, struct head_id *id)
{
  const char *at = *text;
  if (!read_index(&at, 'L', &id->layer) || !read_index(&at, 'H', &id->head) ||
      (*at && (*at != ' ' || !at[1])))
    return false;
  *text = *at ? at + 1 : at;
  return true;
}

/* One revision as CSV. The format is fixed, so the parser takes one line after the other and
 * refuses everything it would not write itself, except shorter decimals. */
#include "base/file.h"
#include "base/memory.h"
#include "base/mistaken.h"
#include "base/text.h"
#include "trajectory/stored.h"
#include "trajectory/trajectory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_LIMIT ((size_t)1024)
#define INDEX_LIMIT 4096 /* layers, and heads of a layer */

enum column {
  COLUMN_LAYER,
  COLUMN_HEAD,
  COLUMN_CLASS,
  COLUMN_SELECTIVITY, /* CLASS_COUNT columns */
  COLUMN_BASELINE = COLUMN_SELECTIVITY + CLASS_COUNT,
  COLUMN_PR,
  COLUMN_COUNT
};

static const char header[] =
    "layer,head,class,induction,previous_token,duplicate_token,first_token,self,local,baseline,pr";
static const char *const columns[COLUMN_COUNT] = {
    "layer", "head",  "class",    "induction", "previous_token", "duplicate_token", "first_token",
    "self",  "local", "baseline", "pr"};

struct field {
  const char *text;
  size_t length;
};

struct reader {
  const char *name, *data;
  size_t size, at, line; /* line counts from 1 and is the one last read */
  struct error *error;
};

static int refuse(const struct reader *reader, enum column column, const struct field *field,
                  const char *wanted)
{
  int shown = field->length < 40 ? (int)field->length : 40;
  return error_set(reader->error, EXIT_INPUT, "%s: line %zu, column %s: \"%.*s\" must be %s",
                   reader->name, reader->line, columns[column], shown, field->text, wanted);
}

static int refuse_line(const struct reader *reader, const char *what)
{
  return error_set(reader->error, EXIT_INPUT, "%s: line %zu: %s", reader->name, reader->line, what);
}

static int next_line(struct reader *reader, struct field *line)
{
  const char *start = reader->data + reader->at;
  const char *end = memchr(start, '\n', reader->size - reader->at);
  reader->line++;
  if (!end && memchr(start, '\r', reader->size - reader->at))
    return refuse_line(reader, "ends in a lone carriage return, as on old Macs; save the file "
                               "with Unix line ends");
  if (!end)
    return refuse_line(reader, "no newline at its end; the file is cut short, get it again");
  *line = (struct field){start, (size_t)(end - start)};
  if (line->length > LINE_LIMIT)
    return refuse_line(reader, "longer than 1024 bytes; not a file of this format");
  if (memchr(start, '\r', line->length))
    return refuse_line(
        reader, "ends in a carriage return (Windows line ends); save the file with Unix line ends");
  if (memchr(start, 0, line->length))
    return refuse_line(reader, "NUL byte; the file is damaged or not text");
  reader->at += line->length + 1;
  return 0;
}

/* Whether the line is the header but for these separators and quotes. */
static bool is_header_with(const struct field *line, char separator, bool quoted)
{
  size_t at = 0;
  for (int i = 0; i < COLUMN_COUNT; i++) {
    char name[32];
    int length = snprintf(name, sizeof name, "%.1s%s%s%s", i ? &separator : "", quoted ? "\"" : "",
                          columns[i], quoted ? "\"" : "");
    if (line->length - at < (size_t)length || memcmp(line->text + at, name, (size_t)length) != 0)
      return false;
    at += (size_t)length;
  }
  return at == line->length;
}

/* What spreadsheets make of a table, found and said; 0 = nothing of the kind. */
static int refuse_spreadsheet(const struct reader *reader, const struct field *line)
{
  static const struct {
    char separator;
    const char *name;
  } separators[] = {{';', "semicolons"}, {'\t', "tabs"}, {' ', "blanks"}, {'|', "bars"}};
  static const char *const remedy = "save it as CSV with commas, decimal points and no quotes";
  for (int quoted = 0; quoted < 2; quoted++)
    for (size_t i = 0; i < sizeof separators / sizeof *separators; i++)
      if (is_header_with(line, separators[i].separator, quoted))
        return error_set(reader->error, EXIT_INPUT,
                         "%s: line 1: the columns are separated by %s%s, must be by commas; %s",
                         reader->name, separators[i].name, quoted ? " and quoted" : "", remedy);
  if (is_header_with(line, ',', true))
    return error_set(reader->error, EXIT_INPUT, "%s: line 1: the columns are in quotes; %s",
                     reader->name, remedy);
  return 0;
}

static int read_header(struct reader *reader)
{
  struct field line = {0};
  if (next_line(reader, &line) || refuse_spreadsheet(reader, &line))
    return reader->error->code;
  if (line.length != sizeof header - 1 || memcmp(line.text, header, line.length) != 0)
    return error_set(reader->error, EXIT_INPUT, "%s: line 1: the header is \"%.*s\", must be %s",
                     reader->name, line.length < 100 ? (int)line.length : 100, line.text, header);
  return 0;
}

static int split(const struct reader *reader, struct field line, struct field fields[COLUMN_COUNT])
{
  size_t used = 0;
  const char *start = line.text, *end = line.text + line.length;
  for (const char *p = start; p <= end; p++) {
    if (p < end && *p != ',')
      continue;
    if (used < COLUMN_COUNT)
      fields[used] = (struct field){start, (size_t)(p - start)};
    used++;
    start = p + 1;
  }
  if (used == COLUMN_COUNT)
    return 0;
  if (line.length == 0)
    return refuse_line(reader, "empty; remove the empty line");
  return error_set(reader->error, EXIT_INPUT, "%s: line %zu: %zu columns, must be %d", reader->name,
                   reader->line, used, COLUMN_COUNT);
}

static int read_index(const struct reader *reader, enum column column, const struct field *field,
                      int *index)
{
  uint64_t number;
  if (!text_to_u64(field->text, field->length, &number) || number >= INDEX_LIMIT)
    return refuse(reader, column, field, "an integer from 0 to 4095");
  *index = (int)number;
  return 0;
}

static int read_number(const struct reader *reader, enum column column, const struct field *field,
                       double *number)
{
  if (!text_to_double(field->text, field->length, number) || signbit(*number))
    return refuse(reader, column, field, "a finite number, not negative");
  return 0;
}

static int read_class(const struct reader *reader, const struct field *field, struct head_row *row)
{
  row->class = head_class_best(row->selectivity);
  const char *name = head_class_name(row->class);
  if (strlen(name) != field->length || memcmp(name, field->text, field->length) != 0) {
    char wanted[80];
    snprintf(wanted, sizeof wanted, "%s, the class that the selectivities give", name);
    return refuse(reader, COLUMN_CLASS, field, wanted);
  }
  return 0;
}

static int read_row(struct reader *reader, struct head_row *row)
{
  struct field line = {0}, fields[COLUMN_COUNT];
  if (next_line(reader, &line) || split(reader, line, fields) ||
      read_index(reader, COLUMN_LAYER, &fields[COLUMN_LAYER], &row->layer) ||
      read_index(reader, COLUMN_HEAD, &fields[COLUMN_HEAD], &row->head))
    return reader->error->code;
  for (int c = 0; c < CLASS_COUNT; c++) {
    enum column column = (enum column)(COLUMN_SELECTIVITY + c);
    if (read_number(reader, column, &fields[column], &row->selectivity[c]))
      return reader->error->code;
  }
  row->baseline = NAN;
  row->pr = NAN;
  if (fields[COLUMN_BASELINE].length > 0 &&
      read_number(reader, COLUMN_BASELINE, &fields[COLUMN_BASELINE], &row->baseline))
    return reader->error->code;
  if (fields[COLUMN_PR].length > 0 && read_number(reader, COLUMN_PR, &fields[COLUMN_PR], &row->pr))
    return reader->error->code;
  return read_class(reader, &fields[COLUMN_CLASS], row);
}

/* The first layer tells how many heads a layer has; from then on the next row is known. */
static int check_order(const struct reader *reader, const struct head_row *row, size_t index,
                       int *n_heads)
{
  if (*n_heads == 0 && index > 0 && row->layer == 1 && row->head == 0)
    *n_heads = (int)index;
  int layer = *n_heads ? (int)(index / (size_t)*n_heads) : 0;
  int head = *n_heads ? (int)(index % (size_t)*n_heads) : (int)index;
  if (row->layer == layer && row->head == head)
    return 0;
  return error_set(reader->error, EXIT_INPUT,
                   "%s: line %zu, columns layer and head: found layer %d, head %d, expected layer "
                   "%d, head %d; every head must appear once, in order",
                   reader->name, reader->line, row->layer, row->head, layer, head);
}

/* Memory follows the rows that were read, never numbers that the file claims. */
static int append(struct revision *revision, size_t count, size_t *capacity,
                  const struct head_row *row, struct error *error)
{
  struct head_row *heads = memory_grow(revision->heads, count + 1, capacity, sizeof *heads,
                                       "heads of a trajectory", error);
  if (!heads)
    return error->code;
  revision->heads = heads;
  revision->heads[count] = *row;
  return 0;
}

static int read_rows(struct reader *reader, struct revision *revision)
{
  size_t count = 0, capacity = 0;
  int n_heads = 0;
  while (reader->at < reader->size) {
    struct head_row row = {0};
    if (read_row(reader, &row) || check_order(reader, &row, count, &n_heads) ||
        append(revision, count, &capacity, &row, reader->error))
      return reader->error->code;
    count++;
  }
  if (count == 0)
    return error_set(reader->error, EXIT_INPUT, "%s: line 2: no heads; the file is cut short",
                     reader->name);
  revision->n_heads = n_heads ? n_heads : (int)count;
  revision->n_layers = (int)(count / (size_t)revision->n_heads);
  if (count % (size_t)revision->n_heads != 0)
    return error_set(reader->error, EXIT_INPUT,
                     "%s: line %zu: the last layer has %s, the others %d; rows are missing",
                     reader->name, reader->line,
                     text_counted(count % (size_t)revision->n_heads, "head").text,
                     revision->n_heads);
  return 0;
}

int trajectory_parse_csv(const char *name, const void *data, size_t size, struct revision *revision,
                         struct error *error)
{
  struct reader reader = {.name = name, .data = data, .size = size, .error = error};
  struct revision read = {0};
  if (mistaken_refuse(name, READS_CSV, data, size, error))
    return error->code;
  text_skip_bom(&reader.data, &reader.size);
  if (read_header(&reader) || read_rows(&reader, &read)) {
    trajectory_revision_free(&read);
    return error->code;
  }
  read.name = strdup("");
  if (!read.name) {
    trajectory_revision_free(&read);
    return error_set(error, EXIT_RUN, "%s: out of memory", name);
  }
  *revision = read;
  return 0;
}

int trajectory_read_csv(const char *path, struct revision *revision, struct error *error)
{
  struct blob blob;
  if (file_read(path, STORED_LIMIT, &blob, error))
    return error->code;
  int status = trajectory_parse_csv(path, blob.data, blob.size, revision, error);
  blob_free(&blob);
  return status;
}

int trajectory_write_csv(const char *path, const struct revision *revision, struct error *error)
{
  size_t length;
  char *text = trajectory_format_csv(revision, &length, error);
  if (!text)
    return error_prefix(error, "%s", path);
  int status = file_write(path, text, length, error);
  free(text);
  return status;
}

#include "manifest/tensor_list.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/mistaken.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)16 << 20)
#define LINE_LIMIT 1024
#define LINES_LIMIT 200000 /* a row takes more memory than the shortest line */
#define NAME_LIMIT 200
#define DTYPES (DTYPE_BOOL + 1)
#define COLUMNS 4

struct reader {
  const char *path;
  char *at, *end; /* what is left of the list's text; a zero byte follows */
  size_t line;    /* counts from 1 and is the one last read */
  struct error *error;
};

static int refuse(const struct reader *reader, const char *what)
{
  return error_set(reader->error, EXIT_INPUT, "%s: line %zu: %s", reader->path, reader->line, what);
}

/* Ends the next line with a zero byte in place of its newline. */
static int next_line(struct reader *reader, char **line)
{
  size_t left = (size_t)(reader->end - reader->at);
  char *end = left > 0 ? memchr(reader->at, '\n', left) : NULL;
  reader->line++;
  if (left == 0)
    return refuse(reader, "the file ends here; it must hold a header and tensors");
  if (!end && memchr(reader->at, '\r', left))
    return refuse(reader, "ends in a lone carriage return; save the file with Unix line ends");
  if (!end)
    return refuse(reader, "no newline at its end; the file is cut short, get it again");
  if (end - reader->at > LINE_LIMIT)
    return refuse(reader, "longer than 1024 bytes; not a list of tensors");
  if (memchr(reader->at, 0, (size_t)(end - reader->at)))
    return refuse(reader, "NUL byte; the file is damaged or not text");
  if (memchr(reader->at, '\r', (size_t)(end - reader->at)))
    return refuse(reader, "carriage return; save the file with Unix line ends");
  *end = 0;
  *line = reader->at;
  reader->at = end + 1;
  return 0;
}

static int read_header(struct reader *reader)
{
  char *line;
  do {
    if (next_line(reader, &line))
      return reader->error->code;
  } while (*line == '#');
  if (strcmp(line, TENSOR_LIST_HEADER) != 0)
    return refuse(reader, "must be the header: name, dtype, shape, optional, separated by tabs");
  return 0;
}

static int read_name(const struct reader *reader, const char *name, const char *before)
{
  if (!*name || strlen(name) > NAME_LIMIT)
    return refuse(reader, "the name must have 1 to 200 bytes");
  for (const char *p = name; *p; p += text_printable(p))
    if (text_printable(p) == 0)
      return refuse(reader, "the name must be printable text");
  if (before && strcmp(before, name) >= 0)
    return error_set(reader->error, EXIT_INPUT, "%s: line %zu: \"%s\" %s", reader->path,
                     reader->line, name,
                     strcmp(before, name) == 0 ? "is listed twice"
                                               : "must come earlier: names are in byte order");
  return 0;
}

static int read_dtypes(const struct reader *reader, const char *text, unsigned *dtypes)
{
  *dtypes = 0;
  for (const char *p = text;; p++) {
    size_t length = strcspn(p, "|");
    unsigned bit = 0;
    for (int i = 0; i < DTYPES; i++)
      if (strlen(dtype_name((enum dtype)i)) == length &&
          memcmp(p, dtype_name((enum dtype)i), length) == 0)
        bit = 1u << i;
    if (!bit || (*dtypes & bit))
      return error_set(reader->error, EXIT_INPUT,
                       "%s: line %zu: dtype \"%.40s\" must be names such as F16, each once, joined "
                       "by '|'",
                       reader->path, reader->line, text);
    *dtypes |= bit;
    p += length;
    if (!*p)
      return 0;
  }
}

/* Sizes are written as a number prints, so that a list has one form; `most` also bounds the bytes
 * of a tensor. */
static bool add_size(struct tensor_list_row *row, const char *text, size_t length)
{
  const uint64_t most = INT64_MAX / 8;
  uint64_t size;
  if (row->rank == TENSOR_MAX_RANK || *text == '0' || !text_to_u64(text, length, &size) ||
      size > most / row->elements)
    return false;
  row->shape[row->rank++] = (int64_t)size;
  row->elements *= size;
  return true;
}

static int read_shape(const struct reader *reader, const char *text, struct tensor_list_row *row)
{
  row->elements = 1;
  if (strcmp(text, "scalar") == 0)
    return 0;
  for (const char *p = text;; p++) {
    size_t length = strcspn(p, ",");
    if (!add_size(row, p, length))
      return error_set(reader->error, EXIT_INPUT,
                       "%s: line %zu: shape \"%.80s\" must be \"scalar\" or 1 to %d sizes above 0 "
                       "joined by ',', of less than 2^60 elements",
                       reader->path, reader->line, text, TENSOR_MAX_RANK);
    p += length;
    if (!*p)
      return 0;
  }
}

/* Ends each column with a zero byte in place of its tab; *count may pass COLUMNS. */
static void split(char *line, char *columns[COLUMNS], size_t *count)
{
  *count = 0;
  for (char *tab; line; line = tab) {
    tab = strchr(line, '\t');
    if (tab)
      *tab++ = 0;
    if (*count < COLUMNS)
      columns[*count] = line;
    ++*count;
  }
}

static int read_row(struct reader *reader, struct tensor_list *list)
{
  struct tensor_list_row *row = &list->rows[list->count];
  char *line, *columns[COLUMNS];
  size_t count;
  if (next_line(reader, &line))
    return reader->error->code;
  if (!*line)
    return refuse(reader, "empty; remove the empty line");
  split(line, columns, &count);
  if (count < 3 || count > COLUMNS)
    return error_set(reader->error, EXIT_INPUT, "%s: line %zu: %zu columns, must be 3 or 4",
                     reader->path, reader->line, count);
  *row = (struct tensor_list_row){.name = columns[0], .optional = count == COLUMNS};
  if (read_name(reader, row->name, list->count > 0 ? row[-1].name : NULL) ||
      read_dtypes(reader, columns[1], &row->dtypes) || read_shape(reader, columns[2], row))
    return reader->error->code;
  if (row->optional && strcmp(columns[3], "optional") != 0)
    return refuse(reader, "the fourth column must be \"optional\" or absent");
  list->count++;
  return 0;
}

static int read_list(struct reader *reader, struct tensor_list *list)
{
  size_t lines = text_count_lines(reader->at, (size_t)(reader->end - reader->at));
  if (lines > LINES_LIMIT)
    return error_set(reader->error, EXIT_INPUT, "%s: %zu lines, more than the %d it may have",
                     reader->path, lines, LINES_LIMIT);
  list->rows = memory_alloc(lines + 1, sizeof *list->rows, reader->path, reader->error);
  if (!list->rows || read_header(reader))
    return reader->error->code;
  do {
    if (read_row(reader, list))
      return reader->error->code;
  } while (reader->at < reader->end);
  return 0;
}

static int by_name(const void *a, const void *b)
{
  const struct tensor_list_row *left = a, *right = b;
  return strcmp(left->name, right->name);
}

/* A row stands for its tensor while names are made plain; `data` leads back to it. */
static struct tensor tensor_of(const struct tensor_list_row *row)
{
  struct tensor tensor = {
      .name = row->name, .rank = row->rank, .elements = row->elements, .data = row};
  memcpy(tensor.shape, row->shape, sizeof row->shape);
  return tensor;
}

static struct tensor_list_row row_of(const struct tensor *tensor)
{
  struct tensor_list_row row = *(const struct tensor_list_row *)tensor->data;
  row.name = tensor->name;
  row.rank = tensor->rank;
  row.elements = tensor->elements;
  memcpy(row.shape, tensor->shape, sizeof row.shape);
  return row;
}

static int make_plain(struct tensor_list *list, struct error *error)
{
  size_t count = list->count;
  struct tensor_list_row *rows = NULL;
  struct tensor *tensors = memory_alloc(count, sizeof *tensors, list->path, error);
  for (size_t i = 0; tensors && i < count; i++)
    tensors[i] = tensor_of(&list->rows[i]);
  if (tensors && !names_apply(list->path, &tensors, &count, &list->naming, error))
    rows = memory_alloc(count, sizeof *rows, list->path, error);
  for (size_t i = 0; rows && i < count; i++)
    rows[i] = row_of(&tensors[i]);
  free(tensors);
  if (!rows)
    return error->code;
  qsort(rows, count, sizeof *rows, by_name);
  free(list->rows);
  list->rows = rows;
  list->count = count;
  return 0;
}

int tensor_list_parse(const char *path, const void *data, size_t size, struct tensor_list *list,
                      struct error *error)
{
  struct tensor_list made = {0};
  const char *text = data;
  if (size > FILE_LIMIT)
    return error_set(error, EXIT_INPUT,
                     "%s: %zu bytes, more than the %zu a list of tensors may have", path, size,
                     FILE_LIMIT);
  if (mistaken_refuse(path, READS_TENSOR_LIST, data, size, error))
    return error->code;
  made.bytes = size;
  digest_xxh3(data, size, made.digest);
  text_skip_bom(&text, &size);
  made.text = memory_alloc(size + 1, 1, path, error);
  if (!made.text)
    return error->code;
  memcpy(made.text, text, size);
  made.text[size] = 0;
  made.path = strdup(path);
  struct reader reader = {path, made.text, made.text + size, 0, error};
  int status =
      made.path ? read_list(&reader, &made) : error_set(error, EXIT_RUN, "%s: out of memory", path);
  if (!status)
    status = make_plain(&made, error);
  if (status) {
    tensor_list_free(&made);
    return status;
  }
  *list = made;
  return 0;
}

int tensor_list_load(const char *path, struct tensor_list *list, struct error *error)
{
  struct blob blob;
  if (file_read(path, FILE_LIMIT, &blob, error))
    return error->code;
  int status = tensor_list_parse(path, blob.data, blob.size, list, error);
  blob_free(&blob);
  return status;
}

void tensor_list_free(struct tensor_list *list)
{
  free(list->path);
  free(list->text);
  free(list->rows);
  names_free(&list->naming);
  *list = (struct tensor_list){0};
}

static uint64_t row_bytes(const struct tensor_list_row *row)
{
  size_t narrowest = SIZE_MAX;
  for (unsigned dtype = 0; dtype <= DTYPE_BOOL; dtype++)
    if (row->dtypes & 1u << dtype && dtype_size(dtype) < narrowest)
      narrowest = dtype_size(dtype);
  return row->elements * narrowest; /* elements are below 2^60, types at most 8 bytes wide */
}

uint64_t tensor_list_bytes(const struct tensor_list *list)
{
  uint64_t bytes = 0;
  for (size_t i = 0; i < list->count; i++)
    if (__builtin_add_overflow(bytes, row_bytes(&list->rows[i]), &bytes))
      return UINT64_MAX;
  return bytes;
}

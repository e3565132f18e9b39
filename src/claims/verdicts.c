#include "claims/verdicts.h"

#include "base/file.h"
#include "base/file_write.h"
#include "base/table.h"

#include <stdlib.h>
#include <string.h>

static const struct table_column columns[] = {
    {"id", "id", CELL_TEXT},
    {"model", "model", CELL_TEXT},
    {"figure", "figure", CELL_TEXT},
    {"revision", "revision", CELL_TEXT},
    {"definition", "definition", CELL_TEXT},
    {"stated", "stated", CELL_FLAG},
    {"published", "published", CELL_TEXT},
    {"recomputed", "recomputed", CELL_TEXT},
    {"recomputed_value", "recomputed_value", CELL_NUMBER},
    {"verdict", "verdict", CELL_TEXT},
};

/* Of figures from published tables: a file of its own, whose rows say where a reading is from and
 * what is missing. */
static const struct table_column source_columns[] = {
    {"source_id", "source_id", CELL_TEXT},
    {"model", "model", CELL_TEXT},
    {"figure", "figure", CELL_TEXT},
    {"definition", "definition", CELL_TEXT},
    {"stated", "stated", CELL_FLAG},
    {"basis", "basis", CELL_TEXT},
    {"published", "published", CELL_TEXT},
    {"recomputed", "recomputed", CELL_TEXT},
    {"recomputed_value", "recomputed_value", CELL_NUMBER},
    {"verdict", "verdict", CELL_TEXT},
    {"missing", "missing", CELL_TEXT},
};

void verdicts_format(const struct claim_list *list, struct text *text)
{
  struct table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
  for (size_t i = 0; i < list->count; i++) {
    const struct claim_row *row = &list->rows[i];
    if (row->source)
      continue;
    table_text(&table, row->id);
    table_text(&table, row->model);
    table_text(&table, row->figure);
    table_text(&table, row->revision);
    table_text(&table, row->definition);
    table_flag(&table, row->stated);
    table_text(&table, row->published_text);
    table_text(&table, row->recomputed_text);
    table_number(&table, row->recomputed);
    table_text(&table, claim_verdict_name(row->verdict));
  }
  table_separated(&table, '\t', "-", text);
  table_free(&table);
}

/* The rows with a source that are kept apart, or the others. */
static void format_rows(const struct claim_list *list, bool apart, struct text *text)
{
  struct table table = {.columns = source_columns,
                        .column_count = sizeof source_columns / sizeof *source_columns};
  for (size_t i = 0; i < list->count; i++) {
    const struct claim_row *row = &list->rows[i];
    if (!row->source || row->apart != apart)
      continue;
    table_text(&table, row->source->id);
    table_text(&table, row->model);
    table_text(&table, row->figure);
    table_text(&table, row->definition);
    table_flag(&table, row->stated);
    table_text(&table, row->basis);
    table_text(&table, row->published_text);
    table_text(&table, row->recomputed_text);
    table_number(&table, row->recomputed);
    table_text(&table, claim_verdict_name(row->verdict));
    table_text(&table, *row->missing ? row->missing : NULL);
  }
  table_separated(&table, '\t', "-", text);
  table_free(&table);
}

void verdicts_format_sources(const struct claim_list *list, struct text *text)
{
  format_rows(list, false, text);
}

void verdicts_format_components(const struct claim_list *list, struct text *text)
{
  format_rows(list, true, text);
}

static size_t count_rows(const struct claim_list *list, bool apart)
{
  size_t count = 0;
  for (size_t i = 0; i < list->count; i++)
    count += list->rows[i].source && list->rows[i].apart == apart;
  return count;
}

size_t verdicts_sources(const struct claim_list *list)
{
  return count_rows(list, false);
}

size_t verdicts_components(const struct claim_list *list)
{
  return count_rows(list, true);
}

#define VALUE_COLUMN 8 /* recomputed_value, in all files */

struct field {
  const char *text;
  size_t length;
};

static bool is_blank(char c)
{
  return c == ' ' || c == '\r' || c == '\t';
}

static struct field trimmed(const char *text, size_t length)
{
  for (; length && is_blank(*text); text++)
    length--;
  while (length && is_blank(text[length - 1]))
    length--;
  return (struct field){text, length};
}

/* Takes the text before `end`, or all there is, off a field. */
static struct field cut(struct field *rest, char end)
{
  const char *found = rest->length ? memchr(rest->text, end, rest->length) : NULL;
  size_t length = found ? (size_t)(found - rest->text) : rest->length, skip = length + !!found;
  struct field field = {rest->text, length};
  *rest = (struct field){rest->text + skip, rest->length - skip};
  return field;
}

static bool same_text(struct field a, struct field b)
{
  return a.length == b.length && (a.length == 0 || memcmp(a.text, b.text, a.length) == 0);
}

static bool same_field(struct field a, struct field b, int column)
{
  double left, right;
  a = trimmed(a.text, a.length);
  b = trimmed(b.text, b.length);
  return same_text(a, b) ||
         (column == VALUE_COLUMN && text_to_double(a.text, a.length, &left) &&
          text_to_double(b.text, b.length, &right) && memcmp(&left, &right, sizeof left) == 0);
}

static bool same_line(struct field golden, struct field fresh)
{
  size_t end = golden.length;
  bool same = true;
  while (end && is_blank(golden.text[end - 1])) /* the last columns are never empty */
    end--;
  golden.length = end;
  for (int column = 0; same && (golden.length || fresh.length); column++)
    same = same_field(cut(&golden, '\t'), cut(&fresh, '\t'), column);
  return same;
}

/* Adds a line for people: between quotes, its tabs as blanks, or `none`. */
static void add_line(struct text *text, struct field line, bool is_there)
{
  char raw[400], shown[500];
  size_t length = line.length < sizeof raw - 1 ? line.length : sizeof raw - 1;
  if (!is_there) {
    text_add(text, "no such line");
    return;
  }
  if (length)
    memcpy(raw, line.text, length);
  raw[length] = 0;
  for (char *p = raw; *p; p++)
    if (*p == '\t')
      *p = ' ';
  text_escape(shown, sizeof shown, raw);
  text_add(text, "\"%s\"", shown);
}

/* The first line that says something else; nothing is added when there is none. */
static void find_line(const char *path, struct field golden, struct field fresh, struct text *text)
{
  for (size_t line = 1; golden.length || fresh.length; line++) {
    bool in_golden = golden.length > 0, in_fresh = fresh.length > 0;
    struct field left = cut(&golden, '\n'), right = cut(&fresh, '\n');
    if (in_fresh ? in_golden && same_line(left, right) : !trimmed(left.text, left.length).length)
      continue;
    text_add(text, "%s: line %zu: golden ", path, line);
    add_line(text, left, in_golden);
    text_add(text, ", now ");
    add_line(text, right, in_fresh);
    return;
  }
}

/* The text of one of the files. */
typedef void format_file(const struct claim_list *list, struct text *text);

static int compare_text(const struct claim_list *list, format_file *format, const char *path,
                        const void *data, size_t size, char **difference, struct error *error)
{
  struct text fresh = {0}, line = {0};
  char where[256];
  *difference = NULL;
  format(list, &fresh);
  if (!fresh.failed && text_differs(where, sizeof where, data, size, fresh.data, fresh.length)) {
    find_line(path, (struct field){data, size}, (struct field){fresh.data, fresh.length}, &line);
    if (!line.length)
      text_add(&line, "%s: the values are equal but the bytes are not: %s; " TRAJECTORY_REMEDY,
               path, where);
  }
  int status =
      fresh.failed || line.failed ? error_set(error, EXIT_RUN, "%s: out of memory", path) : 0;
  text_free(&fresh);
  if (status)
    text_free(&line);
  *difference = line.data;
  return status;
}

int verdicts_compare_text(const struct claim_list *list, const char *path, const void *data,
                          size_t size, char **difference, struct error *error)
{
  return compare_text(list, verdicts_format, path, data, size, difference, error);
}

static int compare_file(const struct claim_list *list, format_file *format, const char *directory,
                        const char *name, char **difference, struct error *error)
{
  struct blob golden;
  *difference = NULL;
  char *path = file_join(directory, name, error);
  if (!path)
    return error->code;
  int status = file_read(path, (size_t)64 << 20, &golden, error);
  if (!status) {
    status = compare_text(list, format, path, golden.data, golden.size, difference, error);
    blob_free(&golden);
  }
  free(path);
  return status;
}

int verdicts_compare(const struct claim_list *list, const char *directory, char **difference,
                     struct error *error)
{
  int status = compare_file(list, verdicts_format, directory, VERDICTS_FILE, difference, error);
  if (!status && !*difference && verdicts_sources(list))
    status = compare_file(list, verdicts_format_sources, directory, VERDICTS_SOURCES_FILE,
                          difference, error);
  if (!status && !*difference && verdicts_components(list))
    status = compare_file(list, verdicts_format_components, directory, VERDICTS_COMPONENTS_FILE,
                          difference, error);
  return status;
}

static int write_file(const struct claim_list *list, format_file *format, const char *directory,
                      const char *name, struct error *error)
{
  struct text text = {0};
  format(list, &text);
  int status = file_write_text_in(directory, name, &text, error);
  text_free(&text);
  return status;
}

int verdicts_write(const struct claim_list *list, const char *directory, struct error *error)
{
  int status = write_file(list, verdicts_format, directory, VERDICTS_FILE, error);
  if (!status && verdicts_sources(list))
    status = write_file(list, verdicts_format_sources, directory, VERDICTS_SOURCES_FILE, error);
  if (!status && verdicts_components(list))
    status =
        write_file(list, verdicts_format_components, directory, VERDICTS_COMPONENTS_FILE, error);
  return status;
}

#include "command/verdicts.h"

#include "base/file.h"
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

static void format(const struct claim_list *list, struct text *text)
{
  struct table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
  for (size_t i = 0; i < list->count; i++) {
    const struct claim_row *row = &list->rows[i];
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

/* The first line in which the two differ, as a message; NULL without memory. */
static char *first_difference(const char *path, const char *golden, const char *fresh)
{
  size_t line = 1;
  while (*golden && *golden == *fresh) {
    const char *end = strchr(golden, '\n');
    size_t length = end ? (size_t)(end - golden) + 1 : strlen(golden);
    if (strncmp(golden, fresh, length) != 0)
      break;
    golden += length;
    fresh += length;
    line++;
  }
  struct text text = {0};
  text_add(&text, "%s: line %zu: golden \"%.*s\", now \"%.*s\"", path, line,
           (int)strcspn(golden, "\n"), golden, (int)strcspn(fresh, "\n"), fresh);
  for (char *p = text.data; p && *p; p++)
    if (*p == '\t')
      *p = ' ';
  if (text.failed)
    text_free(&text);
  return text.data;
}

int verdicts_compare(const struct claim_list *list, const char *directory, char **difference,
                     struct error *error)
{
  struct text fresh = {0};
  struct blob golden;
  *difference = NULL;
  char *path = file_join(directory, VERDICTS_FILE, error);
  if (!path)
    return error->code;
  int status = file_read(path, (size_t)64 << 20, &golden, error);
  if (status) {
    free(path);
    return status;
  }
  format(list, &fresh);
  char *text = strndup((const char *)golden.data, golden.size);
  if (fresh.failed || !text) {
    status = error_set(error, EXIT_RUN, "%s: out of memory", path);
  } else if (strcmp(text, fresh.data) != 0) {
    *difference = first_difference(path, text, fresh.data);
    status = *difference ? 0 : error_set(error, EXIT_RUN, "%s: out of memory", path);
  }
  free(text);
  text_free(&fresh);
  blob_free(&golden);
  free(path);
  return status;
}

int verdicts_write(const struct claim_list *list, const char *directory, struct error *error)
{
  struct text text = {0};
  char *path = file_join(directory, VERDICTS_FILE, error);
  if (!path)
    return error->code;
  format(list, &text);
  int status = text.failed ? error_set(error, EXIT_RUN, "%s: out of memory", path)
                           : file_write(path, text.data, text.length, error);
  text_free(&text);
  free(path);
  return status;
}

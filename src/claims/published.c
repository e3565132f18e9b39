/* The folder of a paper's published tables, and how a row is found. */
#include "claims/published.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "claims/paper.h"
#include "files/fileset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)4 << 20)
#define SENTENCE_LIMIT 1000

static const char *const index_keys[] = {"format", "paper",  "kind", "source",
                                         "caveat", "tables", NULL};

static int read_sentence(const json_t *index, const char *path, const char *key, char **out,
                         struct error *error)
{
  const char *text;
  if (json_get_string(index, path, key, &text, error))
    return error->code;
  *out = memory_alloc(SENTENCE_LIMIT, 1, "a sentence", error);
  if (!*out)
    return error->code;
  text_one_line(*out, SENTENCE_LIMIT, text);
  return 0;
}

static int read_head(const json_t *index, const char *path, const struct paper *const *known,
                     struct published_tables *tables, struct error *error)
{
  int64_t format;
  const char *number, *kind;
  if (json_check_keys(index, path, index_keys, error) ||
      json_get_integer(index, path, "format", 1, 1, &format, error) ||
      json_get_string(index, path, "paper", &number, error) ||
      json_get_string(index, path, "kind", &kind, error) ||
      read_sentence(index, path, "source", &tables->source, error) ||
      read_sentence(index, path, "caveat", &tables->caveat, error))
    return error->code;
  for (; *known; known++)
    if (strcmp((*known)->arxiv, number) == 0)
      tables->paper = *known;
  if (!tables->paper || !tables->paper->schemas)
    return error_set(error, EXIT_INPUT, "%s: \"paper\" is \"%.60s\", none whose tables are known",
                     path, number);
  if (trajectory_kind_parse(kind, &tables->kind) ||
      (tables->kind != TRAJECTORY_PUBLISHED && tables->kind != TRAJECTORY_TRAINED))
    return error_set(error, EXIT_INPUT, "%s: \"kind\" is \"%.60s\", must be published or trained",
                     path, kind);
  return 0;
}

/* A file of the folder, of a size that a table can have. */
static int get_file(struct fileset *set, const char *name, const struct fileset_file **file,
                    struct error *error)
{
  if (fileset_get(set, name, file, error))
    return error->code;
  if ((*file)->blob.size > FILE_LIMIT)
    return error_set(error, EXIT_INPUT, "%s: larger than %zu bytes; not a table of this format",
                     (*file)->label, FILE_LIMIT);
  return 0;
}

static int read_table(struct fileset *set, const char *where, const struct paper *paper,
                      const char *name, struct published_table *table, struct error *error)
{
  const struct published_schema *schema = paper->schemas;
  const struct fileset_file *found;
  char file[256];
  while (schema->name && strcmp(schema->name, name) != 0)
    schema++;
  if (!schema->name)
    return error_set(error, EXIT_INPUT, "%s: \"%.60s\" is not a table of paper %s", where, name,
                     paper->arxiv);
  snprintf(file, sizeof file, "%s.csv", schema->name);
  if (get_file(set, file, &found, error))
    return error->code;
  return published_parse(found->label, found->blob.data, found->blob.size, schema, table, error);
}

static int read_tables(struct fileset *set, const char *path, const json_t *index,
                       struct published_tables *tables, struct error *error)
{
  json_t *list;
  if (json_get_array(index, path, "tables", &list, error))
    return error->code;
  size_t count = json_array_size(list), known = 0;
  while (tables->paper->schemas[known].name)
    known++;
  if (count == 0 || count > known)
    return error_set(error, EXIT_INPUT, "%s: \"tables\" has %zu entries, must have 1 to %zu", path,
                     count, known);
  tables->tables = memory_zeroed(count, sizeof *tables->tables, "published tables", error);
  if (!tables->tables)
    return error->code;
  for (; tables->count < count; tables->count++) {
    const char *name = json_string_value(json_array_get(list, tables->count));
    if (!name)
      return error_set(error, EXIT_INPUT, "%s: tables[%zu] must be a name", path, tables->count);
    if (published_find(tables, name))
      return error_set(error, EXIT_INPUT, "%s: table %.60s is listed twice", path, name);
    if (read_table(set, path, tables->paper, name, &tables->tables[tables->count], error))
      return error->code;
  }
  return 0;
}

int published_load_set(struct fileset *set, const struct paper *const *known,
                       struct published_tables *tables, struct error *error)
{
  struct published_tables read = {0};
  const struct fileset_file *file;
  json_t *index = NULL;
  int status = get_file(set, PUBLISHED_INDEX, &file, error);
  if (!status)
    status = json_parse_object(file->label, file->blob.data, file->blob.size, &index, error);
  if (!status)
    status = read_head(index, file->label, known, &read, error);
  if (!status)
    status = read_tables(set, file->label, index, &read, error);
  json_decref(index);
  if (status) {
    published_free(&read);
    return status;
  }
  *tables = read;
  return 0;
}

int published_load(const char *directory, const struct paper *const *known,
                   struct published_tables *tables, struct error *error)
{
  struct fileset *set;
  if (fileset_open(directory, &set, error))
    return error->code;
  int status = published_load_set(set, known, tables, error);
  fileset_close(set);
  return status;
}

void published_free(struct published_tables *tables)
{
  for (size_t i = 0; i < tables->count; i++)
    published_table_free(&tables->tables[i]);
  free(tables->tables);
  free(tables->source);
  free(tables->caveat);
  *tables = (struct published_tables){0};
}

const struct published_table *published_find(const struct published_tables *tables,
                                             const char *name)
{
  for (size_t i = 0; i < tables->count; i++)
    if (strcmp(tables->tables[i].schema->name, name) == 0)
      return &tables->tables[i];
  return NULL;
}

size_t published_column(const struct published_schema *schema, const char *name)
{
  size_t i = 0;
  while (i < schema->column_count && strcmp(schema->columns[i].name, name) != 0)
    i++;
  return i;
}

double published_number(const struct published_table *table, size_t row, const char *column)
{
  size_t i = published_column(table->schema, column), columns = table->schema->column_count;
  return i < columns ? table->numbers[row * columns + i] : NAN;
}

bool published_matches(const struct published_table *table, size_t row, const char *model,
                       const char *key)
{
  size_t columns = table->schema->column_count;
  const char **cells = table->cells + row * columns;
  if (strcmp(cells[0], model) != 0)
    return false;
  for (size_t i = 1; *key && i < columns && table->schema->columns[i].type == PUBLISHED_KEY; i++) {
    size_t length = strcspn(key, "|");
    if (strlen(cells[i]) != length || memcmp(cells[i], key, length) != 0)
      return false;
    key += length + (key[length] == '|');
  }
  return !*key;
}

size_t published_rows(const struct published_table *table, const char *model, const char *key,
                      size_t *row)
{
  size_t count = 0;
  for (size_t i = 0; i < table->rows; i++)
    if (published_matches(table, i, model, key) && count++ == 0)
      *row = i;
  return count;
}

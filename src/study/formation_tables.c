#include "study/formation_tables.h"

#include "base/file_group.h"
#include "base/json.h"
#include "base/memory.h"
#include "claims/arxiv_2404_07129/paper.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)64 << 20)

static int out_of_memory(const char *path, struct error *error)
{
  return error_set(error, EXIT_RUN, "%s: out of memory for the tables of its runs", path);
}

/* "strength0", ...: the last columns of their table, as many as the published models have heads. */
static bool is_of_head(const char *column)
{
  static const char name[] = "strength";
  return strncmp(column, name, sizeof name - 1) == 0 &&
         isdigit((unsigned char)column[sizeof name - 1]);
}

static void begin_table(const struct formation_origin *origin, struct formation_table *table)
{
  const struct published_schema *schema = table->schema;
  size_t count = schema->column_count;
  text_add(&table->text, "# Source: our own results, the same bits everywhere: %s\n", origin->made);
  for (size_t i = 0; i < count && !is_of_head(schema->columns[i].name); i++)
    text_add(&table->text, "%s%s", i ? "," : "", schema->columns[i].name);
  for (size_t h = 0; h < origin->heads && is_of_head(schema->columns[count - 1].name); h++)
    text_add(&table->text, ",strength%zu", h);
  text_add(&table->text, "\n");
}

/* "curve,FIGURE,NAME,X,Y" of a model. */
static int add_curve(const char *model, const char *line, size_t length,
                     struct study_curves *curves, struct error *error)
{
  char copy[160], *parts[5], *rest = copy;
  double x, y;
  snprintf(copy, sizeof copy, "%.*s", (int)length, line);
  for (size_t i = 0; i < 5; i++)
    parts[i] = strsep(&rest, ",");
  if (!parts[4] || !text_to_double(parts[3], strlen(parts[3]), &x) ||
      !text_to_double(parts[4], strlen(parts[4]), &y))
    return 0; /* a point without a number is none */
  return study_curves_add(curves, model, parts[1], parts[2], x, y, error);
}

struct sorting {
  const struct formation_origin *origin;
  struct formation_table *all; /* [schemas] */
  size_t schemas;
  struct study_curves *curves; /* NULL: of no interest */
  size_t before;               /* curves of the manifests that came before */
  struct error *error;
};

/* A model that an earlier manifest of the same command has, too, has curves of its own here. */
static void name_curves(const struct sorting *s, const char *model, size_t length,
                        struct text *name)
{
  bool taken = false;
  for (size_t i = 0; s->curves && i < s->before; i++)
    taken = taken || (strncmp(s->curves->curves[i].model, model, length) == 0 &&
                      !s->curves->curves[i].model[length]);
  name->length = 0;
  text_add(name, "%s%s%.*s", taken ? s->origin->name : "", taken ? "-" : "", (int)length, model);
}

static int sort_line(const struct sorting *s, const char *model, const char *line, size_t length)
{
  size_t name = strcspn(line, ",\n"), i = 0;
  if (strncmp(line, "curve,", 6) == 0 && !s->curves)
    return 0;
  if (strncmp(line, "curve,", 6) == 0)
    return model ? add_curve(model, line, length, s->curves, s->error)
                 : out_of_memory(s->origin->path, s->error);
  if (strncmp(line, "unlisted,", 9) == 0)
    return 0;
  while (i < s->schemas && (strlen(s->all[i].schema->name) != name ||
                            memcmp(s->all[i].schema->name, line, name) != 0))
    i++;
  if (i == s->schemas || line[name] != ',')
    return error_set(s->error, EXIT_INPUT,
                     "%s: a kept run has a line of no table; remove the work folder and run again",
                     s->origin->path);
  if (!s->all[i].text.length)
    begin_table(s->origin, &s->all[i]);
  text_add(&s->all[i].text, "%.*s\n", (int)(length - name - 1), line + name + 1);
  return s->all[i].text.failed ? out_of_memory(s->origin->path, s->error) : 0;
}

/* Lines of tables name the model in their second cell; curves are of the model named before. */
static int sort_rows(const struct sorting *s, const struct text *rows)
{
  struct text model = {0};
  const char *line = rows->data ? rows->data : "";
  int status = 0;
  for (size_t length; *line && !status; line += length + (line[length] == '\n')) {
    length = strcspn(line, "\n");
    if (strncmp(line, "curve,", 6) != 0) {
      const char *cell = line + strcspn(line, ",\n");
      cell += *cell == ',';
      name_curves(s, cell, strcspn(cell, ",\n"), &model);
    }
    status = sort_line(s, model.failed ? NULL : model.data, line, length);
  }
  text_free(&model);
  return status;
}

static void make_index(const struct formation_origin *origin, struct formation_tables *tables)
{
  json_t *names = json_array(), *index = NULL;
  for (size_t i = 0; i < tables->count; i++)
    json_add(names, json_string(tables->tables[i].schema->name));
  if (names)
    index = json_pack("{s:i, s:s, s:s, s:s, s:s, s:o}", "format", 1, "paper",
                      arxiv_2404_07129.arxiv, "kind", "trained", "source", origin->source, "caveat",
                      origin->caveat, "tables", names);
  char *dumped = index ? json_dumps(index, JSON_INDENT(1)) : NULL;
  if (dumped)
    text_add(&tables->index, "%s\n", dumped);
  else
    tables->index.failed = true;
  free(dumped);
  json_decref(index);
}

int formation_tables_make(const struct formation_origin *origin, const struct text *rows,
                          size_t count, struct formation_tables *tables,
                          struct study_curves *curves, struct error *error)
{
  size_t schemas = 0;
  int status = 0;
  while (formation_schemas[schemas].name)
    schemas++;
  *tables = (struct formation_tables){0};
  tables->tables = memory_zeroed(schemas, sizeof *tables->tables, origin->path, error);
  if (!tables->tables)
    return error->code;
  for (size_t i = 0; i < schemas; i++)
    tables->tables[i].schema = &formation_schemas[i];
  const struct sorting sorting = {
      origin, tables->tables, schemas, curves, curves ? curves->count : 0, error};
  for (size_t i = 0; i < count && !status; i++)
    status = sort_rows(&sorting, &rows[i]);
  for (size_t i = 0; i < schemas; i++)
    if (tables->tables[i].text.length)
      tables->tables[tables->count++] = tables->tables[i];
    else
      text_free(&tables->tables[i].text);
  if (!status && origin->source)
    make_index(origin, tables);
  if (!status && tables->index.failed)
    status = out_of_memory(origin->path, error);
  if (status)
    formation_tables_free(tables);
  return status;
}

void formation_tables_free(struct formation_tables *tables)
{
  for (size_t i = 0; i < tables->count; i++)
    text_free(&tables->tables[i].text);
  free(tables->tables);
  text_free(&tables->index);
  *tables = (struct formation_tables){0};
}

int formation_tables_parse(const struct formation_tables *tables, const struct manifest *manifest,
                           struct published_tables *parsed, struct error *error)
{
  *parsed = (struct published_tables){.paper = &arxiv_2404_07129, .kind = TRAJECTORY_TRAINED};
  parsed->source = strdup(manifest->source);
  parsed->caveat = strdup(manifest->caveat);
  parsed->tables = memory_zeroed(tables->count, sizeof *parsed->tables, manifest->path, error);
  int status = !parsed->source || !parsed->caveat || !parsed->tables
                   ? out_of_memory(manifest->path, error)
                   : 0;
  for (size_t i = 0; i < tables->count && !status; i++) {
    const struct formation_table *t = &tables->tables[i];
    status = published_parse(t->schema->name, t->text.data, t->text.length, t->schema,
                             &parsed->tables[i], error);
    parsed->count += !status;
  }
  if (status)
    published_free(parsed);
  return status;
}

/* --- a folder --- */

/* File i of the folder: tables.json first. */
static const struct text *file_of(const struct formation_tables *tables, size_t i, char name[64])
{
  snprintf(name, 64, "%s%s", i ? tables->tables[i - 1].schema->name : PUBLISHED_INDEX,
           i ? ".csv" : "");
  return i ? &tables->tables[i - 1].text : &tables->index;
}

int formation_tables_write(const struct formation_tables *tables, const char *directory,
                           struct error *error)
{
  char name[64];
  struct file_group group = {0};
  int status = file_make_directory(directory, error);
  for (size_t i = tables->count + 1; i-- > 0 && !status;) { /* the index last */
    const struct text *text = file_of(tables, i, name);
    if (text->length)
      status = file_group_write(&group, directory, name, text->data, text->length, error);
  }
  if (!status)
    status = file_group_publish(&group, error);
  file_group_close(&group);
  return status;
}

static int compare_file(const char *path, const struct text *text, char **difference,
                        struct error *error)
{
  struct blob golden;
  struct text line = {0};
  char where[256];
  if (file_read(path, FILE_LIMIT, &golden, error))
    return error->code;
  if (text_differs(where, sizeof where, golden.data, golden.size, text->data, text->length))
    text_add(&line, "%s: not the bytes of this run: %s; " TRAJECTORY_REMEDY, path, where);
  blob_free(&golden);
  *difference = line.data;
  return line.failed ? error_set(error, EXIT_RUN, "%s: out of memory", path) : 0;
}

int formation_tables_compare(const struct formation_tables *tables, const char *directory,
                             char **difference, struct error *error)
{
  char name[64];
  int status = 0;
  *difference = NULL;
  for (size_t i = 0; i <= tables->count && !status && !*difference; i++) {
    const struct text *text = file_of(tables, i, name);
    char *path = file_join(directory, name, error);
    status = path ? compare_file(path, text, difference, error) : error->code;
    free(path);
  }
  return status;
}

static int check_there(const char *directory, const char *name, const char *suffix,
                       struct error *error)
{
  char file[128];
  snprintf(file, sizeof file, "%s%s", name, suffix);
  char *path = file_join(directory, file, error);
  if (path && !file_exists(path))
    error_set(error, EXIT_INPUT,
              "%s: missing from the golden; restore it, or write it with attest reproduce "
              "--update-golden",
              path);
  free(path);
  return error->code;
}

int formation_tables_check(const char *directory, struct error *error)
{
  struct error unreadable = {0};
  struct blob index;
  json_t *root = NULL, *name;
  size_t i;
  if (check_there(directory, PUBLISHED_INDEX, "", error))
    return error->code;
  char *path = file_join(directory, PUBLISHED_INDEX, error);
  if (path && !file_read(path, FILE_LIMIT, &index, &unreadable)) {
    (void)json_parse_object(path, index.data, index.size, &root, &unreadable);
    blob_free(&index);
  }
  json_array_foreach(json_object_get(root, "tables"), i, name)
  {
    if (json_is_string(name) && check_there(directory, json_string_value(name), ".csv", error))
      break;
  }
  json_decref(root);
  free(path);
  return error->code;
}

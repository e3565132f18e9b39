/* A trajectory out of a directory, or out of a set of files that is open: trajectory.json and the
 * CSV files it names. */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "files/fileset.h"
#include "trajectory/stored.h"
#include "trajectory/trajectory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_LIMIT ((size_t)4 << 20)
#define REVISION_LIMIT ((size_t)4096)
#define TOKENS_LIMIT 1e9 /* in units of 1e9 */

static const char *const index_keys[] = {"format", "model",     "kind", "source",
                                         "caveat", "revisions", NULL};
static const char *const revision_keys[] = {"name", "step", "tokens", "file", NULL};

/* Where files come from, and whether their bytes are wanted. */
struct source {
  const char *directory;
  struct fileset *set;           /* is open; NULL: they are read from the directory */
  struct trajectory_files *kept; /* gets their bytes; NULL = nobody */
};

/* A file, also on failure to be let go. */
static int get(const struct source *source, const char *name, size_t limit,
               struct trajectory_file *got, struct error *error)
{
  const struct fileset_file *file;
  *got = (struct trajectory_file){.path = file_join(source->directory, name, error)};
  if (!got->path)
    return error->code;
  if (!source->set)
    return file_read(got->path, limit, &got->bytes, error);
  if (fileset_get(source->set, name, &file, error))
    return error->code;
  got->bytes = file->blob;
  return file->blob.size <= limit
             ? 0
             : error_set(error, EXIT_INPUT, "%s: %zu bytes, more than the %zu allowed here",
                         got->path, file->blob.size, limit);
}

/* It goes where files are kept (NULL = nowhere), or is released. */
static void let_go(const struct source *source, struct trajectory_file *got,
                   struct trajectory_file *kept)
{
  if (kept) {
    *kept = *got;
    return;
  }
  if (!source->set)
    blob_free(&got->bytes);
  free(got->path);
}

static int copy(const char *text, char **out, struct error *error)
{
  *out = strdup(text);
  return *out ? 0 : error_set(error, EXIT_RUN, "out of memory for a trajectory's text");
}

static int get_label(const json_t *object, const char *where, const char *key, char **out,
                     struct error *error)
{
  const char *text;
  if (json_get_label(object, where, key, &text, error))
    return error->code;
  return copy(text, out, error);
}

static int get_sentence(const json_t *object, const char *where, const char *key, char **out,
                        struct error *error)
{
  const char *text;
  if (json_get_string(object, where, key, &text, error))
    return error->code;
  if (!stored_sentence(text))
    return error_set(error, EXIT_INPUT,
                     "%s: \"%s\" must be one line of at most %zu bytes without control characters",
                     where, key, STORED_SENTENCE);
  return copy(text, out, error);
}

static int read_head(const json_t *index, const char *path, struct trajectory *trajectory,
                     struct error *error)
{
  int64_t format;
  const char *kind;
  if (json_get_integer(index, path, "format", 1, 1, &format, error) ||
      get_label(index, path, "model", &trajectory->model, error) ||
      get_sentence(index, path, "source", &trajectory->source, error) ||
      get_sentence(index, path, "caveat", &trajectory->caveat, error) ||
      json_get_string(index, path, "kind", &kind, error))
    return error->code;
  if (trajectory_kind_parse(kind, &trajectory->kind))
    return error_set(error, EXIT_INPUT,
                     "%s: \"kind\" is \"%.60s\", must be published, trained, real or synthetic",
                     path, kind);
  return 0;
}

/* Reads the table of a revision; its bytes are kept as those of entry `index`. */
static int read_table(const struct source *source, const char *file, size_t index,
                      struct revision *revision, struct error *error)
{
  struct trajectory_file got;
  int status = get(source, file, STORED_LIMIT, &got, error);
  if (!status)
    status = trajectory_parse_csv(got.path, got.bytes.data, got.bytes.size, revision, error);
  let_go(source, &got, source->kept ? &source->kept->tables[index] : NULL);
  return status;
}

/* Reads an entry of "revisions" and its file into *revision, which is left to free on errors. */
static int read_entry(const struct source *source, const char *where, json_t *list, size_t index,
                      struct revision *revision, struct error *error)
{
  json_t *entry = json_array_get(list, index);
  int64_t step;
  double tokens;
  const char *file;
  char *name;
  if (!json_is_object(entry))
    return error_set(error, EXIT_INPUT, "%s: must be an object", where);
  if (json_check_keys(entry, where, revision_keys, error) ||
      json_get_integer(entry, where, "step", 0, INT64_MAX, &step, error) ||
      json_get_number(entry, where, "tokens", 0, TOKENS_LIMIT, &tokens, error) ||
      json_get_string(entry, where, "file", &file, error))
    return error->code;
  if (!file_plain_name(file))
    return error_set(error, EXIT_INPUT, "%s: \"file\" is \"%.60s\", must be a plain file name",
                     where, file);
  if (read_table(source, file, index, revision, error) ||
      get_label(entry, where, "name", &name, error))
    return error->code;
  free(revision->name);
  revision->name = name;
  revision->step = (uint64_t)step;
  revision->tokens = tokens;
  return 0;
}

/* The newest revision against those before it. */
static int check_sequence(const char *where, const struct trajectory *trajectory,
                          struct error *error)
{
  const struct revision *last = &trajectory->revisions[trajectory->count - 1];
  for (size_t i = 0; i + 1 < trajectory->count; i++)
    if (strcmp(trajectory->revisions[i].name, last->name) == 0)
      return error_set(error, EXIT_INPUT, "%s: revision %s is listed twice", where, last->name);
  if (trajectory->count == 1)
    return 0;
  const struct revision *before = last - 1;
  if (!(last->tokens > before->tokens))
    return error_set(error, EXIT_INPUT,
                     "%s: tokens %.17g do not ascend, the revision before has %.17g; sort them",
                     where, last->tokens, before->tokens);
  if (last->n_layers != before->n_layers || last->n_heads != before->n_heads)
    return error_set(error, EXIT_INPUT, "%s: revision %s has %s of %s, the one before %d of %d",
                     where, last->name, text_counted((size_t)last->n_layers, "layer").text,
                     text_counted((size_t)last->n_heads, "head").text, before->n_layers,
                     before->n_heads);
  return 0;
}

static int make_room(const struct source *source, size_t count, struct trajectory *trajectory,
                     struct error *error)
{
  trajectory->revisions =
      memory_zeroed(count, sizeof *trajectory->revisions, "revisions of a trajectory", error);
  if (!trajectory->revisions || !source->kept)
    return error->code;
  source->kept->tables = memory_zeroed(count, sizeof *source->kept->tables, "tables", error);
  source->kept->table_count = source->kept->tables ? count : 0;
  return error->code;
}

static int read_revisions(const struct source *source, const char *path, json_t *index,
                          struct trajectory *trajectory, struct error *error)
{
  json_t *list;
  if (json_get_array(index, path, "revisions", &list, error))
    return error->code;
  size_t count = json_array_size(list);
  if (count == 0 || count > REVISION_LIMIT)
    return error_set(error, EXIT_INPUT, "%s: \"revisions\" has %zu entries, must have 1 to %zu",
                     path, count, REVISION_LIMIT);
  if (make_room(source, count, trajectory, error))
    return error->code;
  for (size_t i = 0; i < count; i++) {
    char where[512];
    snprintf(where, sizeof where, "%.450s: revisions[%zu]", path, i);
    trajectory->count = i + 1;
    if (read_entry(source, where, list, i, &trajectory->revisions[i], error) ||
        check_sequence(where, trajectory, error))
      return error->code;
  }
  return 0;
}

static int read_index(const struct source *source, const struct trajectory_file *file,
                      struct trajectory *trajectory, struct error *error)
{
  const char *path = file->path;
  json_t *index;
  if (json_parse_object(path, file->bytes.data, file->bytes.size, &index, error))
    return error->code;
  int status = json_check_keys(index, path, index_keys, error);
  if (!status)
    status = read_head(index, path, trajectory, error);
  if (!status)
    status = read_revisions(source, path, index, trajectory, error);
  json_decref(index);
  return status;
}

static int read_all(const struct source *source, struct trajectory *trajectory, struct error *error)
{
  struct trajectory read = {0};
  struct trajectory_file got;
  int status = get(source, STORED_INDEX, INDEX_LIMIT, &got, error);
  if (!status)
    status = read_index(source, &got, &read, error);
  let_go(source, &got, source->kept ? &source->kept->index : NULL);
  if (status)
    trajectory_free(&read);
  else
    *trajectory = read;
  return status;
}

int trajectory_load(const char *directory, struct trajectory *trajectory, struct error *error)
{
  return read_all(&(struct source){.directory = directory}, trajectory, error);
}

int trajectory_load_set(struct fileset *set, struct trajectory *trajectory, struct error *error)
{
  return read_all(&(struct source){set->path, set, NULL}, trajectory, error);
}

int trajectory_files_load(const char *directory, struct trajectory_files *files,
                          struct error *error)
{
  struct trajectory_files read = {.directory = strdup(directory)};
  if (!read.directory)
    return error_set(error, EXIT_RUN, "%s: out of memory", directory);
  if (read_all(&(struct source){directory, NULL, &read}, &read.trajectory, error)) {
    trajectory_files_free(&read);
    return error->code;
  }
  *files = read;
  return 0;
}

static void file_release(struct trajectory_file *file)
{
  blob_free(&file->bytes);
  free(file->path);
}

void trajectory_files_free(struct trajectory_files *files)
{
  for (size_t i = 0; i < files->table_count; i++)
    file_release(&files->tables[i]);
  free(files->tables);
  file_release(&files->index);
  free(files->directory);
  trajectory_free(&files->trajectory);
  *files = (struct trajectory_files){0};
}

/* A trajectory as a directory: trajectory.json and one CSV a revision. */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "trajectory/trajectory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_NAME "trajectory.json"
#define INDEX_LIMIT ((size_t)4 << 20)
#define FILE_LIMIT ((size_t)64 << 20)
#define REVISION_LIMIT ((size_t)4096)
#define SENTENCE_LIMIT ((size_t)2000)
#define TOKENS_LIMIT 1e9 /* in units of 1e9 */

static const char *const index_keys[] = {"format", "model",     "kind", "source",
                                         "caveat", "revisions", NULL};
static const char *const revision_keys[] = {"name", "step", "tokens", "file", NULL};

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

/* One sentence for the terminal: no control characters, C1 among them. */
static bool is_sentence(const char *text)
{
  bool plain = strlen(text) <= SENTENCE_LIMIT;
  for (const unsigned char *p = (const unsigned char *)text; plain && *p; p++)
    plain = *p >= 0x20 && *p != 0x7F && !(p[0] == 0xC2 && p[1] < 0xA0);
  return plain;
}

static int get_sentence(const json_t *object, const char *where, const char *key, char **out,
                        struct error *error)
{
  const char *text;
  if (json_get_string(object, where, key, &text, error))
    return error->code;
  if (!is_sentence(text))
    return error_set(error, EXIT_INPUT,
                     "%s: \"%s\" must be one line of at most %zu bytes without control characters",
                     where, key, SENTENCE_LIMIT);
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

/* Reads an entry of "revisions" and its file into *revision, which is left to free on errors. */
static int read_entry(const char *directory, const char *where, json_t *entry,
                      struct revision *revision, struct error *error)
{
  int64_t step;
  double tokens;
  const char *file;
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
  char *name, *path = file_join(directory, file, error);
  if (!path)
    return error->code;
  int status = trajectory_read_csv(path, revision, error);
  free(path);
  if (status || get_label(entry, where, "name", &name, error))
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
    return error_set(error, EXIT_INPUT,
                     "%s: revision %s has %d layers of %d heads, the one before %d of %d", where,
                     last->name, last->n_layers, last->n_heads, before->n_layers, before->n_heads);
  return 0;
}

static int read_revisions(const char *directory, const char *path, json_t *index,
                          struct trajectory *trajectory, struct error *error)
{
  json_t *list;
  if (json_get_array(index, path, "revisions", &list, error))
    return error->code;
  size_t count = json_array_size(list);
  if (count == 0 || count > REVISION_LIMIT)
    return error_set(error, EXIT_INPUT, "%s: \"revisions\" has %zu entries, must have 1 to %zu",
                     path, count, REVISION_LIMIT);
  trajectory->revisions =
      memory_zeroed(count, sizeof *trajectory->revisions, "revisions of a trajectory", error);
  if (!trajectory->revisions)
    return error->code;
  for (size_t i = 0; i < count; i++) {
    char where[512];
    snprintf(where, sizeof where, "%.450s: revisions[%zu]", path, i);
    trajectory->count = i + 1;
    if (read_entry(directory, where, json_array_get(list, i), &trajectory->revisions[i], error) ||
        check_sequence(where, trajectory, error))
      return error->code;
  }
  return 0;
}

int trajectory_load(const char *directory, struct trajectory *trajectory, struct error *error)
{
  struct trajectory read = {0};
  json_t *index = NULL;
  char *path = file_join(directory, INDEX_NAME, error);
  if (!path)
    return error->code;
  int status = json_read_object(path, INDEX_LIMIT, &index, error);
  if (!status && !(status = json_check_keys(index, path, index_keys, error)) &&
      !(status = read_head(index, path, &read, error)))
    status = read_revisions(directory, path, index, &read, error);
  json_decref(index);
  free(path);
  if (status) {
    trajectory_free(&read);
    return status;
  }
  *trajectory = read;
  return 0;
}

/* The name of a revision's file. */
static int file_of(const char *directory, const struct revision *revision, char name[256],
                   struct error *error)
{
  if (text_is_label(revision->name) && snprintf(name, 256, "%s.csv", revision->name) < 256)
    return 0;
  return error_set(error, EXIT_INPUT, "%s: revision \"%.60s\" cannot be a file name; rename it",
                   directory, revision->name);
}

static int save_revision(const char *directory, const struct revision *revision,
                         struct error *error)
{
  char name[256];
  if (file_of(directory, revision, name, error))
    return error->code;
  char *path = file_join(directory, name, error);
  int status = path ? trajectory_write_csv(path, revision, error) : error->code;
  free(path);
  return status;
}

static int add_entry(const char *directory, const struct revision *revision, json_t *list,
                     struct error *error)
{
  char name[256];
  if (file_of(directory, revision, name, error))
    return error->code;
  json_t *entry = json_pack("{s:s, s:I, s:f, s:s}", "name", revision->name, "step",
                            (json_int_t)revision->step, "tokens", revision->tokens, "file", name);
  if (json_array_append_new(list, entry) != 0)
    return error_set(error, EXIT_RUN, "%s: out of memory for %s", directory, INDEX_NAME);
  return 0;
}

/* The text of trajectory.json. */
static int format_index(const char *directory, const struct trajectory *trajectory,
                        struct text *text, struct error *error)
{
  json_t *list = json_array();
  json_t *index = json_pack("{s:i, s:s, s:s, s:s, s:s}", "format", 1, "model", trajectory->model,
                            "kind", trajectory_kind_name(trajectory->kind), "source",
                            trajectory->source, "caveat", trajectory->caveat);
  int status = 0;
  for (size_t i = 0; i < trajectory->count && !status; i++)
    status = add_entry(directory, &trajectory->revisions[i], list, error);
  if (json_object_set_new(index, "revisions", list) != 0 && !status)
    status = error_set(error, EXIT_RUN, "%s: %s: text is not UTF-8 or memory is short", directory,
                       INDEX_NAME);
  if (!status)
    status = json_format(directory, index, text, error);
  json_decref(index);
  return status;
}

static int save_index(const char *directory, const struct trajectory *trajectory,
                      struct error *error)
{
  struct text text = {0};
  int status = format_index(directory, trajectory, &text, error);
  char *path = status ? NULL : file_join(directory, INDEX_NAME, error);
  if (!status)
    status = path ? file_write(path, text.data, text.length, error) : error->code;
  free(path);
  text_free(&text);
  return status;
}

int trajectory_save(const char *directory, const struct trajectory *trajectory, struct error *error)
{
  if (!text_is_label(trajectory->model) || !is_sentence(trajectory->source) ||
      !is_sentence(trajectory->caveat))
    return error_set(error, EXIT_INPUT,
                     "%s: model, source and caveat of a trajectory must be single plain lines",
                     directory);
  if (file_make_directory(directory, error))
    return error->code;
  for (size_t i = 0; i < trajectory->count; i++)
    if (save_revision(directory, &trajectory->revisions[i], error))
      return error->code;
  return save_index(directory, trajectory, error);
}

static int compare_file(const char *directory, const char *name, const char *text, size_t length,
                        struct trajectory_difference *difference, struct error *error)
{
  struct blob blob;
  char where[256];
  char *path = file_join(directory, name, error);
  int status = path ? file_read(path, FILE_LIMIT, &blob, error) : error->code;
  if (!status) {
    difference->found = text_differs(where, sizeof where, blob.data, blob.size, text, length);
    if (difference->found)
      snprintf(difference->where, sizeof difference->where,
               "%.160s: the values are equal but the bytes are not: %.200s; " TRAJECTORY_REMEDY,
               path, where);
    blob_free(&blob);
  }
  free(path);
  return status;
}

static int compare_csv(const char *directory, const struct revision *revision,
                       struct trajectory_difference *difference, struct error *error)
{
  char name[256];
  size_t length;
  if (file_of(directory, revision, name, error))
    return error->code;
  char *csv = trajectory_format_csv(revision, &length, error);
  int status = csv ? compare_file(directory, name, csv, length, difference, error) : error->code;
  free(csv);
  return status;
}

int trajectory_compare_files(const char *directory, const struct trajectory *trajectory,
                             struct trajectory_difference *difference, struct error *error)
{
  struct text index = {0};
  *difference = (struct trajectory_difference){0};
  int status = format_index(directory, trajectory, &index, error);
  if (!status)
    status = compare_file(directory, INDEX_NAME, index.data, index.length, difference, error);
  text_free(&index);
  for (size_t i = 0; i < trajectory->count && !status && !difference->found; i++)
    status = compare_csv(directory, &trajectory->revisions[i], difference, error);
  return status;
}

/* A trajectory into a directory, and against the bytes that were read from one. */
#include "base/file.h"
#include "base/file_write.h"
#include "base/json.h"
#include "base/text.h"
#include "trajectory/stored.h"
#include "trajectory/trajectory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool stored_sentence(const char *text)
{
  bool plain = strlen(text) <= STORED_SENTENCE;
  for (const unsigned char *p = (const unsigned char *)text; plain && *p; p++)
    plain = *p >= 0x20 && *p != 0x7F && !(p[0] == 0xC2 && p[1] < 0xA0);
  return plain;
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
    return error_set(error, EXIT_RUN, "%s: out of memory for %s", directory, STORED_INDEX);
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
                       STORED_INDEX);
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
  if (!status)
    status = file_write_text_in(directory, STORED_INDEX, &text, error);
  text_free(&text);
  return status;
}

int trajectory_save(const char *directory, const struct trajectory *trajectory, struct error *error)
{
  if (!text_is_label(trajectory->model) || !stored_sentence(trajectory->source) ||
      !stored_sentence(trajectory->caveat))
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

static void compare_bytes(const struct trajectory_file *file, const char *text, size_t length,
                          struct trajectory_difference *difference)
{
  char where[256];
  difference->found =
      text_differs(where, sizeof where, file->bytes.data, file->bytes.size, text, length);
  if (difference->found)
    snprintf(difference->where, sizeof difference->where,
             "%.160s: the values are equal but the bytes are not: %.200s; " TRAJECTORY_REMEDY,
             file->path, where);
}

static int compare_csv(const struct trajectory_file *file, const struct revision *revision,
                       struct trajectory_difference *difference, struct error *error)
{
  size_t length;
  char *csv = trajectory_format_csv(revision, &length, error);
  if (!csv)
    return error->code;
  compare_bytes(file, csv, length, difference);
  free(csv);
  return 0;
}

/* Once the indexes are equal, so are the numbers of files and their names. */
int trajectory_compare_files(const struct trajectory_files *files,
                             const struct trajectory *trajectory,
                             struct trajectory_difference *difference, struct error *error)
{
  struct text index = {0};
  *difference = (struct trajectory_difference){0};
  int status = format_index(files->directory, trajectory, &index, error);
  if (!status)
    compare_bytes(&files->index, index.data, index.length, difference);
  text_free(&index);
  for (size_t i = 0; i < trajectory->count && !status && !difference->found; i++)
    status = compare_csv(&files->tables[i], &trajectory->revisions[i], difference, error);
  return status;
}

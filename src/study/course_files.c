#include "study/course_files.h"

#include "base/file.h"
#include "base/file_write.h"
#include "base/json.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES ((size_t)1 << 30)

static int add_task(const struct circuit_course *course, size_t task, struct course_file *file,
                    struct error *error)
{
  struct table table;
  char name[300];
  snprintf(name, sizeof name, "%s.csv", course->tasks[task].name);
  file->name = strdup(name);
  if (!circuit_course_rows(course, task, &table, error))
    table_separated(&table, ',', "", &file->text);
  table_free(&table);
  if (!error->code && (!file->name || file->text.failed))
    return error_set(error, EXIT_RUN, "%s: out of memory", name);
  return error->code;
}

static int add_components(const struct circuit_course *course, struct course_file *file,
                          struct error *error)
{
  struct table table;
  file->name = strdup(CIRCUIT_COURSE_COMPONENTS);
  if (!circuit_course_components(course, &table, error))
    table_separated(&table, ',', "", &file->text);
  table_free(&table);
  if (!error->code && (!file->name || file->text.failed))
    return error_set(error, EXIT_RUN, CIRCUIT_COURSE_COMPONENTS ": out of memory");
  return error->code;
}

static int add_index(const struct circuit_course *course, struct course_file *file,
                     struct error *error)
{
  json_t *index = circuit_course_json(course);
  file->name = strdup(CIRCUIT_COURSE_INDEX);
  int status = json_format(CIRCUIT_COURSE_INDEX, index, &file->text, error);
  json_decref(index);
  if (!status && !file->name)
    status = error_set(error, EXIT_RUN, CIRCUIT_COURSE_INDEX ": out of memory");
  return status;
}

int course_files_make(const struct circuit_course *course, struct course_files *files,
                      struct error *error)
{
  bool components = circuit_course_has_components(course);
  *files = (struct course_files){.count = course->task_count + 1 + components};
  files->list = memory_zeroed(files->count, sizeof *files->list, "circuits", error);
  if (!files->list)
    return error->code;
  for (size_t t = 0; t < course->task_count; t++)
    if (add_task(course, t, &files->list[t], error))
      return error->code;
  if (components && add_components(course, &files->list[course->task_count], error))
    return error->code;
  return add_index(course, &files->list[files->count - 1], error);
}

void course_files_free(struct course_files *files)
{
  for (size_t i = 0; files->list && i < files->count; i++) {
    free(files->list[i].name);
    text_free(&files->list[i].text);
  }
  free(files->list);
  *files = (struct course_files){0};
}

int course_files_write(const char *directory, const struct course_files *files, struct error *error)
{
  if (file_make_directory(directory, error))
    return error->code;
  for (size_t i = 0; i < files->count; i++) {
    const struct course_file *file = &files->list[i];
    if (file_write_text_in(directory, file->name, &file->text, error))
      return error->code;
  }
  return 0;
}

/* A file that cannot be read is a changed one. */
static int compare(const char *path, const struct course_file *file, bool *differ,
                   char difference[1024], struct error *error)
{
  struct blob blob;
  char where[512];
  if (file_read(path, MOST_BYTES, &blob, error)) {
    if (error->code == EXIT_RUN)
      return error->code;
    snprintf(difference, 1024, "%.700s", error->text);
    *differ = true;
    *error = (struct error){0};
    return 0;
  }
  *differ =
      text_differs(where, sizeof where, blob.data, blob.size, file->text.data, file->text.length);
  blob_free(&blob);
  if (*differ)
    snprintf(difference, 1024, "%.400s: %s", path, where);
  return 0;
}

int course_files_compare(const char *directory, const struct course_files *files, bool *differ,
                         char difference[1024], struct error *error)
{
  *differ = false;
  for (size_t i = 0; i < files->count && !*differ; i++) {
    char *path = file_join(directory, files->list[i].name, error);
    int status = path ? compare(path, &files->list[i], differ, difference, error) : error->code;
    free(path);
    if (status)
      return status;
  }
  return 0;
}

#include "command/trajectories.h"

#include "base/embedded.h"
#include "base/file.h"
#include "claims/paper.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int load_one(struct trajectories *loaded, const char *directory, struct error *error)
{
  if (loaded->count == MOST_TRAJECTORIES)
    return error_set(error, EXIT_INPUT, "%s: more than %d trajectories", directory,
                     MOST_TRAJECTORIES);
  if (trajectory_load(directory, &loaded->all[loaded->count], error))
    return error->code;
  loaded->count++;
  return 0;
}

static int load_tables(struct trajectories *loaded, const char *directory, struct error *error)
{
  struct published_tables *tables = &loaded->tables[loaded->table_count];
  if (loaded->table_count == MOST_TABLES)
    return error_set(error, EXIT_INPUT, "%s: more than %d folders of tables", directory,
                     MOST_TABLES);
  if (published_load(directory, papers, tables, error))
    return error->code;
  loaded->table_count++;
  for (const struct published_tables *other = loaded->tables; other < tables; other++)
    if (other->paper == tables->paper && other->kind == tables->kind)
      return error_set(error, EXIT_INPUT,
                       "%s: a second folder of %s tables of arXiv %s; leave one out (folders of "
                       "different papers can be joined)",
                       directory, trajectory_kind_name(tables->kind), tables->paper->arxiv);
  return 0;
}

static int load_course(struct trajectories *loaded, const char *directory, struct error *error)
{
  struct course_folder *folder = &loaded->courses[loaded->course_count];
  if (loaded->course_count == MOST_COURSES)
    return error_set(error, EXIT_INPUT, "%s: more than %d folders of circuits", directory,
                     MOST_COURSES);
  if (course_folder_load(directory, folder, error))
    return error->code;
  loaded->course_count++;
  for (const struct course_folder *other = loaded->courses; other < folder; other++)
    if (other->course.kind == folder->course.kind &&
        strcmp(other->course.model, folder->course.model) == 0)
      return error_set(error, EXIT_INPUT, "%s: a second folder of circuits of %s; leave one out",
                       directory, folder->course.model);
  return 0;
}

/* Loads what a directory itself holds: a trajectory, tables, circuits, or nothing of that. */
static int load_own(struct trajectories *loaded, const char *directory, bool *any,
                    struct error *error)
{
  static const struct {
    const char *index;
    int (*load)(struct trajectories *loaded, const char *directory, struct error *error);
  } kinds[] = {{"trajectory.json", load_one},
               {PUBLISHED_INDEX, load_tables},
               {CIRCUIT_COURSE_INDEX, load_course}};
  *any = false;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !*any; i++) {
    char *path = file_join(directory, kinds[i].index, error);
    if (!path)
      return error->code;
    *any = file_exists(path);
    free(path);
    if (*any && kinds[i].load(loaded, directory, error))
      return error->code;
  }
  return 0;
}

static int load_child(struct trajectories *loaded, const char *directory, const char *name,
                      bool *any, struct error *error)
{
  bool holds = false;
  char *child = file_join(directory, name, error);
  int status = child ? load_own(loaded, child, &holds, error) : error->code;
  *any = *any || holds;
  free(child);
  return status;
}

/* Every subdirectory with a trajectory, tables or circuits, in name order. */
static int load_children(struct trajectories *loaded, const char *directory, bool *any,
                         struct error *error)
{
  struct dirent **entries;
  char name[EMBEDDED_NAME];
  int status = 0;
  if (embedded_is_directory(directory)) {
    for (size_t at = 0; !status && embedded_next(directory, &at, name);)
      status = load_child(loaded, directory, name, any, error);
    return status;
  }
  int count = scandir(directory, &entries, NULL, alphasort);
  if (count < 0)
    return error_set(error, errno == ENOENT || errno == ENOTDIR ? EXIT_INPUT : EXIT_RUN,
                     "%s: cannot be read: %s", directory, error_reason(errno));
  for (int i = 0; i < count; i++) {
    if (!status && entries[i]->d_name[0] != '.')
      status = load_child(loaded, directory, entries[i]->d_name, any, error);
    free(entries[i]);
  }
  free(entries);
  return status;
}

int trajectories_load(struct trajectories *loaded, const char *directory, struct error *error)
{
  bool any;
  if (load_own(loaded, directory, &any, error))
    return error->code;
  if (!any && load_children(loaded, directory, &any, error))
    return error->code;
  return any ? 0
             : error_set(error, EXIT_INPUT,
                         "%s: holds no trajectory.json, tables.json or " CIRCUIT_COURSE_INDEX
                         ", and neither do its subdirectories",
                         directory);
}

void trajectories_free(struct trajectories *loaded)
{
  for (size_t i = 0; i < loaded->count; i++)
    trajectory_free(&loaded->all[i]);
  for (size_t i = 0; i < loaded->table_count; i++)
    published_free(&loaded->tables[i]);
  for (size_t i = 0; i < loaded->course_count; i++)
    course_folder_free(&loaded->courses[i]);
  loaded->count = loaded->table_count = loaded->course_count = 0;
}

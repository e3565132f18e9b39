#include "base/file_group.h"

#include "base/memory.h"

#include <stdlib.h>
#include <unistd.h>

static int make_room(struct file_group *group, const char *name, struct error *error)
{
  struct file_writer *files =
      memory_room(group->files, group->count + 1, &group->capacity, sizeof *files);
  if (!files)
    return error_set(error, EXIT_RUN, "%s: out of memory", name);
  group->files = files;
  return 0;
}

int file_group_open(struct file_group *group, const char *directory, const char *name,
                    struct file_writer **file, struct error *error)
{
  if (make_room(group, name, error))
    return error->code;
  char *path = file_join(directory, name, error);
  *file = &group->files[group->count];
  int status = path ? file_writer_open(path, *file, error) : error->code;
  group->count += !status;
  free(path);
  return status;
}

int file_group_write(struct file_group *group, const char *directory, const char *name,
                     const void *data, size_t size, struct error *error)
{
  struct file_writer *file;
  if (file_group_open(group, directory, name, &file, error) ||
      file_writer_add(file, data, size, error))
    return error->code;
  return file_writer_finish(file, error);
}

int file_group_publish(struct file_group *group, struct error *error)
{
  for (size_t i = 0; i < group->count; i++)
    if (file_writer_publish(&group->files[i], error))
      return error->code;
  group->published = true;
  return 0;
}

void file_group_close(struct file_group *group)
{
  for (size_t i = 0; i < group->count; i++) {
    if (!group->published && !group->files[i].beside)
      unlink(group->files[i].path); /* published before another could not be */
    file_writer_close(&group->files[i]);
  }
  free(group->files);
  *group = (struct file_group){0};
}

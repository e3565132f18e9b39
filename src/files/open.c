#include "files/fileset.h"

#include <stdlib.h>
#include <string.h>

static int open_archive_file(const char *file, const char *path, const char *directory,
                             struct fileset **set, struct error *error)
{
  struct blob blob;
  if (file_map(file, &blob, error))
    return error->code;
  int status = fileset_open_archive(path, blob.data, blob.size, true, directory, set, error);
  bool used = false;
  for (size_t i = 0; !status && i < (*set)->count; i++)
    used |= (*set)->files[i]->inside;
  if (used)
    (*set)->archive = blob;
  else
    blob_free(&blob);
  return status;
}

int fileset_open(const char *path, struct fileset **set, struct error *error)
{
  if (file_is_directory(path))
    return fileset_new(path, true, set, error);
  for (const char *colon = strchr(path, ':'); colon; colon = strchr(colon + 1, ':')) {
    char *file = strndup(path, (size_t)(colon - path));
    if (!file)
      return error_set(error, EXIT_RUN, "%s: out of memory", path);
    bool found = file_exists(file) && !file_is_directory(file);
    int status = found ? open_archive_file(file, path, colon + 1, set, error) : 0;
    free(file);
    if (found)
      return status;
  }
  if (file_exists(path))
    return error_set(error, EXIT_INPUT,
                     "%s: is not a directory, as a checkpoint is; name one inside an archive as "
                     "ARCHIVE:DIR, its "
                     "root as ARCHIVE:",
                     path);
  return error_set(error, EXIT_INPUT, "%s: there is no such directory or archive", path);
}

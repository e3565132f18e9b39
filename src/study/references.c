#include "study/references.h"

#include "base/file.h"
#include "claims/verdicts.h"
#include "study/outputs.h"

#include <stdlib.h>
#include <sys/stat.h>

/* A golden that is written must not take the place of the author's tables. */
int references_check_outputs(const struct manifest *m, bool golden, const char *checkpoints,
                             const struct output *outputs, size_t count, struct error *error)
{
  struct stat ours, theirs;
  if (!golden && m->golden && m->published.directory && stat(m->golden, &ours) == 0 &&
      stat(m->published.directory, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
      ours.st_ino == theirs.st_ino)
    return error_set(error, EXIT_INPUT,
                     "%s: \"golden\" and the published tables are both %s, which --update-golden "
                     "would overwrite; name another directory",
                     m->path, m->golden);
  return outputs_spare_manifest(outputs, count, m, checkpoints, error);
}

int references_tensors(const struct manifest *manifest, struct references *references,
                       struct error *error)
{
  return manifest->tensors ? tensor_list_load(manifest->tensors, &references->tensors, error) : 0;
}

int references_check_verdicts(const struct manifest *manifest, struct error *error)
{
  char *verdicts = manifest->golden ? file_join(manifest->golden, VERDICTS_FILE, error) : NULL;
  if (!verdicts)
    return manifest->golden ? error->code : 0;
  int status = 0;
  if (!file_exists(verdicts))
    status = error_set(error, EXIT_INPUT,
                       "%s: missing, though %s names it; write it with attest reproduce "
                       "--update-golden",
                       verdicts, manifest->path);
  free(verdicts);
  return status;
}

/* A golden file that cannot be read is a changed one. */
static int with_remedy(struct error *error)
{
  const struct error found = *error;
  return error_set(error, found.code, "golden %.700s; " TRAJECTORY_REMEDY, found.text);
}

int references_golden(const struct manifest *manifest, struct references *references,
                      struct error *error)
{
  if (!manifest->golden)
    return 0;
  int status = trajectory_files_load(manifest->golden, &references->golden, error);
  return status == EXIT_INPUT ? with_remedy(error) : status;
}

#define MOST_ABLATIONS ((size_t)1 << 30) /* bytes */

int references_ablations(const struct manifest *manifest, struct references *references,
                         struct error *error)
{
  struct trajectory_file *file = &references->ablations;
  if (!manifest->golden || !manifest->ablation.circuit_count)
    return 0;
  file->path = file_join(manifest->golden, ABLATIONS_FILE, error);
  if (!file->path)
    return error->code;
  int status = file_read(file->path, MOST_ABLATIONS, &file->bytes, error);
  return status == EXIT_INPUT ? with_remedy(error) : status;
}

int references_published(const struct manifest *manifest, struct references *references,
                         struct error *error)
{
  const char *directory = manifest->published.directory;
  if (!directory)
    return 0;
  if (trajectory_files_load(directory, &references->published, error))
    return error->code;
  const struct trajectory *tables = &references->published.trajectory;
  for (size_t i = 0; i < manifest->revision_count; i++)
    if (trajectory_find(tables, manifest->revisions[i].name) == tables->count)
      return error_set(error, EXIT_INPUT,
                       "%s: there is no table of revision %s; take it out of %s or compare with "
                       "other tables",
                       directory, manifest->revisions[i].name, manifest->path);
  return 0;
}

const struct tensor_list *references_list(const struct references *references)
{
  return references->tensors.count ? &references->tensors : NULL;
}

void references_free(struct references *references)
{
  tensor_list_free(&references->tensors);
  trajectory_files_free(&references->golden);
  trajectory_files_free(&references->published);
  free(references->ablations.path);
  blob_free(&references->ablations.bytes);
}

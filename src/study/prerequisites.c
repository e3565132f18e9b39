#include "study/prerequisites.h"

#include "base/file.h"
#include "claims/verdicts.h"
#include "manifest/tensor_list.h"
#include "study/outputs.h"
#include "trajectory/trajectory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int check_tensors(const char *path, struct error *error)
{
  struct tensor_list list;
  if (tensor_list_load(path, &list, error))
    return error->code;
  tensor_list_free(&list);
  return 0;
}

/* A golden file that cannot be read is a changed one. */
static int with_remedy(struct error *error)
{
  const struct error found = *error;
  return error_set(error, found.code, "golden %.700s; " TRAJECTORY_REMEDY, found.text);
}

static int check_golden(const struct manifest *manifest, struct error *error)
{
  struct trajectory golden;
  char *verdicts = file_join(manifest->golden, VERDICTS_FILE, error);
  if (!verdicts)
    return error->code;
  int status = 0;
  if (!file_exists(verdicts))
    status = error_set(error, EXIT_INPUT,
                       "%s: missing, though %s names it; write it with attest reproduce "
                       "--update-golden",
                       verdicts, manifest->path);
  free(verdicts);
  if (status || strcmp(manifest->kind, "published") == 0)
    return status;
  status = trajectory_load(manifest->golden, &golden, error);
  if (!status)
    trajectory_free(&golden);
  return status == EXIT_INPUT ? with_remedy(error) : status;
}

static int check_tables(const struct manifest *manifest, struct error *error)
{
  struct trajectory tables;
  int status = 0;
  if (trajectory_load(manifest->published.directory, &tables, error))
    return error->code;
  for (size_t i = 0; i < manifest->revision_count && !status; i++) {
    const char *name = manifest->revisions[i].name;
    bool found = false;
    for (size_t k = 0; k < tables.count; k++)
      found = found || strcmp(tables.revisions[k].name, name) == 0;
    if (!found)
      status = error_set(error, EXIT_INPUT,
                         "%s: there is no table of revision %s; take it out of %s or compare with "
                         "other tables",
                         manifest->published.directory, name, manifest->path);
  }
  trajectory_free(&tables);
  return status;
}

/* The trajectory could be written but not read again. */
static int check_order(const struct manifest *m, struct error *error)
{
  for (size_t i = 1; i < m->revision_count; i++)
    if (!(m->revisions[i].tokens > m->revisions[i - 1].tokens))
      return error_set(error, EXIT_INPUT, "%s: revision %s has no more tokens than the one before",
                       m->path, m->revisions[i].name);
  return 0;
}

/* A golden that is written must not take the place of the author's tables. */
static int check_outputs(const struct manifest *m, bool golden, const char *checkpoints,
                         const char *json, struct error *error)
{
  const struct output output = {.option = "--json", .path = json};
  struct stat ours, theirs;
  if (!golden && m->golden && m->published.directory && stat(m->golden, &ours) == 0 &&
      stat(m->published.directory, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
      ours.st_ino == theirs.st_ino)
    return error_set(error, EXIT_INPUT,
                     "%s: \"golden\" and the published tables are both %s, which --update-golden "
                     "would overwrite; name another directory",
                     m->path, m->golden);
  return outputs_spare_manifest(&output, 1, m, checkpoints, error);
}

int prerequisites_check(const struct manifest *manifest, bool golden, const char *checkpoints,
                        const char *json, struct error *error)
{
  if (check_outputs(manifest, golden, checkpoints, json, error))
    return error->code;
  if (manifest->tensors && check_tensors(manifest->tensors, error))
    return error->code;
  if (manifest->golden && golden && check_golden(manifest, error))
    return error->code;
  if (strcmp(manifest->kind, "published") == 0)
    return 0;
  if (manifest->published.directory && check_tables(manifest, error))
    return error->code;
  return check_order(manifest, error);
}

#include "manifest/manifest_verify.h"

#include "base/file.h"
#include "base/memory.h"
#include "manifest/manifest_verifier.h"

#include <stdlib.h>
#include <string.h>

static int check_revisions(struct verifier *verifier, struct error *error)
{
  const struct manifest_check *check = verifier->check;
  const struct manifest *manifest = check->manifest;
  if (manifest->has_container && !check->checkpoints && !check->only &&
      verifier_container(verifier, error))
    return error->code;
  for (size_t i = 0; i < manifest->revision_count; i++)
    if ((!check->only || check->only == &manifest->revisions[i]) &&
        verifier_revision(verifier, i, error))
      return error->code;
  return 0;
}

static int check_all(struct verifier *verifier, struct error *error)
{
  const struct manifest_check *check = verifier->check;
  struct tensor_list read = {0};
  verifier->tensors = check->tensors;
  if (!check->tensors && check->manifest->tensors) {
    if (tensor_list_load(check->manifest->tensors, &read, error))
      return error->code;
    verifier->tensors = &read;
  }
  int status = check_revisions(verifier, error);
  if (!status)
    status = verifier_duplicates(verifier, error);
  if (!status)
    status = verifier_shared(verifier, error);
  if (!status && check->moved && !check->only && verifier->result->findings == verifier->unpinned)
    status = verifier_moves(verifier, error);
  tensor_list_free(&read);
  values_free(verifier->values);
  free(verifier->said);
  return status;
}

static int make_room(const struct manifest *manifest, struct manifest_result *result,
                     struct error *error)
{
  result->found =
      memory_zeroed(manifest->revision_count, sizeof *result->found, manifest->path, error);
  if (!result->found)
    return error->code;
  result->revision_count = manifest->revision_count;
  for (size_t i = 0; i < manifest->revision_count; i++) {
    result->found[i] = memory_zeroed(manifest->revisions[i].file_count, sizeof **result->found,
                                     manifest->path, error);
    if (!result->found[i])
      return error->code;
  }
  return 0;
}

int manifest_verify(const struct manifest_check *check, struct manifest_result *result,
                    struct error *error)
{
  const char *base = check->checkpoints ? check->checkpoints : check->manifest->checkpoints;
  struct verifier verifier = {.check = check, .result = result};
  *result = (struct manifest_result){0};
  if (check->manifest->content == MANIFEST_FORMATION)
    return error_set(error, EXIT_INPUT,
                     "%s: describes training runs, which have no files to verify or pin; attest "
                     "reproduce carries them out",
                     check->manifest->path);
  /* Nothing there at all is one answer, not a list of missing files. "ARCHIVE:DIR" is looked for
   * when it is opened. */
  if (!file_exists(base) && !strchr(base, ':'))
    return error_set(error, EXIT_INPUT, "%s: the checkpoints of %s are not there; fetch them", base,
                     check->manifest->path);
  if (check->pointers && !file_is_directory(check->pointers))
    return error_set(error, EXIT_INPUT, "%s: is not a directory with git-lfs pointers",
                     check->pointers);
  return make_room(check->manifest, result, error) ? error->code : check_all(&verifier, error);
}

void manifest_result_free(struct manifest_result *result)
{
  for (size_t i = 0; result->found && i < result->revision_count; i++)
    free(result->found[i]);
  free(result->found);
  *result = (struct manifest_result){0};
}

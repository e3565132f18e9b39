/* How far training moved the weights from each revision to the next. */
#include "manifest/manifest_verifier.h"

#include <stdlib.h>

static int compare(struct verifier *verifier, const struct checkpoint *before,
                   const struct checkpoint *after, size_t index, struct error *error)
{
  const struct manifest_check *check = verifier->check;
  const struct manifest_revision *left = &check->manifest->revisions[index], *right = left + 1;
  struct move_list moves;
  if (moves_compare(before, after, &moves, error))
    return verifier_finding_or_error(verifier, error);
  check->moved(check->context, left, right, &moves);
  moves_free(&moves);
  return 0;
}

int verifier_moves(struct verifier *verifier, struct error *error)
{
  const struct manifest_check *check = verifier->check;
  const struct manifest *manifest = check->manifest;
  struct checkpoint *before = NULL;
  int status = 0;
  if (manifest->content == MANIFEST_TABLES)
    return 0;
  for (size_t i = 0; i < manifest->revision_count && !status; i++) {
    struct checkpoint *here = NULL;
    char *path =
        manifest_revision_path(manifest, &manifest->revisions[i], check->checkpoints, error);
    if (!path || checkpoint_open(path, &here, error))
      status = path ? verifier_finding_or_error(verifier, error) : error->code;
    if (!status && before && here)
      status = compare(verifier, before, here, i - 1, error);
    free(path);
    checkpoint_close(before);
    before = here;
  }
  checkpoint_close(before);
  return status;
}

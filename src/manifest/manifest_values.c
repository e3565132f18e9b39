/* Tensors that revisions have in common: one of them may hold weights of the other, whatever its
 * files are. */
#include "base/memory.h"
#include "manifest/manifest_verifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int verifier_values(struct verifier *verifier, size_t index, const struct checkpoint *checkpoint,
                    struct error *error)
{
  char first[1024];
  if (verifier->check->only)
    return 0;
  if (!verifier->values && values_new(&verifier->values, error))
    return error->code;
  if (values_add(verifier->values, index, checkpoint, first, error))
    return error->code;
  if (*first)
    verifier_finding(verifier, "%s", first);
  return 0;
}

int verifier_said(struct verifier *verifier, size_t before, size_t after, struct error *error)
{
  size_t count = verifier->said_count, size = sizeof *verifier->said;
  if ((count & (count - 1)) == 0) { /* it grows by doubling */
    struct revision_pair *more =
        memory_alloc(count ? 2 * count : 1, size, verifier->check->manifest->path, error);
    if (!more)
      return error->code;
    if (count)
      memcpy(more, verifier->said, count * size);
    free(verifier->said);
    verifier->said = more;
  }
  verifier->said[verifier->said_count++] = (struct revision_pair){before, after};
  return 0;
}

static bool was_said(const struct verifier *verifier, const struct values_shared *shared)
{
  for (size_t i = 0; i < verifier->said_count; i++)
    if (verifier->said[i].before == shared->before && verifier->said[i].after == shared->after)
      return true;
  return false;
}

static void report(void *context, const struct values_shared *shared)
{
  struct verifier *verifier = context;
  const struct manifest *manifest = verifier->check->manifest;
  char name[300] = "", types[100] = "", others[100] = "";
  if (was_said(verifier, shared))
    return;
  if (strcmp(shared->left, shared->right) != 0)
    snprintf(name, sizeof name, ", there as \"%.200s\"", shared->right);
  if (shared->left_dtype != shared->right_dtype)
    snprintf(types, sizeof types, ", as %s and %s%s", dtype_name(shared->left_dtype),
             dtype_name(shared->right_dtype), shared->rounded ? ", equal when rounded" : "");
  if (shared->count > 1)
    snprintf(others, sizeof others, ", and so are %zu more tensors", shared->count - 1);
  verifier_finding(verifier,
                   "%s: tensor \"%.200s\" is the same in revisions \"%s\" and \"%s\"%s%s%s; one of "
                   "them may not be what it is called: fetch both again",
                   manifest->path, shared->left, manifest->revisions[shared->before].name,
                   manifest->revisions[shared->after].name, name, types, others);
}

/* Where types differ, a tensor may be another one at lower precision. */
static int round_all(struct verifier *verifier, struct error *error)
{
  const struct manifest_check *check = verifier->check;
  int status = 0;
  for (size_t i = 0; i < check->manifest->revision_count && !status; i++) {
    struct checkpoint *checkpoint = NULL;
    if (!values_needs_rounding(verifier->values, i))
      continue;
    char *path = manifest_revision_path(check->manifest, &check->manifest->revisions[i],
                                        check->checkpoints, error);
    if (!path)
      return error->code;
    status = checkpoint_open(path, &checkpoint, error)
                 ? verifier_finding_or_error(verifier, error)
                 : values_round(verifier->values, i, checkpoint, error);
    checkpoint_close(checkpoint);
    free(path);
  }
  return status;
}

int verifier_shared(struct verifier *verifier, struct error *error)
{
  if (!verifier->values)
    return 0;
  if (round_all(verifier, error))
    return error->code;
  values_counts(verifier->values, &verifier->result->values);
  return values_report(verifier->values, report, verifier, error);
}

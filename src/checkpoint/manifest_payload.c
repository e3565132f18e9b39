/* Revisions that hold the same tensors: branch names are known to serve the wrong step. */
#include "base/memory.h"
#include "checkpoint/manifest_verifier.h"

#include <stdlib.h>
#include <string.h>

/* What a revision's payload is known by: a hash over the sorted digests of its tensor files. */
struct payload {
  struct digest digest;
  size_t index;
};

static int by_text(const void *a, const void *b)
{
  return strcmp(a, b);
}

static bool is_payload(const char *path)
{
  size_t length = strlen(path);
  return length < 5 || strcmp(path + length - 5, ".json") != 0;
}

/* *known tells whether the revision has a payload and the digests of all of it are known. */
static int payload_of(const struct manifest_revision *revision, const struct pinned_file *found,
                      struct payload *payload, bool *known, struct error *error)
{
  size_t used = 0, each = sizeof revision->files[0].digest.sha256;
  bool all = true;
  char *digests = memory_alloc(revision->file_count, each, revision->name, error);
  if (!digests)
    return error->code;
  for (size_t i = 0; i < revision->file_count; i++) {
    const char *pinned = revision->files[i].digest.sha256;
    const char *digest = *pinned ? pinned : found[i].digest.sha256;
    if (!is_payload(revision->files[i].path))
      continue;
    all = all && *digest;
    memcpy(digests + each * used++, digest, each);
  }
  qsort(digests, used, each, by_text);
  *known = all && used > 0;
  int status = digest_of(digests, used * each, &payload->digest, error);
  free(digests);
  return status;
}

static int by_payload(const void *a, const void *b)
{
  const struct payload *left = a, *right = b;
  int order = strcmp(left->digest.sha256, right->digest.sha256);
  if (order)
    return order;
  return left->index < right->index ? -1 : left->index > right->index;
}

static void report_equal(struct verifier *verifier, struct payload *payloads, size_t count)
{
  const struct manifest *manifest = verifier->check->manifest;
  qsort(payloads, count, sizeof *payloads, by_payload);
  for (size_t i = 1; i < count; i++)
    if (strcmp(payloads[i - 1].digest.sha256, payloads[i].digest.sha256) == 0)
      verifier_finding(verifier,
                       "%s: revisions \"%s\" and \"%s\" have the same tensor files; one of them "
                       "is not what it is called",
                       manifest->path, manifest->revisions[payloads[i - 1].index].name,
                       manifest->revisions[payloads[i].index].name);
}

int verifier_duplicates(struct verifier *verifier, struct error *error)
{
  const struct manifest *manifest = verifier->check->manifest;
  size_t count = 0;
  int status = 0;
  struct payload *payloads =
      memory_alloc(manifest->revision_count, sizeof *payloads, manifest->path, error);
  if (!payloads)
    return error->code;
  for (size_t i = 0; i < manifest->revision_count && !status; i++) {
    bool known = false;
    payloads[count].index = i;
    status = payload_of(&manifest->revisions[i], verifier->result->found[i], &payloads[count],
                        &known, error);
    count += known;
  }
  if (!status)
    report_equal(verifier, payloads, count);
  free(payloads);
  return status;
}

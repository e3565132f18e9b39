/* Revisions that hold the same tensors, all or in one file: branch names are known to serve the
 * wrong step, and a shard may stay behind from another one. */
#include "base/memory.h"
#include "base/text.h"
#include "manifest/manifest_verifier.h"

#include <stdlib.h>
#include <string.h>

/* What a revision's payload is known by: a hash over the sorted digests of its tensor files. */
struct payload {
  struct digest digest;
  size_t index;
};

/* One file of tensors of a revision. */
struct weights {
  const char *sha256;
  size_t revision, file;
};

static int by_text(const void *a, const void *b)
{
  return strcmp(a, b);
}

static bool is_payload(const char *path)
{
  return !text_ends_with(path, ".json");
}

/* Other files, such as tokenizers, may well be the same in all revisions. */
static bool is_weights(const char *path)
{
  return text_ends_with(path, ".safetensors") || text_ends_with(path, ".bin") ||
         text_ends_with(path, ".csv");
}

/* As pinned, or else as found; "" = not known. */
static const char *sha256_of(const struct verifier *verifier, size_t revision, size_t file)
{
  const char *pinned = verifier->check->manifest->revisions[revision].files[file].digest.sha256;
  return *pinned ? pinned : verifier->result->found[revision][file].digest.sha256;
}

/* The digest is "" unless the revision has a payload and the digests of all of it are known. */
static int payload_of(const struct verifier *verifier, size_t index, struct payload *payload,
                      struct error *error)
{
  const struct manifest_revision *revision = &verifier->check->manifest->revisions[index];
  size_t used = 0, each = sizeof revision->files[0].digest.sha256;
  bool all = true;
  char *digests = memory_alloc(revision->file_count, each, revision->name, error);
  if (!digests)
    return error->code;
  for (size_t i = 0; i < revision->file_count; i++) {
    const char *sha256 = sha256_of(verifier, index, i);
    if (!is_payload(revision->files[i].path))
      continue;
    all = all && *sha256;
    memcpy(digests + each * used++, sha256, each);
  }
  qsort(digests, used, each, by_text);
  *payload = (struct payload){.index = index};
  int status = all && used > 0 ? digest_of(digests, used * each, &payload->digest, error) : 0;
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

static int by_weights(const void *a, const void *b)
{
  const struct weights *left = a, *right = b;
  int order = strcmp(left->sha256, right->sha256);
  if (order)
    return order;
  if (left->revision != right->revision)
    return left->revision < right->revision ? -1 : 1;
  return left->file < right->file ? -1 : left->file > right->file;
}

/* Of one revision alone, only what concerns it. */
static bool concerns(const struct verifier *verifier, size_t left, size_t right)
{
  const struct manifest_revision *only = verifier->check->only;
  const struct manifest_revision *revisions = verifier->check->manifest->revisions;
  return !only || only == &revisions[left] || only == &revisions[right];
}

static bool equal(const struct payload *left, const struct payload *right)
{
  return *left->digest.sha256 && strcmp(left->digest.sha256, right->digest.sha256) == 0;
}

/* Sorts the payloads. */
static int report_equal(struct verifier *verifier, struct payload *payloads, struct error *error)
{
  const struct manifest *manifest = verifier->check->manifest;
  qsort(payloads, manifest->revision_count, sizeof *payloads, by_payload);
  for (size_t i = 1; i < manifest->revision_count; i++) {
    size_t before = payloads[i - 1].index, after = payloads[i].index;
    if (!equal(&payloads[i - 1], &payloads[i]) || !concerns(verifier, before, after))
      continue;
    verifier_finding(verifier,
                     "%s: revisions \"%s\" and \"%s\" have the same tensor files; one of them "
                     "is not what it is called",
                     manifest->path, manifest->revisions[before].name,
                     manifest->revisions[after].name);
    if (verifier_said(verifier, before, after, error))
      return error->code;
  }
  return 0;
}

/* `payloads` are those of all revisions in their order: what is the same as a whole is said once.
 */
static int report_shared(struct verifier *verifier, const struct payload *payloads,
                         struct weights *weights, size_t count, struct error *error)
{
  const struct manifest *manifest = verifier->check->manifest;
  qsort(weights, count, sizeof *weights, by_weights);
  for (size_t i = 1; i < count; i++) {
    const struct weights *left = &weights[i - 1], *right = &weights[i];
    if (left->revision == right->revision || strcmp(left->sha256, right->sha256) != 0 ||
        equal(&payloads[left->revision], &payloads[right->revision]) ||
        !concerns(verifier, left->revision, right->revision))
      continue;
    const struct manifest_revision *before = &manifest->revisions[left->revision];
    const struct manifest_revision *after = &manifest->revisions[right->revision];
    verifier_finding(
        verifier,
        "%s: \"%s\" of revision \"%s\" and \"%s\" of revision \"%s\" are the same file; "
        "one of them is not of the revision it lies in: fetch both again",
        manifest->path, before->files[left->file].path, before->name,
        after->files[right->file].path, after->name);
    if (verifier_said(verifier, left->revision, right->revision, error))
      return error->code;
  }
  return 0;
}

static int check_shared(struct verifier *verifier, const struct payload *payloads,
                        struct error *error)
{
  const struct manifest *manifest = verifier->check->manifest;
  size_t count = 0, used = 0;
  for (size_t i = 0; i < manifest->revision_count; i++)
    count += manifest->revisions[i].file_count;
  struct weights *weights = memory_alloc(count, sizeof *weights, manifest->path, error);
  if (!weights)
    return error->code;
  for (size_t i = 0; i < manifest->revision_count; i++)
    for (size_t k = 0; k < manifest->revisions[i].file_count; k++) {
      const char *sha256 = sha256_of(verifier, i, k);
      if (*sha256 && is_weights(manifest->revisions[i].files[k].path))
        weights[used++] = (struct weights){sha256, i, k};
    }
  int status = report_shared(verifier, payloads, weights, used, error);
  free(weights);
  return status;
}

int verifier_duplicates(struct verifier *verifier, struct error *error)
{
  const struct manifest *manifest = verifier->check->manifest;
  int status = 0;
  struct payload *payloads =
      memory_alloc(manifest->revision_count, sizeof *payloads, manifest->path, error);
  if (!payloads)
    return error->code;
  for (size_t i = 0; i < manifest->revision_count && !status; i++)
    status = payload_of(verifier, i, &payloads[i], error);
  if (!status)
    status = check_shared(verifier, payloads, error);
  if (!status)
    status = report_equal(verifier, payloads, error);
  free(payloads);
  return status;
}

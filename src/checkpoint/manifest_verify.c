#include "checkpoint/manifest.h"

#include "base/file.h"
#include "base/memory.h"
#include "checkpoint/fileset.h"
#include "checkpoint/shards.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct verifier {
  const struct manifest *manifest;
  const char *override;
  manifest_report *report;
  void *context;
  size_t failures;
};

static void hand_over(struct verifier *verifier, const struct error *finding)
{
  verifier->failures++;
  verifier->report(verifier->context, finding->text);
}

/* Bad input is a finding; when memory or I/O fails, nothing can be said. */
static int finding_or_error(struct verifier *verifier, struct error *error)
{
  if (error->code != EXIT_INPUT)
    return error->code;
  hand_over(verifier, error);
  *error = (struct error){0};
  return 0;
}

static int check_blob(struct verifier *verifier, const char *label, const struct blob *blob,
                      const struct pinned_file *pin, struct error *error)
{
  struct error finding = {0};
  struct digest found;
  if (blob->size != pin->bytes) {
    error_set(&finding, EXIT_CHECK, "%s: %zu bytes, expected %" PRIu64 "; fetch the file again",
              label, blob->size, pin->bytes);
    hand_over(verifier, &finding);
    return 0;
  }
  if (digest_of(blob->data, blob->size, &found, error))
    return error->code;
  if (strcmp(found.sha256, pin->digest.sha256) != 0)
    error_set(&finding, EXIT_CHECK, "%s: sha256 %s, expected %s; fetch the file again", label,
              found.sha256, pin->digest.sha256);
  else if (strcmp(found.xxh3_128, pin->digest.xxh3_128) != 0)
    error_set(&finding, EXIT_CHECK,
              "%s: xxh3_128 %s, expected %s though sha256 is right; correct the manifest", label,
              found.xxh3_128, pin->digest.xxh3_128);
  if (finding.code)
    hand_over(verifier, &finding);
  return 0;
}

static int check_container(struct verifier *verifier, struct error *error)
{
  const struct pinned_file *pin = &verifier->manifest->container;
  struct blob blob;
  if (file_map(pin->path, &blob, error))
    return finding_or_error(verifier, error);
  int status = check_blob(verifier, pin->path, &blob, pin, error);
  blob_free(&blob);
  return status;
}

static void check_is_pinned(struct verifier *verifier, const struct fileset *files,
                            const struct manifest_revision *revision, const char *name)
{
  struct error finding;
  for (size_t i = 0; i < revision->file_count; i++)
    if (strcmp(revision->files[i].path, name) == 0)
      return;
  error_set(&finding, EXIT_CHECK,
            "%s: revision \"%s\": %s would be read but is not pinned; remove it or pin it",
            files->path, revision->name, name);
  hand_over(verifier, &finding);
}

/* A file beside the pinned ones must not be what runs: model.safetensors next to pinned shards
 * would be read in their place. */
static int check_nothing_else_runs(struct verifier *verifier, struct fileset *files,
                                   const struct manifest_revision *revision, struct error *error)
{
  struct shard_list shards;
  if (strcmp(verifier->manifest->kind, "published") == 0)
    return 0;
  if (shards_list(files, &shards, error))
    return finding_or_error(verifier, error);
  check_is_pinned(verifier, files, revision, "config.json");
  if (shards.index)
    check_is_pinned(verifier, files, revision, shards.index_name);
  for (size_t i = 0; i < shards.count; i++)
    check_is_pinned(verifier, files, revision, shards.names[i]);
  shards_free(&shards);
  return 0;
}

static int check_files(struct verifier *verifier, struct fileset *files,
                       const struct manifest_revision *revision, struct error *error)
{
  size_t before = verifier->failures;
  for (size_t i = 0; i < revision->file_count; i++) {
    const struct pinned_file *pin = &revision->files[i];
    const struct fileset_file *file;
    int status = fileset_get(files, pin->path, &file, error)
                     ? finding_or_error(verifier, error)
                     : check_blob(verifier, file->label, &file->blob, pin, error);
    if (status)
      return status;
  }
  return verifier->failures > before ? 0
                                     : check_nothing_else_runs(verifier, files, revision, error);
}

static int check_revision(struct verifier *verifier, const struct manifest_revision *revision,
                          struct error *error)
{
  struct fileset *files;
  char *path = manifest_revision_path(verifier->manifest, revision, verifier->override, error);
  if (!path)
    return error->code;
  int status = fileset_open(path, &files, error);
  free(path);
  if (status)
    return finding_or_error(verifier, error);
  status = check_files(verifier, files, revision, error);
  fileset_close(files);
  return status;
}

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

/* *found tells whether the revision has a payload at all. */
static int payload_of(const struct manifest_revision *revision, struct payload *payload,
                      bool *found, struct error *error)
{
  size_t used = 0, each = sizeof revision->files[0].digest.sha256;
  char *digests = memory_alloc(revision->file_count, each, revision->name, error);
  if (!digests)
    return error->code;
  for (size_t i = 0; i < revision->file_count; i++)
    if (is_payload(revision->files[i].path))
      memcpy(digests + each * used++, revision->files[i].digest.sha256, each);
  qsort(digests, used, each, by_text);
  *found = used > 0;
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
  const struct manifest *manifest = verifier->manifest;
  struct error finding;
  qsort(payloads, count, sizeof *payloads, by_payload);
  for (size_t i = 1; i < count; i++)
    if (strcmp(payloads[i - 1].digest.sha256, payloads[i].digest.sha256) == 0) {
      error_set(
          &finding, EXIT_CHECK,
          "%s: revisions \"%s\" and \"%s\" pin the same tensor files; one of them is not what "
          "it is called",
          manifest->path, manifest->revisions[payloads[i - 1].index].name,
          manifest->revisions[payloads[i].index].name);
      hand_over(verifier, &finding);
    }
}

static int check_duplicates(struct verifier *verifier, struct error *error)
{
  const struct manifest *manifest = verifier->manifest;
  size_t count = 0;
  int status = 0;
  struct payload *payloads =
      memory_alloc(manifest->revision_count, sizeof *payloads, manifest->path, error);
  if (!payloads)
    return error->code;
  for (size_t i = 0; i < manifest->revision_count && !status; i++) {
    bool found = false;
    payloads[count].index = i;
    status = payload_of(&manifest->revisions[i], &payloads[count], &found, error);
    count += found;
  }
  if (!status)
    report_equal(verifier, payloads, count);
  free(payloads);
  return status;
}

static int check_all(struct verifier *verifier, const struct manifest_revision *only,
                     struct error *error)
{
  const struct manifest *manifest = verifier->manifest;
  if (only)
    return check_revision(verifier, only, error);
  if (manifest->has_container && !verifier->override && check_container(verifier, error))
    return error->code;
  for (size_t i = 0; i < manifest->revision_count; i++)
    if (check_revision(verifier, &manifest->revisions[i], error))
      return error->code;
  return 0;
}

int manifest_verify(const struct manifest *manifest, const char *override,
                    const struct manifest_revision *only, manifest_report *report, void *context,
                    size_t *failures, struct error *error)
{
  const char *base = override ? override : manifest->checkpoints;
  struct verifier verifier = {manifest, override, report, context, 0};
  *failures = 0;
  /* Nothing there at all is one answer, not a list of missing files. "ARCHIVE:DIR" is looked for
   * when it is opened. */
  if (!file_exists(base) && !strchr(base, ':'))
    return error_set(error, EXIT_INPUT, "%s: the checkpoints of %s are not there; fetch them", base,
                     manifest->path);
  if (check_duplicates(&verifier, error) || check_all(&verifier, only, error))
    return error->code;
  *failures = verifier.failures;
  return 0;
}

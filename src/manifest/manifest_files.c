/* The files of one revision, and the archive they come in: pins, git-lfs pointers, inventory. */
#include "base/file.h"
#include "base/file_use.h"
#include "base/json.h"
#include "checkpoint/shards.h"
#include "files/fileset.h"
#include "files/lfs.h"
#include "manifest/manifest_verifier.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_POINTED ((size_t)64 << 20) /* bytes of a file that git holds itself */

/* What a file is compared with, for messages that tell people what a pointer in its place means. */
static const char *against_pin(const struct lfs_pointer *pointer, const struct pinned_file *pin)
{
  if (!pin->has_bytes || !*pin->digest.sha256)
    return "which is not pinned";
  if (pin->bytes == pointer->bytes && strcmp(pin->digest.sha256, pointer->sha256) == 0)
    return "and points to what is pinned";
  return "and points to something else than what is pinned";
}

static bool is_pointer(struct verifier *verifier, const char *label, const struct blob *blob,
                       const struct pinned_file *pin)
{
  struct lfs_pointer pointer;
  if (lfs_pointer_parse(blob->data, blob->size, &pointer) != LFS_POINTER)
    return false;
  verifier_finding(verifier,
                   "%s: is a git-lfs pointer (%" PRIu64 " bytes, sha256 %s) %s, not the file; "
                   "fetch it with git lfs pull or attest fetch",
                   label, pointer.bytes, pointer.sha256, against_pin(&pointer, pin));
  return true;
}

/* Reads a file and compares it with its pin, as far as it has one. */
static int check_blob(struct verifier *verifier, const char *label, const struct blob *blob,
                      const struct pinned_file *pin, struct pinned_file *found, struct error *error)
{
  struct progress progress;
  if (is_pointer(verifier, label, blob, pin))
    return 0;
  if (pin->has_bytes && blob->size != pin->bytes) {
    verifier_finding(verifier, "%s: %zu bytes, expected %" PRIu64 "; fetch the file again", label,
                     blob->size, pin->bytes);
    return 0;
  }
  progress_start(&progress, label, (double)blob->size, verifier->check->quiet);
  int status = digest_blob(blob, &progress, 0, &found->digest, error);
  progress_end(&progress);
  if (status || file_use_check(error))
    return error->code;
  found->bytes = blob->size;
  found->has_bytes = true;
  if (*pin->digest.sha256 && strcmp(found->digest.sha256, pin->digest.sha256) != 0)
    verifier_finding(verifier, "%s: sha256 %s, expected %s; fetch the file again", label,
                     found->digest.sha256, pin->digest.sha256);
  else if (*pin->digest.xxh3_128 && strcmp(found->digest.xxh3_128, pin->digest.xxh3_128) != 0)
    verifier_finding(verifier, "%s: xxh3_128 %s, expected %s%s", label, found->digest.xxh3_128,
                     pin->digest.xxh3_128,
                     *pin->digest.sha256 ? " though sha256 is right; correct the manifest"
                                         : "; fetch the file again");
  return 0;
}

int verifier_container(struct verifier *verifier, struct error *error)
{
  const struct pinned_file *pin = &verifier->check->manifest->container;
  struct blob blob;
  verifier->result->by_sha256 += pinned_file_pinned(pin) && !pinned_file_complete(pin);
  if (!pinned_file_pinned(pin)) {
    verifier->result->unpinned++;
    verifier->unpinned += !verifier->check->allow_unpinned;
    if (verifier->check->allow_unpinned)
      verifier_note(verifier, "%s: UNPINNED", pin->path);
    else
      verifier_finding(verifier, "%s: UNPINNED; pin it with attest pin, or use --allow-unpinned",
                       pin->path);
  }
  if (file_map(pin->path, &blob, error))
    return verifier_finding_or_error(verifier, error);
  int status = check_blob(verifier, pin->path, &blob, pin, &verifier->result->container, error);
  blob_free(&blob);
  return status;
}

/* A git checkout holds a pointer in place of a large file, and a small one itself. */
static int check_counterpart(struct verifier *verifier, const char *path, const char *label,
                             const struct pinned_file *found, struct error *error)
{
  struct blob blob;
  struct lfs_pointer pointer;
  struct digest digest;
  if (file_read(path, MOST_POINTED, &blob, error))
    return verifier_finding_or_error(verifier, error);
  enum lfs_kind kind = lfs_pointer_parse(blob.data, blob.size, &pointer);
  int status = 0;
  if (kind == LFS_NONE) {
    pointer.bytes = blob.size;
    status = digest_of(blob.data, blob.size, &digest, error);
    memcpy(pointer.sha256, digest.sha256, sizeof pointer.sha256);
  }
  blob_free(&blob);
  if (status)
    return status;
  if (kind == LFS_DAMAGED)
    verifier_finding(verifier, "%s: begins like a git-lfs pointer but is not one", path);
  else if (pointer.bytes != found->bytes || strcmp(pointer.sha256, found->digest.sha256) != 0)
    verifier_finding(
        verifier,
        "%s: %" PRIu64 " bytes, sha256 %s; the repository (%s) has %" PRIu64 " bytes, sha256 %s",
        label, found->bytes, found->digest.sha256, path, pointer.bytes, pointer.sha256);
  else
    verifier->result->pointers_equal++;
  return 0;
}

static int check_pointer(struct verifier *verifier, const struct manifest_revision *revision,
                         const char *name, const char *label, const struct pinned_file *found,
                         struct error *error)
{
  if (!verifier->check->pointers || !found->has_bytes)
    return 0;
  char *directory = *revision->directory
                        ? file_join(verifier->check->pointers, revision->directory, error)
                        : strdup(verifier->check->pointers);
  char *path = directory ? file_join(directory, name, error) : NULL;
  int status = 0;
  if (!path)
    status = error_set(error, EXIT_RUN, "%s: out of memory", name);
  else if (!file_exists(path))
    verifier->without++;
  else if (!check_counterpart(verifier, path, label, found, error))
    verifier->counterparts++;
  else
    status = error->code;
  free(path);
  free(directory);
  return status;
}

/* A folder that has nothing to do with the revision must not pass for the repository's word. */
static void check_pointed(struct verifier *verifier, const struct manifest_revision *revision)
{
  if (verifier->counterparts || !verifier->without)
    return;
  verifier_finding(verifier,
                   "%s: no counterpart of any file of revision \"%s\" at \"%s\"; give a git "
                   "checkout laid out as the checkpoints, or name one revision with --revision",
                   verifier->check->pointers, revision->name, revision->directory);
}

static void check_is_pinned(struct verifier *verifier, const struct fileset *files,
                            const struct manifest_revision *revision, const char *name)
{
  for (size_t i = 0; i < revision->file_count; i++)
    if (strcmp(revision->files[i].path, name) == 0)
      return;
  verifier_finding(verifier,
                   "%s: revision \"%s\": %s would be read but is not in the manifest; remove it or "
                   "pin it",
                   files->path, revision->name, name);
}

/* A file beside the pinned ones must not be what runs: model.safetensors next to pinned shards
 * would be read in their place. */
static int check_nothing_else_runs(struct verifier *verifier, struct fileset *files,
                                   const struct manifest_revision *revision, struct error *error)
{
  struct shard_list shards;
  if (shards_list(files, &shards, error))
    return verifier_finding_or_error(verifier, error);
  check_is_pinned(verifier, files, revision, "config.json");
  if (shards.index)
    check_is_pinned(verifier, files, revision, shards.index_name);
  for (size_t i = 0; i < shards.count; i++)
    check_is_pinned(verifier, files, revision, shards.names[i]);
  shards_free(&shards);
  return 0;
}

/* Tables are what the index of a trajectory names, or that of a folder of other tables, which
 * leaves the ending out. */
static int check_tables(struct verifier *verifier, struct fileset *files,
                        const struct manifest_revision *revision, struct error *error)
{
  bool others = fileset_has(files, "tables.json");
  const char *name = others ? "tables.json" : "trajectory.json";
  const struct fileset_file *index;
  json_t *root, *entry;
  size_t i;
  if (fileset_get(files, name, &index, error) ||
      json_parse_object(index->label, index->blob.data, index->blob.size, &root, error))
    return verifier_finding_or_error(verifier, error);
  check_is_pinned(verifier, files, revision, name);
  json_array_foreach(json_object_get(root, others ? "tables" : "revisions"), i, entry)
  {
    const char *text = json_string_value(others ? entry : json_object_get(entry, "file"));
    char file[256];
    if (!text)
      continue;
    snprintf(file, sizeof file, "%.240s%s", text, others ? ".csv" : "");
    check_is_pinned(verifier, files, revision, file);
  }
  json_decref(root);
  return 0;
}

/* The set of files ends with it. */
static int check_tensors(struct verifier *verifier, struct fileset **files, size_t index,
                         struct error *error)
{
  struct fileset *taken = *files;
  struct checkpoint *checkpoint;
  size_t deviations = 0;
  if (!verifier->tensors && verifier->check->only)
    return 0;
  *files = NULL;
  if (checkpoint_of_files(taken, &checkpoint, error))
    return verifier_finding_or_error(verifier, error);
  if (checkpoint_check_names(checkpoint, error) && verifier_finding_or_error(verifier, error)) {
    checkpoint_close(checkpoint);
    return error->code;
  }
  if (*checkpoint_naming(checkpoint))
    verifier_note(verifier, "%s: %s", verifier->check->manifest->revisions[index].name,
                  checkpoint_naming(checkpoint));
  if (verifier->tensors)
    tensor_list_check(verifier->tensors, checkpoint, verifier->check->finding,
                      verifier->check->context, &deviations);
  verifier->result->findings += deviations;
  int status = verifier_values(verifier, index, checkpoint, error);
  checkpoint_close(checkpoint);
  return status;
}

static int check_files(struct verifier *verifier, struct fileset **set, size_t index,
                       struct error *error)
{
  const struct manifest_revision *revision = &verifier->check->manifest->revisions[index];
  struct fileset *files = *set;
  size_t before = verifier->result->findings;
  for (size_t i = 0; i < revision->file_count; i++) {
    const struct pinned_file *pin = &revision->files[i];
    struct pinned_file *found = &verifier->result->found[index][i];
    const struct fileset_file *file;
    if (fileset_get(files, pin->path, &file, error)) {
      if (verifier_finding_or_error(verifier, error))
        return error->code;
    } else if (check_blob(verifier, file->label, &file->blob, pin, found, error) ||
               check_pointer(verifier, revision, pin->path, file->label, found, error)) {
      return error->code;
    }
  }
  if (verifier->result->findings > before)
    return 0;
  if (verifier->check->manifest->content == MANIFEST_TABLES)
    return check_tables(verifier, files, revision, error);
  if (check_nothing_else_runs(verifier, files, revision, error))
    return error->code;
  return verifier->result->findings > before ? 0 : check_tensors(verifier, set, index, error);
}

static void count_unpinned(struct verifier *verifier, const char *path,
                           const struct manifest_revision *revision)
{
  size_t unpinned = manifest_unpinned(revision);
  verifier->result->by_sha256 += manifest_by_sha256(revision);
  verifier->result->unpinned += unpinned;
  verifier->unpinned += unpinned && !verifier->check->allow_unpinned;
  if (unpinned && verifier->check->allow_unpinned)
    verifier_note(verifier, "%s: revision \"%s\": UNPINNED: %zu of %zu files", path, revision->name,
                  unpinned, revision->file_count);
  else if (unpinned)
    verifier_finding(
        verifier,
        "%s: revision \"%s\": UNPINNED: %zu of %zu files; pin them with attest pin, or "
        "use --allow-unpinned",
        path, revision->name, unpinned, revision->file_count);
}

int verifier_revision(struct verifier *verifier, size_t index, struct error *error)
{
  const struct manifest_check *check = verifier->check;
  const struct manifest_revision *revision = &check->manifest->revisions[index];
  struct fileset *files;
  char *path = manifest_revision_path(check->manifest, revision, check->checkpoints, error);
  if (!path)
    return error->code;
  verifier->counterparts = verifier->without = 0;
  int status = fileset_open(path, &files, error);
  if (status) {
    status = verifier_finding_or_error(verifier, error);
  } else {
    status = check_files(verifier, &files, index, error);
    if (check->files && files && !status)
      check->files(check->context, index, files);
    else
      fileset_close(files);
  }
  verifier->result->pointers_missing += verifier->without;
  if (!status)
    check_pointed(verifier, revision);
  if (!status)
    count_unpinned(verifier, path, revision);
  free(path);
  return status;
}

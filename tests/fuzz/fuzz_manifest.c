/* libFuzzer target: a manifest of /tmp. What is accepted has names that can be files, an order, and
 * sums that add up; rewritten for another folder it is accepted again and says the same (the
 * folders must be there, nothing in them). */
#include "base/file.h"
#include "base/json.h"
#include "manifest/manifest.h"
#include "manifest/manifest_rebase.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_files(const struct manifest_revision *revision)
{
  size_t unpinned = 0, by_sha256 = 0;
  for (size_t i = 0; i < revision->file_count; i++) {
    const struct pinned_file *file = &revision->files[i];
    size_t sha256 = strlen(file->digest.sha256), xxh3 = strlen(file->digest.xxh3_128);
    if (!file_plain_name(file->path) || (sha256 && sha256 != 64) || (xxh3 && xxh3 != 32))
      abort();
    if (pinned_file_complete(file) && !pinned_file_pinned(file))
      abort();
    unpinned += sha256 == 0;
    by_sha256 += sha256 && (!xxh3 || !file->has_bytes);
  }
  if (revision->file_count == 0 || manifest_unpinned(revision) != unpinned ||
      manifest_by_sha256(revision) != by_sha256)
    abort();
}

static void check_revisions(const struct manifest *manifest)
{
  struct error error = {0};
  if (manifest->revision_count == 0)
    abort();
  for (size_t i = 0; i < manifest->revision_count; i++) {
    const struct manifest_revision *revision = &manifest->revisions[i], *found;
    if (i > 0 && (revision->step <= revision[-1].step || revision->tokens < revision[-1].tokens))
      abort();
    if (manifest_find(manifest, revision->name, &found, &error) || found != revision)
      abort();
    char *path = manifest_revision_path(manifest, revision, "/absent", &error);
    if (!path || strstr(path, "/../"))
      abort();
    free(path);
    check_files(revision);
  }
}

static void check_rebased(const struct manifest *manifest, const uint8_t *data, size_t size)
{
  struct error error = {0};
  struct manifest again;
  struct text text = {0};
  json_t *root;
  if (json_parse_object("m.json", data, size, &root, &error))
    abort();
  if (!manifest_rebase(root, "/tmp/m.json", "/usr/n.json", &error)) {
    if (json_format("n.json", root, &text, &error) ||
        manifest_parse("/usr/n.json", text.data, text.length, &again, &error))
      abort();
    if (again.revision_count != manifest->revision_count || !again.golden != !manifest->golden ||
        strcmp(again.model, manifest->model) != 0 || strcmp(again.caveat, manifest->caveat) != 0)
      abort();
    manifest_free(&again);
  } else if (!*error.text) {
    abort();
  }
  text_free(&text);
  json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct error error = {0};
  struct manifest manifest;
  if (manifest_parse("/tmp/m.json", data, size, &manifest, &error)) {
    if (error.code != EXIT_INPUT || !*error.text || strchr(error.text, '\n'))
      abort();
    return 0;
  }
  check_revisions(&manifest);
  check_rebased(&manifest, data, size);
  manifest_free(&manifest);
  return 0;
}

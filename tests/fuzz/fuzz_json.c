/* libFuzzer target: manifests. */
#include "manifest/manifest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_manifest(const uint8_t *data, size_t size)
{
  struct error error;
  struct manifest manifest;
  if (manifest_parse("fuzz/manifest.json", data, size, &manifest, &error))
    return;
  for (size_t i = 0; i < manifest.revision_count; i++) {
    char *path = manifest_revision_path(&manifest, &manifest.revisions[i], "/absent", &error);
    if (!path)
      abort();
    free(path);
  }
  manifest_free(&manifest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  fuzz_manifest(data, size);
  return 0;
}

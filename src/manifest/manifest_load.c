#include "base/file.h"
#include "manifest/manifest.h"

#include <string.h>

#define MAX_MANIFEST ((size_t)16 << 20)

int manifest_load(const char *path, struct manifest *manifest, struct error *error)
{
  struct blob blob;
  if (file_read(path, MAX_MANIFEST, &blob, error))
    return error->code;
  struct digest digest;
  int status = digest_of(blob.data, blob.size, &digest, error);
  if (!status)
    status = manifest_parse(path, blob.data, blob.size, manifest, error);
  if (!status)
    memcpy(manifest->sha256, digest.sha256, sizeof manifest->sha256);
  blob_free(&blob);
  return status;
}

#include "base/file.h"
#include "manifest/manifest.h"

#define MAX_MANIFEST ((size_t)16 << 20)

int manifest_load(const char *path, struct manifest *manifest, struct error *error)
{
  struct blob blob;
  if (file_read(path, MAX_MANIFEST, &blob, error))
    return error->code;
  int status = manifest_parse(path, blob.data, blob.size, manifest, error);
  blob_free(&blob);
  return status;
}

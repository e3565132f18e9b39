/* libFuzzer target: JSON inputs. Every parser of JSON gets the same bytes. */
#include "checkpoint/manifest.h"
#include "model/config.h"

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

/* What the forward pass relies on when it sizes its buffers. */
static void fuzz_config(const uint8_t *data, size_t size)
{
  struct error error;
  struct model_config c;
  if (model_config_parse("fuzz/config.json", data, size, &c, &error))
    return;
  if (!c.layers || !c.ffn || !c.vocab || !c.context || !c.kv_heads || c.heads % c.kv_heads ||
      !c.head_dim || c.hidden != c.heads * c.head_dim || !c.rotary_dims || c.rotary_dims % 2 ||
      c.rotary_dims > c.head_dim || !(c.norm_eps > 0) || !(c.clip_qkv >= 0) ||
      c.top_k > c.experts || (c.family == FAMILY_OLMOE) != (c.experts > 0))
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  fuzz_manifest(data, size);
  fuzz_config(data, size);
  return 0;
}

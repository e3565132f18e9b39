/* libFuzzer target: a safetensors file. What is accepted must cover its bytes exactly. */
#include "checkpoint/safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct error error;
  struct safetensors parsed;
  if (safetensors_parse("fuzz", data, size, &parsed, &error))
    return 0;
  const uint8_t *next = parsed.count ? parsed.tensors[0].data : data + size;
  for (size_t i = 0; i < parsed.count; i++) {
    const struct tensor *tensor = &parsed.tensors[i];
    if (tensor->data != next || tensor->elements * dtype_size(tensor->dtype) != tensor->bytes)
      abort();
    next += tensor->bytes;
  }
  if (next != data + size)
    abort();
  safetensors_free(&parsed);
  return 0;
}

/* libFuzzer target: names of tensors, and fused experts taken apart. Every tensor that comes out
 * lies in the bytes of one that went in, none is lost, and no two have one name. */
#include "base/memory.h"
#include "checkpoint/names.h"
#include "checkpoint/safetensors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int by_name(const void *a, const void *b)
{
  const struct tensor *left = a, *right = b;
  return strcmp(left->name, right->name);
}

static uint64_t bytes_of(const struct tensor *tensors, size_t count)
{
  uint64_t bytes = 0;
  for (size_t i = 0; i < count; i++)
    bytes += tensors[i].bytes;
  return bytes;
}

static void check(const uint8_t *data, size_t size, struct tensor *tensors, size_t count,
                  const struct naming *naming)
{
  bool renamed = false;
  qsort(tensors, count, sizeof *tensors, by_name);
  for (size_t i = 0; i < count; i++) {
    const struct tensor *t = &tensors[i];
    const uint8_t *from = t->data;
    uint64_t elements = 1;
    for (int k = 0; k < t->rank; k++)
      elements *= (uint64_t)t->shape[k];
    renamed |= t->stored != NULL;
    if (from < data || from + t->bytes > data + size || elements != t->elements ||
        t->bytes != elements * dtype_size(t->dtype) || (i && by_name(t - 1, t) == 0))
      abort();
  }
  if (renamed != (*naming->note != 0))
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct error error;
  struct safetensors parsed;
  struct naming naming;
  if (safetensors_parse("fuzz", data, size, &parsed, &error))
    return 0;
  size_t count = parsed.count;
  uint64_t bytes = bytes_of(parsed.tensors, count);
  struct tensor *tensors = memory_alloc(count, sizeof *tensors, "fuzz", &error);
  if (!tensors)
    abort();
  if (count)
    memcpy(tensors, parsed.tensors, count * sizeof *tensors);
  if (names_apply("fuzz", &tensors, &count, &naming, &error))
    abort();
  if (bytes_of(tensors, count) != bytes)
    abort();
  check(data, size, tensors, count, &naming);
  names_free(&naming);
  free(tensors);
  safetensors_free(&parsed);
  return 0;
}

/* libFuzzer target: the pickle of a state dict; and the same bytes as the data.pkl of a file of
 * torch.save with storages 0 to 3 of 4, 24, 96 and 0 bytes. Tensors that are accepted lie inside
 * their storages or in memory of their own. */
#include "../torch_file.h"
#include "checkpoint/pickle.h"
#include "checkpoint/pytorch.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pickle(const struct pickle *pickle)
{
  for (size_t i = 0; i < pickle->count; i++) {
    const struct pickle_item *item = &pickle->items[i];
    if (!*item->name || (i > 0 && strcmp(item[-1].name, item->name) >= 0) ||
        item->tensor >= pickle->tensors || pickle->tensor[item->tensor].storage >= pickle->storages)
      abort();
  }
}

static void check_tensors(const struct torch_file *file, const struct pytorch *parsed)
{
  uint64_t sum = 0;
  for (size_t i = 0; i < parsed->count; i++) {
    const struct tensor *tensor = &parsed->tensors[i];
    const uint8_t *bytes = tensor->data;
    if (tensor->elements * dtype_size(tensor->dtype) != tensor->bytes)
      abort();
    if (tensor->mapped &&
        (bytes < file->data || tensor->bytes > (size_t)(file->data + file->size - bytes)))
      abort();
    for (uint64_t b = 0; b < tensor->bytes; b++)
      sum += bytes[b];
  }
  if (sum > parsed->count * UINT64_C(255) * file->size)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const uint8_t bytes[96] = {1, 2, 3};
  static const size_t sizes[] = {4, 24, 96, 0};
  struct error error = {0};
  struct pickle pickle;
  struct pytorch parsed;
  struct torch_file file = {0};
  if (pickle_parse("fuzz", 0, data, size, &pickle, &error))
    return 0;
  check_pickle(&pickle);
  pickle_free(&pickle);
  for (int big = 0; big < 2; big++) {
    file = (struct torch_file){0};
    torch_add(&file, "a/data.pkl", data, size);
    torch_add(&file, "a/version", "3\n", 2);
    torch_add(&file, "a/byteorder", big ? "big" : "little", big ? 3 : 6);
    for (size_t i = 0; i < 4; i++)
      torch_add(&file, (const char *[]){"a/data/0", "a/data/1", "a/data/2", "a/data/3"}[i], bytes,
                sizes[i]);
    torch_end(&file);
    if (!pytorch_parse("fuzz", file.data, file.size, &parsed, &error)) {
      check_tensors(&file, &parsed);
      pytorch_free(&parsed);
    }
    torch_free(&file);
  }
  return 0;
}

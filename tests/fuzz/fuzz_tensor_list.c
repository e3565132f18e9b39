/* libFuzzer target: a list of tensors. What is accepted is in order, has sizes that are right, and
 * is what a checkpoint of exactly these tensors is found to hold. */
#include "checkpoint/in_memory.h"
#include "manifest/tensor_list.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tensor tensor_of(const struct tensor_list_row *row)
{
  struct tensor tensor = {.name = row->name, .rank = row->rank, .elements = row->elements};
  uint64_t elements = 1;
  while (!(row->dtypes >> tensor.dtype & 1))
    tensor.dtype++;
  for (int i = 0; i < row->rank; i++) {
    tensor.shape[i] = row->shape[i];
    if (row->shape[i] < 1 || __builtin_mul_overflow(elements, (uint64_t)row->shape[i], &elements))
      abort();
  }
  if (elements != row->elements)
    abort();
  return tensor;
}

static void ignore(void *context, const char *line)
{
  (void)context;
  if (!*line || strchr(line, '\n'))
    abort();
}

/* With all tensors there is nothing to say; without the last one, it is missing or optional. */
static void check(const struct tensor_list *list)
{
  struct checkpoint *checkpoint;
  struct error error = {0};
  size_t failures;
  struct tensor *tensors = malloc(list->count * sizeof *tensors);
  if (!tensors)
    abort();
  for (size_t i = 0; i < list->count; i++) {
    tensors[i] = tensor_of(&list->rows[i]);
    if (i > 0 && strcmp(list->rows[i - 1].name, list->rows[i].name) >= 0)
      abort();
  }
  for (size_t less = 0; less < 2; less++) {
    if (checkpoint_of_tensors("c", "{}", tensors, list->count - less, &checkpoint, &error))
      abort();
    tensor_list_check(list, checkpoint, ignore, NULL, &failures);
    if (failures != (less && !list->rows[list->count - 1].optional))
      abort();
    checkpoint_close(checkpoint);
  }
  free(tensors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct error error = {0};
  struct tensor_list list;
  if (tensor_list_parse("fuzz.tsv", data, size, &list, &error)) {
    if (error.code != EXIT_INPUT || !*error.text || strchr(error.text, '\n'))
      abort();
    return 0;
  }
  if (list.count == 0 || tensor_list_bytes(&list) == 0)
    abort();
  check(&list);
  tensor_list_free(&list);
  return 0;
}

#include "checkpoint/tensor_pages.h"

#include "base/pages.h"

void tensor_read_ahead(const struct tensor *tensor)
{
  if (tensor && tensor->mapped)
    pages_read_ahead(tensor->data, tensor->bytes);
}

void tensor_drop(const struct tensor *tensor)
{
  if (tensor && tensor->mapped)
    pages_drop(tensor->data, tensor->bytes);
}

void tensor_drop_part(const struct tensor *tensor, uint64_t first, uint64_t count)
{
  size_t size = dtype_size(tensor->dtype);
  if (tensor->mapped)
    pages_drop((const char *)tensor->data + first * size, (size_t)count * size);
}

#include "checkpoint/pytorch.h"

#include "base/memory.h"
#include "checkpoint/pytorch_records.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN "fetch the file again"

/* The bytes of a record, little-endian, and what the pickle says they are. */
struct storage {
  const uint8_t *data; /* NULL until a tensor uses it */
  enum dtype dtype;
  uint64_t elements;
  bool mapped;
};

struct reading {
  struct pytorch_records records;
  struct storage *storages; /* [zip.count] */
  uint64_t gathered;        /* bytes */
  struct pytorch *made;
  struct error *error;
};

static int refuse(struct reading *r, const struct pickle_tensor *view, const struct tensor *tensor,
                  const char *what)
{
  return error_set(r->error, EXIT_INPUT, "%s: offset %" PRIu64 ": tensor \"%.200s\": %s",
                   tensor->file, view->at, tensor->name, what);
}

/* A buffer that the result owns. */
static uint8_t *new_copy(struct reading *r, uint64_t elements, size_t size, const char *what)
{
  uint8_t *copy = memory_alloc(elements, size, what, r->error);
  if (copy)
    r->made->copies[r->made->copy_count++] = copy;
  return copy;
}

static int swap_storage(struct reading *r, struct storage *storage)
{
  size_t size = dtype_size(storage->dtype);
  uint8_t *copy = new_copy(r, storage->elements, size, r->records.file);
  if (!copy)
    return r->error->code;
  for (uint64_t i = 0; i < storage->elements; i++)
    for (size_t b = 0; b < size; b++)
      copy[i * size + b] = storage->data[i * size + size - 1 - b];
  storage->data = copy;
  storage->mapped = false;
  return 0;
}

/* Every mention of a storage must say the same of it. */
static int find_storage(struct reading *r, const struct pickle_storage *mention,
                        const struct storage **found)
{
  size_t index = 0;
  if (pytorch_records_find(&r->records, mention, &index, r->error))
    return r->error->code;
  struct storage *storage = &r->storages[index];
  *found = storage;
  if (storage->data) {
    if (storage->dtype == mention->dtype && storage->elements == mention->elements)
      return 0;
    return error_set(r->error, EXIT_INPUT,
                     "%s: offset %" PRIu64 ": storage \"%.*s\" is used as %s and as %s; fetch the "
                     "file again, or clone its tensors before torch.save",
                     r->records.file, mention->at, pytorch_shown(mention->key_length), mention->key,
                     dtype_name(storage->dtype), dtype_name(mention->dtype));
  }
  *storage = (struct storage){r->records.data + r->records.zip.entries[index].offset,
                              mention->dtype, mention->elements, true};
  return r->records.big_endian && dtype_size(storage->dtype) > 1 ? swap_storage(r, storage) : 0;
}

/* Counts the elements, and checks that the view stays inside its storage. */
static int check_view(struct reading *r, const struct pickle_tensor *view,
                      const struct storage *storage, struct tensor *tensor)
{
  uint64_t last = view->offset, step;
  tensor->elements = 1;
  for (int i = 0; i < view->rank; i++)
    if (__builtin_mul_overflow(tensor->elements, (uint64_t)view->shape[i], &tensor->elements))
      return refuse(r, view, tensor, "shape has more elements than fit in 64 bits; " AGAIN);
  if (__builtin_mul_overflow(tensor->elements, dtype_size(storage->dtype), &tensor->bytes))
    return refuse(r, view, tensor, "shape has more bytes than fit in 64 bits; " AGAIN);
  for (int i = 0; tensor->elements && i < view->rank; i++)
    if (__builtin_mul_overflow((uint64_t)view->shape[i] - 1, (uint64_t)view->stride[i], &step) ||
        __builtin_add_overflow(last, step, &last))
      return refuse(r, view, tensor, "shape and stride reach past 64 bits; " AGAIN);
  if (tensor->elements ? last >= storage->elements : view->offset > storage->elements)
    return error_set(r->error, EXIT_INPUT,
                     "%s: offset %" PRIu64 ": tensor \"%.200s\": reaches element %" PRIu64
                     " of a storage of %" PRIu64 "; " AGAIN,
                     tensor->file, view->at, tensor->name, last, storage->elements);
  return 0;
}

/* Whether the elements follow each other in row-major order; of a dimension of one element the
 * stride means nothing. */
static bool is_contiguous(const struct pickle_tensor *view)
{
  int64_t expected = 1; /* fits: the view lies inside its storage */
  for (int i = view->rank; i-- > 0;) {
    if (view->shape[i] == 1)
      continue;
    if (view->stride[i] != expected)
      return false;
    expected *= view->shape[i];
  }
  return true;
}

/* Copies the elements of a view in row-major order: an odometer over the dimensions. */
static void copy_view(const struct pickle_tensor *view, const uint8_t *from, size_t size,
                      uint64_t elements, uint8_t *to)
{
  int64_t at[TENSOR_MAX_RANK] = {0};
  uint64_t element = view->offset;
  for (uint64_t i = 0; i < elements; i++) {
    memcpy(to + i * size, from + element * size, size);
    for (int d = view->rank; d-- > 0;) {
      element += (uint64_t)view->stride[d];
      if (++at[d] < view->shape[d])
        break;
      element -= (uint64_t)view->stride[d] * (uint64_t)view->shape[d];
      at[d] = 0;
    }
  }
}

/* All gathered views together are not larger than the storages: else they would overlap, and a
 * small file could ask for any amount of memory. */
static int gather(struct reading *r, const struct pickle_tensor *view,
                  const struct storage *storage, struct tensor *tensor)
{
  for (int i = 0; i < view->rank; i++)
    if (view->stride[i] == 0 && view->shape[i] > 1)
      return refuse(r, view, tensor,
                    "its elements overlap (expanded, stride 0); save it contiguous");
  if (tensor->bytes > r->records.storage_bytes - r->gathered)
    return refuse(r, view, tensor,
                  "views that are not contiguous are larger than the file; save them "
                  "contiguous");
  uint8_t *copy = new_copy(r, tensor->elements, dtype_size(tensor->dtype), tensor->name);
  if (!copy)
    return r->error->code;
  r->gathered += tensor->bytes;
  copy_view(view, storage->data, dtype_size(tensor->dtype), tensor->elements, copy);
  tensor->data = copy;
  tensor->mapped = false;
  return 0;
}

static int make_tensor(struct reading *r, const struct pickle_item *item, struct tensor *tensor)
{
  const struct pickle *pickle = &r->made->pickle;
  const struct pickle_tensor *view = &pickle->tensor[item->tensor];
  const struct storage *storage = NULL;
  *tensor = (struct tensor){.name = item->name, .file = r->records.file, .rank = view->rank};
  memcpy(tensor->shape, view->shape, sizeof tensor->shape);
  if (find_storage(r, &pickle->storage[view->storage], &storage) ||
      check_view(r, view, storage, tensor))
    return r->error->code;
  tensor->dtype = storage->dtype;
  if (tensor->elements && !is_contiguous(view))
    return gather(r, view, storage, tensor);
  tensor->data = storage->data + view->offset * dtype_size(storage->dtype);
  tensor->mapped = storage->mapped;
  return 0;
}

static int make_tensors(struct reading *r)
{
  struct pytorch *made = r->made;
  size_t entries = r->records.zip.count;
  const char *file = r->records.file;
  r->storages = memory_zeroed(entries, sizeof *r->storages, file, r->error);
  made->tensors = memory_alloc(made->pickle.count, sizeof *made->tensors, file, r->error);
  /* A tensor is gathered at most once, a storage swapped at most once. */
  made->copies = memory_alloc(made->pickle.count + entries, sizeof *made->copies, file, r->error);
  if (!r->storages || !made->tensors || !made->copies)
    return r->error->code;
  for (size_t i = 0; i < made->pickle.count; i++) {
    if (make_tensor(r, &made->pickle.items[i], &made->tensors[i]))
      return r->error->code;
    made->count++;
  }
  return 0;
}

int pytorch_parse(const char *file, const void *data, size_t size, struct pytorch *parsed,
                  struct error *error)
{
  struct pytorch made = {0};
  struct reading r = {.made = &made, .error = error};
  if (pytorch_records_read(file, data, size, &r.records, error))
    return error->code;
  const struct zip_entry *entry = r.records.pickle;
  int status = pickle_parse(file, entry->offset, r.records.data + entry->offset, entry->size,
                            &made.pickle, error);
  if (!status)
    status = make_tensors(&r);
  free(r.storages);
  zip_free(&r.records.zip);
  if (status)
    pytorch_free(&made);
  else
    *parsed = made;
  return status;
}

void pytorch_free(struct pytorch *parsed)
{
  for (size_t i = 0; i < parsed->copy_count; i++)
    free(parsed->copies[i]);
  free(parsed->copies);
  free(parsed->tensors);
  pickle_free(&parsed->pickle);
  *parsed = (struct pytorch){0};
}

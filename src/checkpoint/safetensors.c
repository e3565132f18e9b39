#include "checkpoint/safetensors.h"

#include "base/json.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 8

static const struct {
  const char *name;
  size_t size;
} dtypes[] = {
    [DTYPE_F32] = {"F32", 4},   [DTYPE_BF16] = {"BF16", 2}, [DTYPE_F16] = {"F16", 2},
    [DTYPE_F64] = {"F64", 8},   [DTYPE_I64] = {"I64", 8},   [DTYPE_I32] = {"I32", 4},
    [DTYPE_I16] = {"I16", 2},   [DTYPE_I8] = {"I8", 1},     [DTYPE_U64] = {"U64", 8},
    [DTYPE_U32] = {"U32", 4},   [DTYPE_U16] = {"U16", 2},   [DTYPE_U8] = {"U8", 1},
    [DTYPE_BOOL] = {"BOOL", 1},
};

size_t dtype_size(enum dtype dtype)
{
  return dtypes[dtype].size;
}

const char *dtype_name(enum dtype dtype)
{
  return dtypes[dtype].name;
}

/* The bytes after the header, which all offsets count from. */
struct buffer {
  const uint8_t *data;
  uint64_t size;
};

static int parse_dtype(const json_t *entry, const char *where, struct tensor *tensor,
                       struct error *error)
{
  const char *name;
  if (json_get_string(entry, where, "dtype", &name, error))
    return error->code;
  for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
    if (strcmp(name, dtypes[i].name) == 0) {
      tensor->dtype = (enum dtype)i;
      return 0;
    }
  return error_set(error, EXIT_INPUT, "%s: dtype \"%.40s\" is not known; convert it to F32", where,
                   name);
}

/* Shape, element count and byte count; a product that overflows is refused even if a later
 * dimension is 0, as the safetensors library does. */
static int parse_shape(const json_t *entry, const char *where, struct tensor *tensor,
                       struct error *error)
{
  json_t *shape;
  if (json_get_array(entry, where, "shape", &shape, error))
    return error->code;
  size_t rank = json_array_size(shape);
  if (rank > TENSOR_MAX_RANK)
    return error_set(error, EXIT_INPUT, "%s: shape has %zu dimensions, at most %d are allowed",
                     where, rank, TENSOR_MAX_RANK);
  tensor->rank = (int)rank;
  tensor->elements = 1;
  for (size_t i = 0; i < rank; i++) {
    const json_t *item = json_array_get(shape, i);
    int64_t length = json_integer_value(item);
    if (!json_is_integer(item) || length < 0)
      return error_set(error, EXIT_INPUT, "%s: shape[%zu] must be an integer >= 0", where, i);
    tensor->shape[i] = length;
    if (__builtin_mul_overflow(tensor->elements, (uint64_t)length, &tensor->elements))
      return error_set(error, EXIT_INPUT, "%s: shape has more elements than fit in 64 bits", where);
  }
  if (__builtin_mul_overflow(tensor->elements, dtype_size(tensor->dtype), &tensor->bytes))
    return error_set(error, EXIT_INPUT, "%s: shape has more bytes than fit in 64 bits", where);
  return 0;
}

static int parse_offsets(const json_t *entry, const char *where, const struct buffer *buffer,
                         struct tensor *tensor, struct error *error)
{
  json_t *offsets;
  if (json_get_array(entry, where, "data_offsets", &offsets, error))
    return error->code;
  const json_t *first = json_array_get(offsets, 0), *second = json_array_get(offsets, 1);
  int64_t begin = json_integer_value(first), end = json_integer_value(second);
  if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(second) ||
      begin < 0 || begin > end)
    return error_set(error, EXIT_INPUT, "%s: data_offsets must be two integers, 0 <= begin <= end",
                     where);
  if ((uint64_t)end > buffer->size)
    return error_set(error, EXIT_INPUT,
                     "%s: data_offsets end at %" PRId64 ", but the file holds %" PRIu64
                     " bytes of tensors; it is cut off or damaged",
                     where, end, buffer->size);
  if ((uint64_t)(end - begin) != tensor->bytes)
    return error_set(error, EXIT_INPUT,
                     "%s: data_offsets span %" PRId64 " bytes, dtype and shape need %" PRIu64,
                     where, end - begin, tensor->bytes);
  tensor->data = buffer->data + begin;
  return 0;
}

static int parse_tensor(const char *name, const json_t *entry, const struct buffer *buffer,
                        struct tensor *tensor, struct error *error)
{
  static const char *const known[] = {"dtype", "shape", "data_offsets", NULL};
  char where[1024];
  snprintf(where, sizeof where, "%.600s: tensor \"%.200s\"", tensor->file, name);
  if (!*name || strlen(name) > SAFETENSORS_MAX_NAME)
    return error_set(error, EXIT_INPUT, "%s: a name must have 1 to %d bytes", where,
                     SAFETENSORS_MAX_NAME);
  if (!json_is_object(entry))
    return error_set(error, EXIT_INPUT, "%s: must be an object", where);
  tensor->name = name;
  if (json_check_keys(entry, where, known, error) || parse_dtype(entry, where, tensor, error) ||
      parse_shape(entry, where, tensor, error))
    return error->code;
  return parse_offsets(entry, where, buffer, tensor, error);
}

static int check_metadata(const char *file, json_t *metadata, struct error *error)
{
  const char *key;
  json_t *value;
  if (!json_is_object(metadata))
    return error_set(
        error, EXIT_INPUT,
        "%s: \"__metadata__\" must be an object, but %s; write the file again without it", file,
        json_is_null(metadata) ? "is null" : "is not one");
  json_object_foreach(metadata, key, value)
  {
    if (!json_is_string(value))
      return error_set(error, EXIT_INPUT, "%s: \"__metadata__\": \"%.100s\" must be a string", file,
                       key);
  }
  return 0;
}

static int by_offset(const void *a, const void *b)
{
  const struct tensor *left = a, *right = b;
  uintptr_t l = (uintptr_t)left->data, r = (uintptr_t)right->data;
  if (l != r)
    return l < r ? -1 : 1;
  return left->bytes < right->bytes ? -1 : left->bytes > right->bytes;
}

/* Every byte of the buffer belongs to exactly one tensor: nothing can hide in a file. */
static int check_cover(const char *file, const struct buffer *buffer, struct safetensors *parsed,
                       struct error *error)
{
  uint64_t covered = 0;
  qsort(parsed->tensors, parsed->count, sizeof *parsed->tensors, by_offset);
  for (size_t i = 0; i < parsed->count; i++) {
    const struct tensor *tensor = &parsed->tensors[i];
    uint64_t begin = (uint64_t)((const uint8_t *)tensor->data - buffer->data);
    if (begin != covered)
      return error_set(error, EXIT_INPUT,
                       "%s: tensor \"%.200s\" starts at offset %" PRIu64 ", the one before ends at "
                       "%" PRIu64 ": tensors must follow each other without %s",
                       file, tensor->name, begin, covered, begin < covered ? "overlap" : "holes");
    covered = begin + tensor->bytes;
  }
  if (covered != buffer->size)
    return error_set(error, EXIT_INPUT,
                     "%s: %" PRIu64 " bytes after the last tensor belong to no tensor", file,
                     buffer->size - covered);
  return 0;
}

static int parse_tensors(const char *file, const struct buffer *buffer, struct safetensors *parsed,
                         struct error *error)
{
  const char *name;
  json_t *entry;
  size_t entries = json_object_size(parsed->header);
  parsed->tensors = memory_zeroed(entries, sizeof *parsed->tensors, file, error);
  if (!parsed->tensors)
    return error->code;
  json_object_foreach(parsed->header, name, entry)
  {
    if (strcmp(name, "__metadata__") == 0) {
      if (check_metadata(file, entry, error))
        return error->code;
      continue;
    }
    struct tensor *tensor = &parsed->tensors[parsed->count];
    tensor->file = file;
    tensor->mapped = true;
    if (parse_tensor(name, entry, buffer, tensor, error))
      return error->code;
    parsed->count++;
  }
  return check_cover(file, buffer, parsed, error);
}

/* The format wants a header that begins with '{' and, if it is padded, is so with blanks. */
static int check_ends(const char *file, const uint8_t *header, uint64_t length, struct error *error)
{
  uint64_t end = length;
  if (length == 0)
    return error_set(error, EXIT_INPUT,
                     "%s: header must start with '{', but its size is 0: the file is not a "
                     "safetensors file, or its download was not finished; fetch it again",
                     file);
  if (header[0] != '{')
    return error_set(error, EXIT_INPUT,
                     "%s: header must start with '{' at offset %d, but found byte 0x%02X; write "
                     "the file again with the safetensors library",
                     file, LENGTH_BYTES, header[0]);
  while (end > 1 && header[end - 1] == 0)
    end--;
  if (end == length)
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: the header is padded with %" PRIu64 " bytes 0x00 from offset %" PRIu64
                   " on; the format pads with blanks (0x20): write the file again with the "
                   "safetensors library",
                   file, length - end, end + LENGTH_BYTES);
}

static int parse_header(const char *file, const uint8_t *data, size_t size, struct buffer *buffer,
                        json_t **header, struct error *error)
{
  uint64_t length = 0;
  if (size < LENGTH_BYTES)
    return error_set(error, EXIT_INPUT,
                     "%s: %zu bytes is not enough for a safetensors file; fetch it again", file,
                     size);
  for (size_t i = LENGTH_BYTES; i-- > 0;)
    length = length << 8 | data[i];
  if (length > SAFETENSORS_MAX_HEADER || length > size - LENGTH_BYTES)
    return error_set(error, EXIT_INPUT,
                     "%s: header of %" PRIu64
                     " bytes is larger than %s; the file is cut off or is not a safetensors file",
                     file, length, length > SAFETENSORS_MAX_HEADER ? "25 MiB" : "the file");
  if (check_ends(file, data + LENGTH_BYTES, length, error))
    return error->code;
  *buffer = (struct buffer){data + LENGTH_BYTES + length, size - LENGTH_BYTES - length};
  return json_parse_object(file, data + LENGTH_BYTES, length, header, error);
}

int safetensors_parse(const char *file, const void *data, size_t size, struct safetensors *parsed,
                      struct error *error)
{
  struct buffer buffer;
  struct safetensors made = {0};
  if (parse_header(file, data, size, &buffer, &made.header, error))
    return error->code;
  if (parse_tensors(file, &buffer, &made, error)) {
    safetensors_free(&made);
    return error->code;
  }
  *parsed = made;
  return 0;
}

void safetensors_free(struct safetensors *parsed)
{
  json_decref(parsed->header);
  free(parsed->tensors);
  *parsed = (struct safetensors){0};
}

/* Shards in the format of torch.save. */
#include "files/zip_write.h"
#include "model/synthesis.h"

#include <stdio.h>
#include <string.h>

static const char *storage_type(enum dtype dtype)
{
  static const char *const types[] = {
      [DTYPE_F32] = "Float",  [DTYPE_BF16] = "BFloat16", [DTYPE_F16] = "Half",
      [DTYPE_F64] = "Double", [DTYPE_I64] = "Long",      [DTYPE_I32] = "Int",
      [DTYPE_I16] = "Short",  [DTYPE_I8] = "Char",       [DTYPE_U8] = "Byte",
      [DTYPE_BOOL] = "Bool"};
  return types[dtype];
}

/* An opcode and a little-endian number. */
static void add_operand(struct text *pickle, char opcode, size_t width, uint64_t number)
{
  text_add(pickle, "%c", opcode);
  for (size_t i = 0; i < width; i++)
    text_add(pickle, "%c", (int)(number >> 8 * i & 255));
}

static void add_text(struct text *pickle, const char *text)
{
  add_operand(pickle, 'X', 4, strlen(text));
  text_add(pickle, "%s", text);
}

/* BININT when it fits, else LONG1 of eight bytes. */
static void add_integer(struct text *pickle, uint64_t number)
{
  if (number <= INT32_MAX) {
    add_operand(pickle, 'J', 4, number);
    return;
  }
  text_add(pickle, "\x8a");
  add_operand(pickle, 8, 8, number);
}

static void add_tensor(struct text *pickle, const struct tensor *tensor, size_t key)
{
  char name[24];
  uint64_t stride[TENSOR_MAX_RANK + 1] = {0};
  snprintf(name, sizeof name, "%zu", key);
  stride[tensor->rank] = 1;
  for (int i = tensor->rank; i-- > 0;)
    stride[i] = stride[i + 1] * (uint64_t)tensor->shape[i];
  add_text(pickle, tensor->name);
  text_add(pickle, "ctorch._utils\n_rebuild_tensor_v2\n((");
  add_text(pickle, "storage");
  text_add(pickle, "ctorch\n%sStorage\n", storage_type(tensor->dtype));
  add_text(pickle, name);
  add_text(pickle, "cpu");
  add_integer(pickle, tensor->elements);
  text_add(pickle, "tQ");
  add_integer(pickle, 0);
  text_add(pickle, "(");
  for (int i = 0; i < tensor->rank; i++)
    add_integer(pickle, (uint64_t)tensor->shape[i]);
  text_add(pickle, "t(");
  for (int i = 0; i < tensor->rank; i++)
    add_integer(pickle, stride[i + 1]);
  text_add(pickle, "t\x89"
                   "ccollections\nOrderedDict\n)RtR");
}

void synthesis_pickle(struct synthesis *s, size_t index)
{
  const struct layout_file *file = &s->layout.files[index];
  struct text *pickle = &s->files[index].pickle;
  text_add(pickle, "\x80\x02"
                   "ccollections\nOrderedDict\n)R(");
  for (size_t i = 0; i < file->count; i++)
    add_tensor(pickle, &s->layout.parts[file->first + i].tensor, i);
  text_add(pickle, "u.");
}

int synthesis_pytorch_records(const struct synthesis *s, size_t index, struct file_writer *file,
                              synthesis_tensor *tensor, void *context, uint64_t *bytes,
                              struct error *error)
{
  struct torch_stream stream = {.file = file};
  const struct layout_file *tensors = &s->layout.files[index];
  const struct text *pickle = &s->files[index].pickle;
  char name[64];
  int status =
      torch_stream_record(&stream, "pytorch_model/data.pkl", pickle->data, pickle->length, error);
  for (size_t i = 0; !status && i < tensors->count; i++) {
    const struct layout_part *part = &s->layout.parts[tensors->first + i];
    uint32_t crc = 0;
    snprintf(name, sizeof name, "pytorch_model/data/%zu", i);
    status = torch_stream_begin_record(&stream, name, part->tensor.bytes, error);
    if (!status && file)
      status = tensor(context, part, &crc, error);
    if (!status)
      status = torch_stream_end_record(&stream, crc, error);
  }
  if (!status)
    status = torch_stream_record(&stream, "pytorch_model/version", "3\n", 2, error);
  if (!status)
    status = torch_stream_finish(&stream, error);
  text_free(&stream.directory);
  *bytes = stream.at;
  return status;
}

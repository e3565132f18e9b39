#include "checkpoint/safetensors_write.h"

#include "base/json.h"
#include "checkpoint/safetensors.h"

static void add_entry(struct text *header, const struct tensor *tensor, uint64_t offset)
{
  text_add(header, ",");
  json_quote(header, tensor->name);
  text_add(header, ":{\"dtype\":\"%s\",\"shape\":[", dtype_name(tensor->dtype));
  for (int i = 0; i < tensor->rank; i++)
    text_add(header, i ? ",%lld" : "%lld", (long long)tensor->shape[i]);
  text_add(header, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)offset,
           (unsigned long long)(offset + tensor->bytes));
}

static void add_json(const struct layout *layout, const struct layout_file *file,
                     struct text *header)
{
  uint64_t offset = 0;
  size_t start = header->length;
  text_add(header, "{\"__metadata__\":{\"format\":\"pt\"}");
  for (size_t i = file->first; i < file->first + file->count; i++) {
    add_entry(header, &layout->parts[i].tensor, offset);
    offset += layout->parts[i].tensor.bytes;
  }
  text_add(header, "}");
  int rest = (int)((header->length - start) % 8);
  if (rest)
    text_add(header, "%*s", 8 - rest, "");
}

int safetensors_header(const struct layout *layout, const char *where, size_t file,
                       struct text *header, struct error *error)
{
  struct text json = {0};
  add_json(layout, &layout->files[file], &json);
  uint64_t length = json.length;
  int status = 0;
  if (length > SAFETENSORS_MAX_HEADER)
    status = error_set(error, EXIT_INPUT,
                       "%s: %s would have a header of %llu bytes, at most %llu are allowed; spread "
                       "the tensors over more files",
                       where, layout->files[file].name, (unsigned long long)length,
                       (unsigned long long)SAFETENSORS_MAX_HEADER);
  for (int i = 0; i < 8; i++)
    text_add(header, "%c", (int)(length >> 8 * i & 255));
  if (!json.failed)
    text_add(header, "%s", json.data);
  if (!status && (json.failed || header->failed))
    status = error_set(error, EXIT_RUN, "%s: out of memory", where);
  text_free(&json);
  return status;
}

void safetensors_writer_open(const char *directory, const struct layout *layout,
                             struct file_group *group, struct safetensors_writer *writer)
{
  *writer = (struct safetensors_writer){directory, layout, group, NULL, 0, 0, 0};
}

static int open_next(struct safetensors_writer *w, struct error *error)
{
  struct text header = {0};
  const char *name = w->layout->files[w->opened].name;
  int status = safetensors_header(w->layout, w->directory, w->opened, &header, error);
  if (!status)
    status = file_group_open(w->group, w->directory, name, &w->file, error);
  if (!status)
    status = file_writer_add(w->file, header.data, header.length, error);
  text_free(&header);
  w->opened++;
  return status;
}

/* Ends the file in hand, if any. */
static int end_file(struct safetensors_writer *w, struct error *error)
{
  struct file_writer *file = w->file;
  w->file = NULL;
  return file ? file_writer_finish(file, error) : 0;
}

static int check_whole(const struct safetensors_writer *w, struct error *error)
{
  if (!w->missing)
    return 0;
  return error_set(error, EXIT_RUN, "%s: tensor \"%s\" lacks %llu bytes", w->directory,
                   w->layout->parts[w->at - 1].tensor.name, (unsigned long long)w->missing);
}

int safetensors_writer_next(struct safetensors_writer *w, const struct layout_part **part,
                            struct error *error)
{
  const struct layout *layout = w->layout;
  *part = NULL;
  if (check_whole(w, error))
    return error->code;
  bool fresh = w->opened == 0 ||
               w->at == layout->files[w->opened - 1].first + layout->files[w->opened - 1].count;
  if (fresh && (end_file(w, error) || (w->opened < layout->file_count && open_next(w, error))))
    return error->code;
  if (w->at == layout->count)
    return 0;
  *part = &layout->parts[w->at++];
  w->missing = (*part)->tensor.bytes;
  return 0;
}

int safetensors_writer_write(struct safetensors_writer *w, const void *data, size_t size,
                             struct error *error)
{
  if (size > w->missing)
    return error_set(error, EXIT_RUN, "%s: %zu bytes are more than are missing of its tensor",
                     w->directory, size);
  w->missing -= size;
  return file_writer_add(w->file, data, size, error);
}

int safetensors_writer_finish(struct safetensors_writer *w, struct error *error)
{
  const struct layout *layout = w->layout;
  struct text index = {0};
  if (check_whole(w, error) || end_file(w, error))
    return error->code;
  if (w->at < layout->count || w->opened < layout->file_count)
    return error_set(error, EXIT_RUN, "%s: only %zu of %zu tensors were written", w->directory,
                     w->at, layout->count);
  if (layout->file_count == 1)
    return 0;
  int status = layout_index(layout, &index, error);
  if (!status)
    status = file_group_write(w->group, w->directory, layout->index_name, index.data, index.length,
                              error);
  text_free(&index);
  return status;
}

int safetensors_save(const char *directory, const struct layout *layout, struct file_group *group,
                     struct error *error)
{
  struct safetensors_writer writer;
  const struct layout_part *part;
  safetensors_writer_open(directory, layout, group, &writer);
  for (;;) {
    if (safetensors_writer_next(&writer, &part, error))
      return error->code;
    if (!part)
      return safetensors_writer_finish(&writer, error);
    if (safetensors_writer_write(&writer, part->tensor.data, part->tensor.bytes, error))
      return error->code;
  }
}

#include "checkpoint/layout.h"

#include "base/json.h"
#include "base/memory.h"
#include "checkpoint/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_utf8(const char *name)
{
  uint32_t code;
  for (size_t left = strlen(name), length; left; name += length, left -= length) {
    length = text_utf8(name, left, &code);
    if (!length)
      return false;
  }
  return true;
}

static int check_name(const char *where, const char *name, struct error *error)
{
  if (!*name || strlen(name) > SAFETENSORS_MAX_NAME)
    return error_set(error, EXIT_INPUT,
                     "%s: tensor \"%.40s\": a name must have 1 to %d bytes, this has %zu", where,
                     name, SAFETENSORS_MAX_NAME, strlen(name));
  if (!is_utf8(name))
    return error_set(error, EXIT_INPUT, "%s: tensor \"%s\": the name is not UTF-8", where, name);
  if (strcmp(name, "__metadata__") == 0)
    return error_set(error, EXIT_INPUT, "%s: a tensor cannot be called \"%s\"", where, name);
  return 0;
}

static int count_bytes(const char *where, struct tensor *tensor, struct error *error)
{
  tensor->elements = 1;
  for (int i = 0; i < tensor->rank; i++)
    if (tensor->shape[i] < 0 ||
        __builtin_mul_overflow(tensor->elements, (uint64_t)tensor->shape[i], &tensor->elements))
      return error_set(error, EXIT_INPUT, "%s: tensor \"%s\": too many elements for 64 bits", where,
                       tensor->name);
  if (__builtin_mul_overflow(tensor->elements, dtype_size(tensor->dtype), &tensor->bytes))
    return error_set(error, EXIT_INPUT, "%s: tensor \"%s\": too many bytes for 64 bits", where,
                     tensor->name);
  return 0;
}

static int make_room(struct layout *layout, const char *where, struct error *error)
{
  if (layout->count == LAYOUT_MOST_TENSORS)
    return error_set(error, EXIT_INPUT, "%s: more than %d tensors", where, LAYOUT_MOST_TENSORS);
  struct layout_part *parts =
      memory_room(layout->parts, layout->count + 1, &layout->capacity, sizeof *parts);
  if (!parts)
    return error_set(error, EXIT_RUN, "%s: out of memory", where);
  layout->parts = parts;
  return 0;
}

int layout_add(struct layout *layout, const char *where, const struct tensor *tensor,
               struct error *error)
{
  struct layout_part part = {.tensor = *tensor, .index = layout->count};
  uint64_t bytes;
  if (check_name(where, tensor->name, error) || count_bytes(where, &part.tensor, error) ||
      make_room(layout, where, error))
    return error->code;
  if (__builtin_add_overflow(layout->bytes, part.tensor.bytes, &bytes))
    return error_set(error, EXIT_INPUT, "%s: the tensors have too many bytes for 64 bits", where);
  layout->bytes = bytes;
  layout->parts[layout->count++] = part;
  return 0;
}

/* Opens the next file when the tensor would take this one past the limit. */
static size_t files_by_size(struct layout *layout, uint64_t limit)
{
  size_t file = 0;
  uint64_t used = 0;
  for (size_t i = 0; i < layout->count; i++) {
    uint64_t bytes = layout->parts[i].tensor.bytes;
    if (limit && used && (bytes > limit || used > limit - bytes)) {
      file++;
      used = 0;
    }
    used += bytes;
    layout->parts[i].file = file;
  }
  return file + 1;
}

/* Opens the next file when this one reaches its share of the bytes, or when every tensor left needs
 * a file of its own. */
static size_t files_by_number(struct layout *layout, size_t number)
{
  size_t file = 0, count = layout->count;
  uint64_t before = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t share = layout->bytes / number * (file + 1);
    if (i > 0 && file + 1 < number && (before >= share || count - i < number - file))
      file++;
    before += layout->parts[i].tensor.bytes;
    layout->parts[i].file = file;
  }
  return number;
}

static int by_place(const void *a, const void *b)
{
  const struct layout_part *left = a, *right = b;
  size_t l = dtype_size(left->tensor.dtype), r = dtype_size(right->tensor.dtype);
  if (left->file != right->file)
    return left->file < right->file ? -1 : 1;
  return l != r ? (l > r ? -1 : 1) : strcmp(left->tensor.name, right->tensor.name);
}

static int by_name(const void *a, const void *b)
{
  const struct layout_part *const *left = a, *const *right = b;
  return strcmp((*left)->tensor.name, (*right)->tensor.name);
}

/* The parts in the order of their names; free(). */
static const struct layout_part **sorted_by_name(const struct layout *layout, struct error *error)
{
  const struct layout_part **sorted =
      memory_alloc(layout->count, sizeof *sorted, "names of tensors", error);
  for (size_t i = 0; sorted && i < layout->count; i++)
    sorted[i] = &layout->parts[i];
  if (sorted)
    qsort(sorted, layout->count, sizeof *sorted, by_name);
  return sorted;
}

static int check_unique(const struct layout *layout, const char *where, struct error *error)
{
  const struct layout_part **sorted = sorted_by_name(layout, error);
  int status = sorted ? 0 : error->code;
  for (size_t i = 1; !status && i < layout->count; i++)
    if (strcmp(sorted[i - 1]->tensor.name, sorted[i]->tensor.name) == 0)
      status = error_set(error, EXIT_INPUT, "%s: two tensors are called \"%s\"", where,
                         sorted[i]->tensor.name);
  free(sorted);
  return status;
}

static void name_file(const struct layout *layout, const struct layout_rule *rule, size_t at)
{
  struct layout_file *file = &layout->files[at];
  if (layout->file_count == 1)
    snprintf(file->name, sizeof file->name, "%s.%s", rule->stem, rule->ending);
  else
    snprintf(file->name, sizeof file->name, "%s-%05zu-of-%05zu.%s", rule->stem, at + 1,
             layout->file_count, rule->ending);
}

int layout_arrange(struct layout *layout, const char *where, const struct layout_rule *rule,
                   struct error *error)
{
  if (check_unique(layout, where, error))
    return error->code;
  if (rule->files > layout->count)
    return error_set(error, EXIT_INPUT, "%s: shards must not be more than its %zu tensors", where,
                     layout->count);
  size_t files =
      rule->files ? files_by_number(layout, rule->files) : files_by_size(layout, rule->file_bytes);
  if (files > LAYOUT_MOST_FILES)
    return error_set(error, EXIT_INPUT, "%s: would take %zu files, at most %d are allowed", where,
                     files, LAYOUT_MOST_FILES);
  layout->files = memory_zeroed(files, sizeof *layout->files, where, error);
  if (!layout->files)
    return error->code;
  layout->file_count = files;
  if (rule->order == ORDER_LIBRARY && layout->count)
    qsort(layout->parts, layout->count, sizeof *layout->parts, by_place);
  for (size_t i = 0; i < layout->count; i++) {
    struct layout_file *file = &layout->files[layout->parts[i].file];
    if (file->count++ == 0)
      file->first = i;
    file->bytes += layout->parts[i].tensor.bytes;
  }
  for (size_t i = 0; i < files; i++)
    name_file(layout, rule, i);
  snprintf(layout->index_name, sizeof layout->index_name, "%s.%s.index.json", rule->stem,
           rule->ending);
  return 0;
}

int layout_index(const struct layout *layout, struct text *index, struct error *error)
{
  const struct layout_part **sorted = sorted_by_name(layout, error);
  if (!sorted)
    return error->code;
  text_add(index, "{\n  \"metadata\": {\n    \"total_size\": %llu\n  },\n  \"weight_map\": {\n",
           (unsigned long long)layout->bytes);
  for (size_t i = 0; i < layout->count; i++) {
    text_add(index, "    ");
    json_quote(index, sorted[i]->tensor.name);
    text_add(index, ": \"%s\"%s\n", layout->files[sorted[i]->file].name,
             i + 1 < layout->count ? "," : "");
  }
  text_add(index, "  }\n}\n");
  free(sorted);
  return index->failed ? error_set(error, EXIT_RUN, "the index of shards: out of memory") : 0;
}

void layout_free(struct layout *layout)
{
  free(layout->parts);
  free(layout->files);
  *layout = (struct layout){0};
}

/* A safetensors file in memory, to be changed and written again. */
#ifndef ATTEST_TESTS_WEIGHTS_FILE_H
#define ATTEST_TESTS_WEIGHTS_FILE_H

#include "torch_file.h"
#include "workshop.h"

struct weights {
  json_t *header;
  char *data; /* the tensor bytes */
  size_t size;
};

/* weights_free; 64 bytes of room behind the data. */
static inline struct weights weights_read(const char *path)
{
  struct weights w = {0};
  uint64_t length;
  size_t size;
  char *file = support_read(path, &size);
  memcpy(&length, file, sizeof length); /* tests run on little-endian machines only */
  w.header = json_loadb(file + 8, length, 0, NULL);
  w.size = size - 8 - length;
  w.data = malloc(w.size + 64);
  assert_true(w.header && w.data);
  memcpy(w.data, file + 8 + length, w.size);
  free(file);
  return w;
}

static inline void weights_write(const char *path, const struct weights *w)
{
  char *header = json_dumps(w->header, JSON_COMPACT);
  uint64_t length = strlen(header);
  char *file = malloc(8 + length + w->size);
  assert_non_null(file);
  memcpy(file, &length, 8);
  memcpy(file + 8, header, length);
  memcpy(file + 8 + length, w->data, w->size);
  support_write(path, file, 8 + length + w->size);
  free(file);
  free(header);
}

static inline void weights_free(struct weights *w)
{
  json_decref(w->header);
  free(w->data);
}

/* Appends a tensor with these bytes; `like` gives its dtype, `shape` is taken over. */
static inline void weights_add(struct weights *w, const char *name, const json_t *like,
                               json_t *shape, const void *data, size_t size)
{
  json_t *entry =
      json_pack("{s:s, s:o, s:[I,I]}", "dtype", json_string_value(json_object_get(like, "dtype")),
                "shape", shape, "data_offsets", (json_int_t)w->size, (json_int_t)(w->size + size));
  w->data = realloc(w->data, w->size + size);
  assert_true(entry && w->data);
  memcpy(w->data + w->size, data, size);
  w->size += size;
  assert_int_equal(json_object_set_new(w->header, name, entry), 0);
}

/* The bytes of a tensor. */
static inline const char *weights_data(const struct weights *w, const json_t *entry, size_t *size)
{
  const json_t *offsets = json_object_get(entry, "data_offsets");
  json_int_t begin = json_integer_value(json_array_get(offsets, 0));
  *size = (size_t)(json_integer_value(json_array_get(offsets, 1)) - begin);
  return w->data + begin;
}

/* One tensor, F32 and contiguous, in a storage of its own. */
static inline void weights_view(struct torch_file *pickle, const char *name, const json_t *entry,
                                const char *key, size_t size)
{
  struct torch_view view = {name, "FloatStorage", key, (int32_t)(size / 4), 0, 0, {0}, {0}};
  const json_t *shape = json_object_get(entry, "shape");
  int32_t stride = 1;
  view.rank = (int32_t)json_array_size(shape);
  for (int i = view.rank - 1; i >= 0; i--) {
    view.shape[i] = (int32_t)json_integer_value(json_array_get(shape, (size_t)i));
    view.stride[i] = stride;
    stride *= view.shape[i];
  }
  torch_tensor(pickle, &view);
}

/* The same as torch.save writes it. */
static inline void weights_write_torch(const char *path, const struct weights *w)
{
  struct torch_file pickle = {0}, file = {0};
  char key[32], member[64];
  const char *name;
  json_t *entry;
  size_t i = 0, size;
  torch_begin_dict(&pickle);
  json_object_foreach(w->header, name, entry)
  {
    snprintf(key, sizeof key, "%zu", i++);
    (void)weights_data(w, entry, &size);
    weights_view(&pickle, name, entry, key, size);
  }
  torch_ops(&pickle, "u.");
  torch_add(&file, "archive/data.pkl", pickle.data, pickle.size);
  i = 0;
  json_object_foreach(w->header, name, entry)
  {
    const char *data = weights_data(w, entry, &size);
    snprintf(member, sizeof member, "archive/data/%zu", i++);
    torch_add(&file, member, data, size);
  }
  torch_add(&file, "archive/version", "3\n", 2);
  torch_end(&file);
  support_write(path, file.data, file.size);
  torch_free(&file);
  torch_free(&pickle);
}

#endif

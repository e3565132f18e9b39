#include "train/state_parts.h"

#include "base/file.h"
#include "base/memory.h"
#include "checkpoint/safetensors_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int state_parts_open(struct state_parts *parts, const char *identity, size_t most,
                     struct error *error)
{
  const size_t bytes = TRAIN_IDENTITY_BYTES;
  *parts = (struct state_parts){0};
  parts->tensors = memory_alloc(most + 2, sizeof *parts->tensors, "state", error);
  parts->names = parts->tensors ? memory_alloc(most + 2, STATE_PART_NAME, "state", error) : NULL;
  if (!parts->names)
    return error->code;
  if (!identity)
    return 0;
  memcpy(parts->identity, identity, sizeof parts->identity);
  state_parts_add(parts, DTYPE_U8, 1, &bytes, parts->identity, "identity", "");
  return 0;
}

void state_parts_free(struct state_parts *parts)
{
  free(parts->tensors);
  free(parts->names);
}

void state_parts_add(struct state_parts *parts, enum dtype dtype, int rank, const size_t *shape,
                     void *data, const char *kind, const char *name)
{
  struct tensor *t = &parts->tensors[parts->count];
  char *full = parts->names[parts->count++];
  snprintf(full, STATE_PART_NAME, "%s%s", kind, name);
  *t = (struct tensor){.name = full, .dtype = dtype, .rank = rank, .elements = 1, .data = data};
  for (int i = 0; i < rank; i++) {
    t->shape[i] = (int64_t)shape[i];
    t->elements *= shape[i];
  }
  t->bytes = t->elements * dtype_size(dtype);
}

static void add_digest(struct state_parts *parts)
{
  const size_t bytes = DIGEST_XXH3_BYTES;
  state_parts_add(parts, DTYPE_U8, 1, &bytes, parts->digest, "digest", "");
}

/* Of the first tensors, from their bytes in memory. */
static int digest_tensors(const struct tensor *tensors, size_t count, uint8_t *digest,
                          struct error *error)
{
  struct digest_stream *stream;
  if (digest_stream_start(&stream, error))
    return error->code;
  int status = 0;
  for (size_t i = 0; i < count && !status; i++)
    status = digest_stream_add(stream, tensors[i].data, (size_t)tensors[i].bytes, error);
  digest_stream_finish(stream, digest);
  return status;
}

static int write_tensors(const struct state_parts *parts, const char *directory, const char *stem,
                         struct error *error)
{
  const struct layout_rule rule = {.stem = stem, .ending = "safetensors", .order = ORDER_STATED};
  struct layout layout = {0};
  struct file_group group = {0};
  int status = 0;
  for (size_t i = 0; i < parts->count && !status; i++)
    status = layout_add(&layout, directory, &parts->tensors[i], error);
  if (!status)
    status = layout_arrange(&layout, directory, &rule, error);
  if (!status)
    status = safetensors_save(directory, &layout, &group, error);
  if (!status)
    status = file_group_publish(&group, error);
  file_group_close(&group);
  layout_free(&layout);
  return status;
}

int state_parts_save(struct state_parts *parts, const char *directory, const char *stem,
                     struct error *error)
{
  if (*parts->identity) {
    if (digest_tensors(parts->tensors, parts->count, parts->digest, error))
      return error->code;
    add_digest(parts);
  }
  return write_tensors(parts, directory, stem, error);
}

int state_parts_damaged(const char *path, const char *what, struct error *error)
{
  return error_set(error, EXIT_INPUT,
                   "%s: %s; it is damaged or from another program: remove it to start over", path,
                   what);
}

static bool same_tensor(const struct tensor *a, const struct tensor *b)
{
  return strcmp(a->name, b->name) == 0 && a->dtype == b->dtype && a->rank == b->rank &&
         memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

static int check_identity(const struct state_parts *parts, const char *path,
                          const struct safetensors *file, struct error *error)
{
  uint8_t digest[DIGEST_XXH3_BYTES];
  const char *identity = (const char *)file->tensors[0].data;
  if (digest_tensors(file->tensors, file->count - 1, digest, error))
    return error->code;
  if (memcmp(digest, file->tensors[file->count - 1].data, sizeof digest) != 0)
    return state_parts_damaged(path, "the digest inside does not match", error);
  if (memcmp(identity, parts->identity, TRAIN_IDENTITY_BYTES) != 0)
    return error_set(
        error, EXIT_INPUT,
        "%s: belongs to the recipe with SHA-256 %.16s..., this one has %.16s...; choose "
        "another --out",
        path, identity, parts->identity);
  return 0;
}

int state_parts_load(struct state_parts *parts, const char *path, const struct safetensors *file,
                     struct error *error)
{
  bool same;
  if (*parts->identity)
    add_digest(parts);
  same = file->count == parts->count;
  for (size_t i = 0; same && i < parts->count; i++)
    same = same_tensor(&file->tensors[i], &parts->tensors[i]);
  if (!same)
    return state_parts_damaged(
        path, "the tensors are not those of the recipe's model and optimizer", error);
  if (*parts->identity && check_identity(parts, path, file, error))
    return error->code;
  for (size_t i = 0; i < parts->count; i++)
    memcpy((void *)(uintptr_t)parts->tensors[i].data, file->tensors[i].data,
           (size_t)file->tensors[i].bytes);
  return 0;
}

int state_parts_digest_file(const char *path, uint8_t digest[DIGEST_XXH3_BYTES],
                            struct error *error)
{
  struct blob blob;
  struct digest_stream *stream;
  if (file_map(path, &blob, error))
    return error->code;
  int status = digest_stream_start(&stream, error);
  if (!status) {
    status = digest_stream_add(stream, blob.data, blob.size, error);
    digest_stream_finish(stream, digest);
  }
  blob_free(&blob);
  return status;
}

int state_parts_check_file(const char *path, const char *out,
                           const uint8_t digest[DIGEST_XXH3_BYTES], struct error *error)
{
  uint8_t now[DIGEST_XXH3_BYTES];
  if (state_parts_digest_file(path, now, error))
    return error->code;
  if (memcmp(now, digest, sizeof now) == 0)
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: was changed since the run wrote it; remove %s/" TRAIN_STATE_FILE
                   " to start over",
                   path, out);
}

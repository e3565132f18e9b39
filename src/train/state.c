#include "train/state.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES (INVENTORY_NAME + 16)

_Static_assert(sizeof(struct train_record) == TRAIN_RECORD_VALUES * sizeof(double),
               "a record is a row of numbers");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are written as in memory");

/* The file's tensors and where their bytes are. */
struct parts {
  struct tensor *tensors;
  char (*names)[NAME_BYTES];
  size_t count;
  char identity[TRAIN_IDENTITY_BYTES];
  uint8_t digest[DIGEST_XXH3_BYTES];
};

static void add_part(struct parts *parts, enum dtype dtype, int rank, const size_t *shape,
                     void *data, const char *kind, const char *name)
{
  struct tensor *t = &parts->tensors[parts->count];
  char *full = parts->names[parts->count++];
  snprintf(full, NAME_BYTES, "%s%s", kind, name);
  *t = (struct tensor){.name = full, .dtype = dtype, .rank = rank, .elements = 1, .data = data};
  for (int i = 0; i < rank; i++) {
    t->shape[i] = (int64_t)shape[i];
    t->elements *= shape[i];
  }
  t->bytes = t->elements * dtype_size(dtype);
}

static void free_parts(struct parts *parts)
{
  free(parts->tensors);
  free(parts->names);
}

static int make_parts(struct parts *parts, const struct train_log *log, const struct optimizer *o,
                      struct error *error)
{
  const struct parameters *p = o->parameters;
  const size_t identity = TRAIN_IDENTITY_BYTES, digest = DIGEST_XXH3_BYTES;
  const size_t steps[] = {log->count, TRAIN_RECORD_VALUES};
  const size_t kept[] = {log->kept_count, DIGEST_XXH3_BYTES};
  size_t most = 3 * p->count + 4;
  parts->count = 0;
  parts->tensors = memory_alloc(most, sizeof *parts->tensors, TRAIN_STATE_FILE, error);
  parts->names = parts->tensors ? memory_alloc(most, NAME_BYTES, TRAIN_STATE_FILE, error) : NULL;
  if (!parts->names)
    return error->code;
  add_part(parts, DTYPE_U8, 1, &identity, parts->identity, "identity", "");
  add_part(parts, DTYPE_F64, 2, steps, log->records, "steps", "");
  if (log->kept_count)
    add_part(parts, DTYPE_U8, 2, kept, log->kept, "kept", "");
  for (size_t i = 0; i < p->count; i++) {
    const struct parameter *q = &p->list[i];
    add_part(parts, DTYPE_F32, q->rank, q->shape, q->values, "parameters.", q->name);
    if (!o->m)
      continue;
    add_part(parts, DTYPE_F32, q->rank, q->shape, optimizer_m(o, q), "exp_avg.", q->name);
    add_part(parts, DTYPE_F32, q->rank, q->shape, optimizer_v(o, q), "exp_avg_sq.", q->name);
  }
  add_part(parts, DTYPE_U8, 1, &digest, parts->digest, "digest", "");
  return 0;
}

/* Of all parts but the last, from their bytes in memory. */
static int digest_parts(const struct tensor *tensors, size_t count, uint8_t *digest,
                        struct error *error)
{
  struct digest_stream *stream;
  if (digest_stream_start(&stream, error))
    return error->code;
  int status = 0;
  for (size_t i = 0; i + 1 < count && !status; i++)
    status = digest_stream_add(stream, tensors[i].data, (size_t)tensors[i].bytes, error);
  digest_stream_finish(stream, digest);
  return status;
}

static int write_parts(const char *directory, const struct parts *parts, struct error *error)
{
  const struct layout_rule rule = {
      .stem = TRAIN_STATE_STEM, .ending = "safetensors", .order = ORDER_STATED};
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

int train_state_save(const char *directory, const char *identity, const struct train_log *log,
                     const struct optimizer *optimizer, struct error *error)
{
  struct parts parts = {0};
  int status = make_parts(&parts, log, optimizer, error);
  memcpy(parts.identity, identity, sizeof parts.identity);
  if (!status)
    status = digest_parts(parts.tensors, parts.count, parts.digest, error);
  if (!status)
    status = write_parts(directory, &parts, error);
  free_parts(&parts);
  return status;
}

static int damaged(const char *path, const char *what, struct error *error)
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

/* The steps come first, since nothing else says how many there are. */
static int read_steps(const char *path, const struct safetensors *file, struct train_log *log,
                      struct error *error)
{
  const struct tensor *t = file->count > 1 ? &file->tensors[1] : NULL;
  if (!t || strcmp(t->name, "steps") != 0 || t->dtype != DTYPE_F64 || t->rank != 2 ||
      t->shape[1] != TRAIN_RECORD_VALUES || t->shape[0] < 1)
    return damaged(path, "there is no tensor of steps", error);
  if (train_log_reserve(log, (size_t)t->shape[0], error))
    return error->code;
  log->count = (size_t)t->shape[0];
  return 0;
}

static int read_parts(const char *path, const struct safetensors *file, const char *identity,
                      struct parts *parts, struct error *error)
{
  uint8_t digest[DIGEST_XXH3_BYTES];
  if (file->count != parts->count)
    return damaged(path, "the tensors are not those of the recipe's model and optimizer", error);
  for (size_t i = 0; i < parts->count; i++)
    if (!same_tensor(&file->tensors[i], &parts->tensors[i]))
      return damaged(path, "the tensors are not those of the recipe's model and optimizer", error);
  if (digest_parts(file->tensors, file->count, digest, error))
    return error->code;
  if (memcmp(digest, file->tensors[file->count - 1].data, sizeof digest) != 0)
    return damaged(path, "the digest inside does not match", error);
  if (memcmp(file->tensors[0].data, identity, TRAIN_IDENTITY_BYTES) != 0)
    return error_set(
        error, EXIT_INPUT,
        "%s: belongs to the recipe with SHA-256 %.16s..., this one has %.16s...; choose "
        "another --out",
        path, (const char *)file->tensors[0].data, identity);
  for (size_t i = 0; i < parts->count; i++)
    memcpy((void *)(uintptr_t)parts->tensors[i].data, file->tensors[i].data,
           (size_t)file->tensors[i].bytes);
  return 0;
}

static int read_file(const char *path, const char *identity, struct train_log *log,
                     struct optimizer *optimizer, struct error *error)
{
  struct blob blob;
  struct safetensors file = {0};
  struct parts parts = {0};
  if (file_map(path, &blob, error))
    return error->code;
  int status = safetensors_parse(path, blob.data, blob.size, &file, error);
  if (!status)
    status = read_steps(path, &file, log, error);
  if (!status)
    status = make_parts(&parts, log, optimizer, error);
  if (!status)
    status = read_parts(path, &file, identity, &parts, error);
  if (!status)
    optimizer_resume(optimizer, log->count);
  free_parts(&parts);
  safetensors_free(&file);
  blob_free(&blob);
  return status;
}

int train_state_load(const char *directory, const char *identity, struct train_log *log,
                     struct optimizer *optimizer, bool *found, struct error *error)
{
  char *path = file_join(directory, TRAIN_STATE_FILE, error);
  if (!path)
    return error->code;
  *found = file_exists(path);
  int status = *found ? read_file(path, identity, log, optimizer, error) : 0;
  free(path);
  return status;
}

uint64_t train_state_bytes(const struct optimizer *o, uint64_t steps)
{
  return o->parameters->elements * (uint64_t)(o->m ? 3 : 1) * sizeof(float) +
         steps * sizeof(struct train_record);
}

#include "train/state.h"

#include "base/file.h"
#include "train/state_parts.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct train_record) == TRAIN_RECORD_VALUES * sizeof(double),
               "a record is a row of numbers");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are written as in memory");

static int make_parts(struct state_parts *parts, const char *identity, const struct train_log *log,
                      const struct optimizer *o, struct error *error)
{
  const struct parameters *p = o->parameters;
  const size_t steps[] = {log->count, TRAIN_RECORD_VALUES};
  const size_t kept[] = {log->kept_count, DIGEST_XXH3_BYTES};
  if (state_parts_open(parts, identity, 3 * p->count + 4, error))
    return error->code;
  state_parts_add(parts, DTYPE_F64, 2, steps, log->records, "steps", "");
  if (log->kept_count)
    state_parts_add(parts, DTYPE_U8, 2, kept, log->kept, "kept", "");
  for (size_t i = 0; i < p->count; i++) {
    const struct parameter *q = &p->list[i];
    state_parts_add(parts, DTYPE_F32, q->rank, q->shape, q->values, "parameters.", q->name);
    if (!o->m)
      continue;
    state_parts_add(parts, DTYPE_F32, q->rank, q->shape, optimizer_m(o, q), "exp_avg.", q->name);
    state_parts_add(parts, DTYPE_F32, q->rank, q->shape, optimizer_v(o, q), "exp_avg_sq.", q->name);
  }
  return 0;
}

int train_state_save(const char *directory, const char *identity, const struct train_log *log,
                     const struct optimizer *optimizer, struct error *error)
{
  struct state_parts parts = {0};
  int status = make_parts(&parts, identity, log, optimizer, error);
  if (!status)
    status = state_parts_save(&parts, directory, TRAIN_STATE_STEM, error);
  state_parts_free(&parts);
  return status;
}

/* The steps come first, since nothing else says how many there are. */
static int read_steps(const char *path, const struct safetensors *file, struct train_log *log,
                      struct error *error)
{
  const struct tensor *t = file->count > 1 ? &file->tensors[1] : NULL;
  if (!t || strcmp(t->name, "steps") != 0 || t->dtype != DTYPE_F64 || t->rank != 2 ||
      t->shape[1] != TRAIN_RECORD_VALUES || t->shape[0] < 1)
    return state_parts_damaged(path, "there is no tensor of steps", error);
  if (train_log_reserve(log, (size_t)t->shape[0], error))
    return error->code;
  log->count = (size_t)t->shape[0];
  return 0;
}

static int read_file(const char *path, const char *identity, struct train_log *log,
                     struct optimizer *optimizer, struct error *error)
{
  struct blob blob;
  struct safetensors file = {0};
  struct state_parts parts = {0};
  if (file_map(path, &blob, error))
    return error->code;
  int status = safetensors_parse(path, blob.data, blob.size, &file, error);
  if (!status)
    status = read_steps(path, &file, log, error);
  if (!status)
    status = make_parts(&parts, identity, log, optimizer, error);
  if (!status)
    status = state_parts_load(&parts, path, &file, error);
  if (!status)
    optimizer_resume(optimizer, log->count);
  state_parts_free(&parts);
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

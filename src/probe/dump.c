#include "probe/dump.h"

#include "base/file.h"
#include "base/memory.h"
#include "probe/npy.h"

#include <stdlib.h>
#include <string.h>

const char *const dump_files[DUMP_FILES] = {"attn_last.npy", "headout_last.npy", "hidden_last.npy",
                                            "logits_last.npy"};

uint64_t dump_bytes(const struct model_config *c, size_t n, size_t seq_len)
{
  uint64_t heads = (uint64_t)c->layers * c->heads * (seq_len + c->head_dim);
  return n * (heads + (c->layers + 2) * c->hidden + c->vocab) * sizeof(float);
}

int dump_create(const struct model_config *c, size_t n, size_t seq_len, struct dump *dump,
                struct error *error)
{
  *dump = (struct dump){.n = n,
                        .layers = c->layers,
                        .heads = c->heads,
                        .head_dim = c->head_dim,
                        .seq_len = seq_len,
                        .hidden = c->hidden,
                        .vocab = c->vocab};
  size_t heads = dump->n * c->layers * c->heads;
  if (!(dump->attention = memory_zeroed(heads * seq_len, sizeof(float), "--dump", error)) ||
      !(dump->head_out = memory_zeroed(heads * c->head_dim, sizeof(float), "--dump", error)) ||
      !(dump->residual =
            memory_zeroed(dump->n * (c->layers + 2) * c->hidden, sizeof(float), "--dump", error)) ||
      !(dump->logits = memory_zeroed(dump->n * c->vocab, sizeof(float), "--dump", error))) {
    dump_free(dump);
    return error->code;
  }
  return 0;
}

void dump_free(struct dump *dump)
{
  free(dump->attention);
  free(dump->head_out);
  free(dump->residual);
  free(dump->logits);
  *dump = (struct dump){0};
}

static void read_pattern(void *context, const struct hook_value *v, const float *data)
{
  struct dump *d = context;
  size_t at = (v->sequence * d->layers + v->site.layer) * d->heads + v->site.head;
  memcpy(d->attention + at * d->seq_len, data, v->count * sizeof *data);
}

static void read_output(void *context, const struct hook_value *v, const float *data)
{
  struct dump *d = context;
  size_t at = (v->sequence * d->layers + v->site.layer) * d->heads + v->site.head;
  memcpy(d->head_out + at * d->head_dim, data, v->count * sizeof *data);
}

/* Embedding, residual stream after each layer, final norm: one after another. */
static void read_stream(void *context, const struct hook_value *v, const float *data)
{
  struct dump *d = context;
  size_t index = v->site.kind == SITE_EMBEDDING  ? 0
                 : v->site.kind == SITE_RESIDUAL ? v->site.layer + 1
                                                 : d->layers + 1;
  memcpy(d->residual + (v->sequence * (d->layers + 2) + index) * d->hidden, data,
         v->count * sizeof *data);
}

static void read_logits(void *context, const struct hook_value *v, const float *data)
{
  struct dump *d = context;
  memcpy(d->logits + v->sequence * d->vocab + v->first, data, v->count * sizeof *data);
}

void dump_hooks(struct dump *dump, size_t n, struct hook hooks[DUMP_HOOKS])
{
  static const struct hook all[DUMP_HOOKS] = {
      {.site = {SITE_PATTERN, SITE_ALL, SITE_ALL}, .read = read_pattern},
      {.site = {SITE_HEAD_OUTPUT, SITE_ALL, SITE_ALL}, .read = read_output},
      {.site = {SITE_EMBEDDING, 0, 0}, .read = read_stream},
      {.site = {SITE_RESIDUAL, SITE_ALL, 0}, .read = read_stream},
      {.site = {SITE_FINAL_NORM, 0, 0}, .read = read_stream},
      {.site = {SITE_LOGITS, 0, 0}, .read = read_logits},
  };
  for (size_t i = 0; i < DUMP_HOOKS; i++) {
    hooks[i] = all[i];
    hooks[i].positions.kind = POSITIONS_LAST;
    hooks[i].end = n;
    hooks[i].context = dump;
  }
}

static int write_array(const char *directory, const char *name, const size_t *shape, int rank,
                       const float *data, struct error *error)
{
  int64_t lengths[4];
  for (int i = 0; i < rank; i++)
    lengths[i] = (int64_t)shape[i];
  char *path = file_join(directory, name, error);
  int status = path ? npy_write(path, lengths, rank, data, error) : error->code;
  free(path);
  return status;
}

int dump_write(const struct dump *d, const char *directory, struct error *error)
{
  size_t attention[] = {d->n, d->layers, d->heads, d->seq_len};
  size_t head_out[] = {d->n, d->layers, d->heads, d->head_dim};
  size_t residual[] = {d->n, d->layers + 2, d->hidden}, logits[] = {d->n, d->vocab};
  if (file_make_directory(directory, error) ||
      write_array(directory, dump_files[0], attention, 4, d->attention, error) ||
      write_array(directory, dump_files[1], head_out, 4, d->head_out, error) ||
      write_array(directory, dump_files[2], residual, 3, d->residual, error) ||
      write_array(directory, dump_files[3], logits, 2, d->logits, error))
    return error->code;
  return 0;
}

#include "probe/dump.h"

#include "base/file.h"
#include "base/memory.h"
#include "probe/npy.h"

#include <stdlib.h>
#include <string.h>

uint64_t dump_bytes(const struct model_config *c, size_t sequences, size_t seq_len)
{
  uint64_t heads = (uint64_t)c->layers * c->heads * (seq_len + c->head_dim);
  uint64_t n = sequences < DUMP_SEQUENCES ? sequences : DUMP_SEQUENCES;
  return n * (heads + (c->layers + 2) * c->hidden + c->vocab) * sizeof(float);
}

int dump_create(const struct model_config *c, size_t sequences, size_t seq_len, struct dump *dump,
                struct error *error)
{
  *dump = (struct dump){.n = sequences < DUMP_SEQUENCES ? sequences : DUMP_SEQUENCES,
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

void dump_head(struct dump *dump, size_t layer, size_t sequence, size_t head,
               const float *attention_row, const float *head_output)
{
  if (sequence >= dump->n)
    return;
  size_t at = (sequence * dump->layers + layer) * dump->heads + head;
  memcpy(dump->attention + at * dump->seq_len, attention_row, dump->seq_len * sizeof(float));
  memcpy(dump->head_out + at * dump->head_dim, head_output, dump->head_dim * sizeof(float));
}

void dump_residual(struct dump *dump, size_t index, size_t sequence, const float *row)
{
  size_t at = sequence * (dump->layers + 2) + index;
  if (sequence < dump->n)
    memcpy(dump->residual + at * dump->hidden, row, dump->hidden * sizeof(float));
}

void dump_logits(struct dump *dump, size_t sequence, size_t first, size_t count, const float *part)
{
  if (sequence < dump->n)
    memcpy(dump->logits + sequence * dump->vocab + first, part, count * sizeof(float));
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
      write_array(directory, "attn_last.npy", attention, 4, d->attention, error) ||
      write_array(directory, "headout_last.npy", head_out, 4, d->head_out, error) ||
      write_array(directory, "hidden_last.npy", residual, 3, d->residual, error) ||
      write_array(directory, "logits_last.npy", logits, 2, d->logits, error))
    return error->code;
  return 0;
}

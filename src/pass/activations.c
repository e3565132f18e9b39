#include "pass/activations.h"

#include "base/memory.h"
#include "pass/attention.h"

#include <stdlib.h>

/* Takes memory, or only counts it. */
struct ledger {
  uint64_t bytes;
  struct error *error; /* NULL: only counts */
};

static void *take(struct ledger *ledger, size_t rows, size_t width, size_t size)
{
  ledger->bytes += (uint64_t)rows * width * size;
  if (!ledger->error || ledger->error->code || rows * width == 0)
    return NULL;
  return memory_alloc(rows * width, size, "forward pass", ledger->error);
}

static float *floats(struct ledger *ledger, size_t rows, size_t width)
{
  return take(ledger, rows, width, sizeof(float));
}

static void lay_out_experts(const struct activation_shape *s, struct ledger *ledger,
                            struct activations *a)
{
  const struct model_config *c = s->config;
  size_t chunk = s->chunk * s->seq_len, batch = s->batch * s->seq_len;
  a->router = floats(ledger, batch, c->experts);
  a->mixed = floats(ledger, chunk, c->hidden);
  a->routing = floats(ledger, chunk, c->top_k);
  a->routed = take(ledger, chunk, c->top_k, sizeof *a->routed);
  a->order = take(ledger, chunk, c->top_k, sizeof *a->order);
  a->starts = take(ledger, 1, c->experts + 1, sizeof *a->starts);
}

static void lay_out(const struct activation_shape *s, struct ledger *ledger, struct activations *a)
{
  const struct model_config *c = s->config;
  size_t chunk = s->chunk * s->seq_len, batch = s->batch * s->seq_len;
  size_t ffn = c->gated_mlp ? 2 * c->ffn : c->ffn;
  size_t heads = attention_heads_floats(c), widest = c->ffn > c->hidden ? c->ffn : c->hidden;
  widest = heads > widest ? heads : widest;
  *a = (struct activations){0};
  a->residual = floats(ledger, chunk, c->hidden);
  a->normed = floats(ledger, batch, c->hidden);
  a->operand = floats(ledger, batch + GEMM_MAX_MR, widest);
  a->qkv = floats(ledger, batch, attention_row_floats(c));
  a->heads = floats(ledger, batch, heads);
  a->attention = floats(ledger, batch, c->hidden);
  a->ffn = floats(ledger, batch, ffn);
  a->mlp = floats(ledger, batch, c->hidden);
  a->scratch = floats(ledger, s->threads, attention_scratch_floats(c, s->seq_len));
  if (s->logits)
    a->logits = floats(ledger, batch, LOGIT_STRIP);
  if (c->experts)
    lay_out_experts(s, ledger, a);
}

int activations_create(const struct activation_shape *shape, struct activations *activations,
                       struct error *error)
{
  struct ledger ledger = {.error = error};
  lay_out(shape, &ledger, activations);
  return error->code;
}

uint64_t activations_bytes(const struct activation_shape *shape)
{
  struct ledger ledger = {0};
  struct activations none;
  lay_out(shape, &ledger, &none);
  return ledger.bytes;
}

void activations_free(struct activations *a)
{
  free(a->residual);
  free(a->normed);
  free(a->operand);
  free(a->qkv);
  free(a->heads);
  free(a->attention);
  free(a->ffn);
  free(a->mlp);
  free(a->scratch);
  free(a->logits);
  free(a->router);
  free(a->mixed);
  free(a->routing);
  free(a->routed);
  free(a->order);
  free(a->starts);
  *a = (struct activations){0};
}

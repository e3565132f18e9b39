#include "bench/bench_shapes.h"

#include "base/memory.h"
#include "bench/bench_measure.h"
#include "checkpoint/in_memory.h"
#include "probe/batch.h"
#include "probe/observe.h"
#include "probe/protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct shape shapes_published[SHAPES] = {
    {"pythia-1b", "gpt_neox", DTYPE_F16, 16, 2048, 8, 8192, 50304, 0, 0, 0},
    {"olmo-1b-0724", "olmo", DTYPE_F32, 16, 2048, 16, 8192, 50304, 0, 0, 0},
    {"olmoe-1b-7b-0924", "olmoe", DTYPE_BF16, 16, 2048, 16, 1024, 50304, 64, 8, 0},
};

const struct shape shapes_further[FURTHER_SHAPES] = {
    {"smollm-135m", "llama", DTYPE_BF16, 30, 576, 9, 1536, 49152, 0, 0, 3},
    {"llama-3.2-1b", "llama", DTYPE_BF16, 16, 2048, 32, 8192, 128256, 0, 0, 8},
};

const struct shape shapes_small[SHAPES] = {
    {"small-gpt_neox", "gpt_neox", DTYPE_F16, 16, 256, 2, 1024, 4096, 0, 0, 0},
    {"small-olmo", "olmo", DTYPE_F32, 16, 256, 4, 1024, 4096, 0, 0, 0},
    {"small-olmoe", "olmoe", DTYPE_BF16, 16, 256, 4, 256, 4096, 16, 4, 0},
};

#define CONFIG_BYTES 512

static void write_config(const struct shape *s, uint64_t shrink, char config[CONFIG_BYTES])
{
  char experts[80] = "", kv_heads[48] = "";
  if (s->kv_heads)
    snprintf(kv_heads, sizeof kv_heads, ", \"num_key_value_heads\": %zu", s->kv_heads);
  if (s->experts)
    snprintf(experts, sizeof experts, ", \"num_experts\": %zu, \"num_experts_per_tok\": %zu",
             s->experts, s->top_k);
  snprintf(config, CONFIG_BYTES,
           "{\"model_type\": \"%s\", \"num_hidden_layers\": %zu, \"num_attention_heads\": %zu, "
           "\"hidden_size\": %zu, \"intermediate_size\": %zu, \"vocab_size\": %zu, "
           "\"max_position_embeddings\": 4096%s%s}",
           s->family, s->layers, s->heads, s->hidden / shrink, s->ffn / shrink, s->vocab / shrink,
           kv_heads, experts);
}

int shape_config(const struct shape *shape, uint64_t shrink, struct model_config *config,
                 struct error *error)
{
  char text[CONFIG_BYTES];
  write_config(shape, shrink, text);
  return model_config_parse(shape->name, text, strlen(text), config, error);
}

/* Neighbours in the list get different bytes of the buffer, so that the weights of a layer do not
 * all come from the cache. */
static void place_tensors(struct inventory *inventory, const void *weights, uint64_t bytes)
{
  uint64_t at = 0;
  for (size_t i = 0; i < inventory->count; i++) {
    struct tensor *tensor = &inventory->tensors[i];
    if (at + tensor->bytes > bytes)
      at = 0;
    tensor->data = (const char *)weights + at;
    at += tensor->bytes;
  }
}

int synthetic_open(const struct shape *shape, uint64_t shrink, struct synthetic *s,
                   struct error *error)
{
  char config[CONFIG_BYTES];
  struct model_config parsed;
  uint64_t elements = 0;
  *s = (struct synthetic){0};
  write_config(shape, shrink, config);
  if (shape_config(shape, shrink, &parsed, error) ||
      inventory_create(shape->name, &parsed, shape->dtype, false, &s->inventory, error))
    return error->code;
  for (size_t i = 0; i < s->inventory.count; i++)
    if (s->inventory.tensors[i].elements > elements)
      elements = s->inventory.tensors[i].elements;
  s->bytes = elements * dtype_size(shape->dtype);
  s->weights = memory_alloc(elements, dtype_size(shape->dtype), shape->name, error);
  if (!s->weights)
    return error->code;
  bench_fill(shape->dtype, s->weights, elements);
  place_tensors(&s->inventory, s->weights, s->bytes);
  if (checkpoint_of_tensors(shape->name, config, s->inventory.tensors, s->inventory.count,
                            &s->checkpoint, error) ||
      model_load(s->checkpoint, &s->model, error))
    return error->code;
  return 0;
}

void synthetic_close(struct synthetic *s)
{
  model_free(&s->model);
  checkpoint_close(s->checkpoint);
  inventory_free(&s->inventory);
  free(s->weights);
  *s = (struct synthetic){0};
}

/* The same weights with fewer layers: those past the last are never looked at. */
static struct model first_layers(const struct synthetic *s, size_t layers)
{
  struct model model = s->model;
  model.config.layers = layers;
  return model;
}

static struct protocol protocol_of(const struct trial *t)
{
  struct protocol p = PROTOCOL_PUBLISHED;
  int64_t vocab = (int64_t)t->synthetic->model.config.vocab;
  p.n = (int64_t)t->sequences;
  p.pr_n = p.n;
  p.seq_len = (int64_t)t->seq_len;
  p.vocab_hi = p.vocab_hi < vocab ? p.vocab_hi : vocab;
  if (p.baseline_n > p.seq_len / 2) /* short sequences have few positions to draw */
    p.baseline_n = p.seq_len / 2;
  return p;
}

static double paused(const struct trial *t)
{
  return t->paused ? *t->paused : 0;
}

static int measure(struct trial *t, const struct model *model, const struct protocol *p,
                   struct observations *seen, const int32_t *tokens, struct error *error)
{
  const struct model_config *c = &model->config;
  struct hook hooks[OBSERVATION_HOOKS];
  struct forward_options options = t->options;
  uint64_t operations;
  struct head_row *rows = memory_alloc(c->layers * c->heads, sizeof *rows, "bench", error);
  if (!rows)
    return error->code;
  observations_hooks(seen, hooks);
  options.hooks = (struct hooks){hooks, OBSERVATION_HOOKS};
  options.operations = &operations;
  double start = bench_clock(t->options.threads) - paused(t);
  int status = forward_run(model, tokens, (size_t)p->n, (size_t)p->seq_len, &options, error);
  if (!status)
    status = observations_finish(seen, t->options.threads, rows, error);
  t->gflop = 1e-9 * (double)operations;
  t->seconds = bench_clock(t->options.threads) - paused(t) - start;
  free(rows);
  return status;
}

int trial_run(struct trial *t, struct error *error)
{
  struct model model = first_layers(t->synthetic, t->layers);
  const struct model_config *c = &model.config;
  struct protocol p = protocol_of(t);
  struct batch batch = {0};
  struct observations *seen = NULL;
  t->options.reserved = t->synthetic->bytes + t->sequences * t->seq_len * sizeof(int32_t) +
                        observations_bytes(&p, (int)c->layers, (int)c->heads, (int)c->head_dim);
  int status = batch_create(&p, &batch, error);
  if (!status)
    status = observations_create(&p, &batch, (int)c->layers, (int)c->heads, (int)c->head_dim, &seen,
                                 error);
  if (!status)
    status = measure(t, &model, &p, seen, batch.tokens, error);
  if (status)
    error_prefix(error, "bench");
  observations_free(seen);
  batch_free(&batch);
  return status;
}

double screen_gflop(const struct model_config *config, size_t sequences, size_t seq_len)
{
  struct hook hooks[OBSERVATION_HOOKS];
  observations_hooks(NULL, hooks);
  const struct forward_options options = {.hooks = {hooks, OBSERVATION_HOOKS}};
  return forward_gflop(config, &options, sequences, seq_len, sequences);
}

double trial_gflop(const struct trial *t, size_t layers)
{
  struct model model = first_layers(t->synthetic, layers);
  return screen_gflop(&model.config, 1, t->seq_len);
}

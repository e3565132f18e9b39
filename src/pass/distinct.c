#include "pass/distinct.h"

#include "base/memory.h"
#include "pass/engine.h"

#include <stdlib.h>
#include <string.h>

uint64_t distinct_bytes(const struct model_config *c, size_t tokens)
{
  size_t ids = tokens < c->vocab ? tokens : c->vocab;
  size_t floats = attention_row_floats(c) + (c->parallel_residual ? c->hidden : 0);
  return (uint64_t)ids * (floats * sizeof(float) + sizeof(int32_t)) +
         (uint64_t)tokens * sizeof(int32_t) + (uint64_t)c->vocab * sizeof(int32_t);
}

/* Numbers the ids in the order in which they come. Returns how many there are. */
static size_t number(const int32_t *tokens, size_t count, int32_t *seen, int32_t *slots,
                     int32_t *ids)
{
  size_t used = 0;
  for (size_t i = 0; i < count; i++) {
    if (seen[tokens[i]] < 0) {
      seen[tokens[i]] = (int32_t)used;
      ids[used++] = tokens[i];
    }
    slots[i] = seen[tokens[i]];
  }
  return used;
}

int distinct_find(const struct model_config *c, const int32_t *tokens, size_t count,
                  struct distinct *distinct, struct error *error)
{
  size_t most = count < c->vocab ? count : c->vocab;
  int32_t *seen = memory_alloc(c->vocab, sizeof *seen, "distinct tokens", error);
  *distinct = (struct distinct){.tokens = count};
  if (!seen ||
      !(distinct->slots = memory_alloc(count, sizeof *distinct->slots, "distinct tokens", error)) ||
      !(distinct->ids = memory_alloc(most, sizeof *distinct->ids, "distinct tokens", error))) {
    free(seen);
    distinct_free(distinct);
    return error->code;
  }
  memset(seen, 0xFF, c->vocab * sizeof *seen);
  distinct->count = number(tokens, count, seen, distinct->slots, distinct->ids);
  free(seen);
  return 0;
}

void distinct_free(struct distinct *distinct)
{
  free(distinct->slots);
  free(distinct->ids);
  free(distinct->qkv);
  free(distinct->mlp);
  *distinct = (struct distinct){0};
}

bool distinct_pays(const struct distinct *distinct, size_t tokens)
{
  return distinct->count < tokens - tokens / 8;
}

/* A damaged row stands for the first token of the chunk that has its id: ids are numbered in the
 * order in which they come, so that this is what computing every token would find first. */
static void name_token(struct engine *e)
{
  size_t slot = atomic_load(&e->damaged), token = 0;
  if (slot == SIZE_MAX)
    return;
  while (distinct_slot(&e->chunk.distinct, token) != slot)
    token++;
  atomic_store(&e->damaged, token);
}

/* Of ids [row0, row0 + rows), whose embeddings are in the residual stream. */
static int compute(struct engine *e, size_t row0, size_t rows, struct error *error)
{
  struct distinct *d = &e->chunk.distinct;
  size_t hidden = e->config->hidden, width = attention_row_floats(e->config);
  const struct span span = {row0, 1, rows};
  layer_project(e, &span);
  name_token(e);
  if (engine_check(e, 0, "query, key or value", error))
    return error->code;
  memcpy(d->qkv + row0 * width, e->act.qkv, rows * width * sizeof *d->qkv);
  if (d->mlp) {
    layer_mlp(e, &span);
    memcpy(d->mlp + row0 * hidden, e->act.mlp, rows * hidden * sizeof *d->mlp);
  }
  return 0;
}

/* Takes the memory of the tables. */
static int allocate(const struct engine *e, struct distinct *d, struct error *error)
{
  size_t hidden = e->config->hidden, width = attention_row_floats(e->config);
  if (!(d->qkv = memory_alloc(d->count * width, sizeof *d->qkv, "distinct tokens", error)) ||
      (need_mlp_table(e->config, &e->chunk.need) &&
       !(d->mlp = memory_alloc(d->count * hidden, sizeof *d->mlp, "distinct tokens", error))))
    return error->code;
  return 0;
}

int distinct_compute(struct engine *e, const int32_t *tokens, size_t count, struct error *error)
{
  struct distinct *d = &e->chunk.distinct;
  size_t most = e->plan.batch * e->seq_len;
  if (distinct_find(e->config, tokens, count, d, error))
    return error->code;
  e->chunk.token_tables = distinct_pays(d, count);
  if (!e->chunk.token_tables)
    return 0;
  /* The residual stream is not in use yet: it has a row for every token of the chunk. */
  if (allocate(e, d, error) || engine_embed(e, d->ids, d->count, error))
    return error->code;
  for (size_t row0 = 0; row0 < d->count; row0 += most) {
    size_t rows = d->count - row0 < most ? d->count - row0 : most;
    if (compute(e, row0, rows, error))
      return error->code;
  }
  return 0;
}

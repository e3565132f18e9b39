/* Mixture of experts: every token goes to its top_k experts; an expert is packed once for all
 * tokens of the chunk that chose it. A token's experts are added in ascending index: mixed =
 * fma(weight, output, mixed), from +0. */
#include "checkpoint/pages.h"
#include "pass/engine.h"

#include <string.h>

struct route {
  size_t row0; /* first row of the batch, in the chunk */
};

/* Top-k by logit, the lower index first among equals; weights are softmax over all experts. */
static void route_row(struct engine *e, void *context, size_t row)
{
  const struct route *route = context;
  size_t experts = e->config->experts, k = e->config->top_k;
  int32_t *routed = e->routed + (route->row0 + row) * k;
  float *routing = e->routing + (route->row0 + row) * k;
  float *logits = e->ffn + row * experts;
  if (!e->kernels->all_finite(logits, experts)) {
    engine_mark_damaged(e, row);
    return;
  }
  size_t chosen = 0;
  for (size_t i = 0; i < experts; i++) {
    size_t better = 0;
    for (size_t j = 0; j < experts && better < k; j++)
      better += logits[j] > logits[i] || (logits[j] == logits[i] && j < i);
    if (better < k)
      routed[chosen++] = (int32_t)i;
  }
  e->kernels->softmax(logits, experts, 1.0f);
  float sum = 0;
  for (size_t i = 0; i < k; i++) {
    routing[i] = logits[routed[i]];
    sum = sum + routing[i];
  }
  for (size_t i = 0; i < k && e->config->norm_topk_prob; i++)
    routing[i] = routing[i] / sum;
}

int experts_route(struct engine *e, size_t layer, size_t row0, size_t rows, struct error *error)
{
  struct route route = {row0};
  engine_product(e, &e->router, e->normed, e->config->hidden, rows, e->ffn, e->config->experts);
  engine_rows(e, rows, route_row, &route);
  return engine_check(e, layer, "router logits", row0, error);
}

/* Choices (token * top_k + slot) sorted by expert, tokens ascending within one. */
static void sort_choices(struct engine *e, size_t rows)
{
  size_t experts = e->config->experts, choices = rows * e->config->top_k;
  memset(e->starts, 0, (experts + 1) * sizeof *e->starts);
  for (size_t i = 0; i < choices; i++)
    e->starts[e->routed[i] + 1]++;
  for (size_t i = 0; i < experts; i++)
    e->starts[i + 1] += e->starts[i];
  for (size_t i = 0; i < choices; i++)
    e->order[e->starts[e->routed[i]]++] = i;
  /* Each start has moved to the next one's place. */
  memmove(e->starts + 1, e->starts, experts * sizeof *e->starts);
  e->starts[0] = 0;
}

static void gather_row(struct engine *e, void *context, size_t row)
{
  const size_t *choices = context;
  size_t hidden = e->config->hidden, token = choices[row] / e->config->top_k;
  engine_norm(e, true, e->residual + token * hidden, e->normed + row * hidden);
}

static void gate_row(struct engine *e, void *unused, size_t row)
{
  size_t ffn = e->config->ffn;
  float *x = e->ffn + row * 2 * ffn;
  (void)unused;
  e->kernels->silu_mul(x, x + ffn, x, ffn);
}

static void mix_row(struct engine *e, void *context, size_t row)
{
  const size_t *choices = context;
  size_t hidden = e->config->hidden, token = choices[row] / e->config->top_k;
  e->kernels->scale_add(e->routing[choices[row]], e->projected + row * hidden,
                        e->mixed + token * hidden, hidden);
}

void experts_fetch(const struct expert *expert)
{
  tensor_fetch(expert->gate.weight);
  tensor_fetch(expert->up.weight);
  tensor_fetch(expert->down.weight);
}

/* An expert whose tokens fit a batch needs its weights once. */
static int run_expert(struct engine *e, const struct expert *expert, const size_t *choices,
                      size_t count, struct error *error)
{
  size_t hidden = e->config->hidden, ffn = e->config->ffn, most = e->batch * e->seq_len;
  const struct segment gate_up[] = {{&expert->gate, 0, ffn}, {&expert->up, 0, ffn}};
  const struct segment down = {&expert->down, 0, hidden};
  bool once = count <= most;
  if (!once && (packed_fill(&e->up, e->kernels, e->threads, gate_up, 2, error) ||
                packed_fill(&e->down, e->kernels, e->threads, &down, 1, error)))
    return error->code;
  for (size_t at = 0; at < count; at += most) {
    size_t rows = count - at < most ? count - at : most;
    void *part = (void *)(uintptr_t)(choices + at);
    engine_rows(e, rows, gather_row, part);
    if (!once)
      engine_product(e, &e->up, e->normed, hidden, rows, e->ffn, 2 * ffn);
    else if (engine_product_once(e, gate_up, 2, e->normed, hidden, rows, e->ffn, 2 * ffn, error))
      return error->code;
    engine_rows(e, rows, gate_row, NULL);
    if (!once)
      engine_product(e, &e->down, e->ffn, 2 * ffn, rows, e->projected, hidden);
    else if (engine_product_once(e, &down, 1, e->ffn, 2 * ffn, rows, e->projected, hidden, error))
      return error->code;
    engine_rows(e, rows, mix_row, part); /* a token chooses an expert at most once */
  }
  return 0;
}

static void add_mixed_row(struct engine *e, void *unused, size_t row)
{
  size_t hidden = e->config->hidden;
  float *residual = e->residual + row * hidden;
  (void)unused;
  e->kernels->add(e->mixed + row * hidden, residual, hidden);
  if (!e->kernels->all_finite(residual, hidden))
    engine_mark_damaged(e, row);
}

int experts_run(struct engine *e, size_t layer, size_t rows, struct error *error)
{
  memset(e->mixed, 0, rows * e->config->hidden * sizeof *e->mixed);
  sort_choices(e, rows);
  for (size_t i = 0; i < e->config->experts; i++) {
    size_t count = e->starts[i + 1] - e->starts[i];
    if (i + 1 < e->config->experts)
      experts_fetch(&e->model->layers[layer].experts[i + 1]);
    if (count &&
        run_expert(e, &e->model->layers[layer].experts[i], e->order + e->starts[i], count, error))
      return error->code;
    engine_advance(e, EXPERTS_SHARE * (double)count / (double)(e->seq_len * e->config->top_k));
  }
  engine_rows(e, rows, add_mixed_row, NULL);
  return engine_check(e, layer, "residual stream", 0, error);
}

/* Mixture of experts: every token goes to its top_k experts; an expert is packed once for all
 * tokens of the chunk that chose it. A token's experts are added in ascending index: mixed =
 * fma(weight, output, mixed), from +0. */
#include "pass/engine.h"

#include <string.h>

/* Row of the step over the chunk at which the batch's rows start. */
static size_t first_row(const struct engine *e, const struct batch_rows *b)
{
  const struct rows *rows = &b->step[STEP_MLP];
  return rows_index(&e->chunk.need.step[STEP_MLP], rows_token(rows, 0, e->seq_len), e->seq_len);
}

/* Top-k by logit, the lower index first among equals; weights are softmax over all experts. */
static void route_row(struct engine *e, const void *context, size_t row)
{
  const struct batch_rows *b = context;
  size_t experts = e->config->experts, k = e->config->top_k, at = (first_row(e, b) + row) * k;
  int32_t *routed = e->act.routed + at;
  float *routing = e->act.routing + at, *logits = e->act.router + row * experts;
  if (!e->kernels->all_finite(logits, experts)) {
    engine_mark_damaged(e, rows_token(&b->step[STEP_MLP], row, e->seq_len));
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

int experts_route(struct engine *e, const struct batch_rows *b, struct error *error)
{
  const struct span span = span_of(e, &b->step[STEP_MLP]);
  size_t experts = e->config->experts;
  engine_norm_rows(e, &e->weights.norm2, &span);
  engine_product(e, &e->weights.router, e->act.normed, e->config->hidden, span.count, e->act.router,
                 experts);
  engine_rows(e, span.count, route_row, b);
  return engine_check(e, b->layer, "router logits", error);
}

/* Choices (row * top_k + slot) sorted by expert, rows ascending within one. */
static void sort_choices(struct engine *e, size_t rows)
{
  size_t experts = e->config->experts, choices = rows * e->config->top_k;
  size_t *starts = e->act.starts;
  memset(starts, 0, (experts + 1) * sizeof *starts);
  for (size_t i = 0; i < choices; i++)
    starts[e->act.routed[i] + 1]++;
  for (size_t i = 0; i < experts; i++)
    starts[i + 1] += starts[i];
  for (size_t i = 0; i < choices; i++)
    e->act.order[starts[e->act.routed[i]]++] = i;
  /* Each start has moved to the next one's place. */
  memmove(starts + 1, starts, experts * sizeof *starts);
  starts[0] = 0;
}

static void gather_row(struct engine *e, const void *context, size_t row)
{
  const size_t *choices = context;
  size_t hidden = e->config->hidden;
  size_t token =
      rows_token(&e->chunk.need.step[STEP_MLP], choices[row] / e->config->top_k, e->seq_len);
  engine_norm(e, &e->weights.norm2, e->act.residual + token * hidden, e->act.normed + row * hidden);
}

static void gate_row(struct engine *e, const void *unused, size_t row)
{
  size_t ffn = e->config->ffn;
  float *x = e->act.ffn + row * 2 * ffn;
  (void)unused;
  e->kernels->silu_mul(x, x + ffn, x, ffn);
}

static void mix_row(struct engine *e, const void *context, size_t row)
{
  const size_t *choices = context;
  size_t hidden = e->config->hidden, mixed = choices[row] / e->config->top_k;
  e->kernels->scale_add(e->act.routing[choices[row]], e->act.mlp + row * hidden,
                        e->act.mixed + mixed * hidden, hidden);
}

/* Packed at once, for more tokens than a batch has. */
static int pack(struct engine *e, struct packed *packed, const struct segment *segments,
                size_t count, struct error *error)
{
  return packed_fill(packed, e->kernels, e->threads, segments, count, error);
}

/* normed [rows][hidden] -> mlp [rows][hidden]. An expert whose tokens fit a batch needs its weights
 * once. */
static int multiply(struct engine *e, const struct segment gate_up[2], const struct segment *down,
                    bool once, size_t rows, struct error *error)
{
  struct layer_weights *w = &e->weights;
  const struct activations *a = &e->act;
  size_t hidden = e->config->hidden, wide = 2 * e->config->ffn;
  if (!once)
    engine_product(e, &w->up, a->normed, hidden, rows, a->ffn, wide);
  else if (engine_product_once(e, &w->up, gate_up, 2, a->normed, hidden, rows, a->ffn, wide, error))
    return error->code;
  engine_rows(e, rows, gate_row, NULL);
  if (!once)
    engine_product(e, &w->down, a->ffn, wide, rows, a->mlp, hidden);
  else if (engine_product_once(e, &w->up, down, 1, a->ffn, wide, rows, a->mlp, hidden, error))
    return error->code;
  return 0;
}

static int run_expert(struct engine *e, const struct expert *expert, const size_t *choices,
                      size_t count, struct error *error)
{
  size_t hidden = e->config->hidden, ffn = e->config->ffn, most = e->plan.batch * e->seq_len;
  const struct segment gate_up[] = {{&expert->gate, 0, ffn, false}, {&expert->up, 0, ffn, false}};
  const struct segment down = {&expert->down, 0, hidden, false};
  bool once = count <= most;
  if (!once &&
      (pack(e, &e->weights.up, gate_up, 2, error) || pack(e, &e->weights.down, &down, 1, error)))
    return error->code;
  for (size_t at = 0; at < count; at += most) {
    size_t rows = count - at < most ? count - at : most;
    engine_rows(e, rows, gather_row, choices + at); /* residual -> normed [rows][hidden] */
    if (multiply(e, gate_up, &down, once, rows, error))
      return error->code;
    engine_rows(e, rows, mix_row, choices + at); /* a token chooses an expert at most once */
  }
  return 0;
}

static void add_mixed_row(struct engine *e, const void *unused, size_t row)
{
  size_t hidden = e->config->hidden;
  size_t token = rows_token(&e->chunk.need.step[STEP_MLP], row, e->seq_len);
  float *residual = e->act.residual + token * hidden;
  (void)unused;
  e->kernels->add(e->act.mixed + row * hidden, residual, hidden);
  if (!e->kernels->all_finite(residual, hidden))
    engine_mark_damaged(e, token);
}

/* What a choice counts of a layer's progress: all rows' choices are the experts' share of it. */
static double choice_share(const struct engine *e, size_t choices)
{
  const struct rows *keys = &e->chunk.need.step[STEP_KEYS];
  return EXPERTS_SHARE * (double)(keys->end - keys->first) / (double)choices;
}

int experts_run(struct engine *e, size_t layer, struct error *error)
{
  const struct expert *experts = e->model->layers[layer].experts;
  const struct rows *all = &e->chunk.need.step[STEP_MLP];
  size_t rows = rows_count(all, e->seq_len);
  double share = choice_share(e, rows * e->config->top_k);
  memset(e->act.mixed, 0, rows * e->config->hidden * sizeof *e->act.mixed);
  sort_choices(e, rows);
  for (size_t i = 0; i < e->config->experts; i++) {
    size_t start = e->act.starts[i], count = e->act.starts[i + 1] - start;
    if (i + 1 < e->config->experts)
      layer_weights_fetch_expert(&experts[i + 1]);
    if (count && run_expert(e, &experts[i], e->act.order + start, count, error))
      return error->code;
    engine_advance(e, share * (double)count);
  }
  engine_show_buffer(e, SITE_MLP_OUTPUT, layer, all, e->act.mixed);
  engine_rows(e, rows, add_mixed_row, NULL);
  if (engine_check(e, layer, "residual stream", error))
    return error->code;
  engine_show_residual(e, SITE_RESIDUAL, layer, all);
  return 0;
}

/* Recording: the MLP of a layer, and its experts. */
#include "tape/recorder.h"

static size_t activate(const struct recorder *r, size_t x)
{
  if (r->config->gated_mlp)
    return tape_silu_mul(r->tape, x);
  return r->config->activation == ACTIVATION_GELU ? tape_gelu(r->tape, x)
                                                  : tape_gelu_tanh(r->tape, x);
}

static size_t dense(const struct recorder *r, const struct layer *layer, size_t index, size_t x)
{
  const struct tape_part down = recorder_of_layer(r, &layer->down);
  size_t count = 0;
  if (r->config->gated_mlp)
    r->parts[count++] = recorder_of_layer(r, &layer->gate);
  r->parts[count++] = recorder_of_layer(r, &layer->up);
  size_t up = recorder_named(r, "MLP", index, tape_linear(r->tape, x, r->parts, count));
  return tape_linear(r->tape, activate(r, up), &down, 1);
}

static size_t experts(const struct recorder *r, const struct layer *layer, size_t index, size_t x)
{
  struct tape_layer *l = &r->pass->layers[index];
  const struct model_config *c = r->config;
  struct tape *tape = r->tape;
  const struct tape_part router = recorder_whole(r, &layer->router);
  l->router = recorder_named(r, "router logits", index, tape_linear(tape, x, &router, 1));
  l->route = tape_route(tape, l->router, c->top_k, c->norm_topk_prob);
  for (size_t e = 0; e < c->experts; e++) {
    r->parts[2 * e] = recorder_whole(r, &layer->experts[e].gate);
    r->parts[2 * e + 1] = recorder_whole(r, &layer->experts[e].up);
  }
  size_t rows = tape_gather(tape, x, l->route);
  size_t up = tape_expert_linear(tape, rows, l->route, r->parts, 2);
  size_t inner = activate(r, recorder_named(r, "experts", index, up));
  for (size_t e = 0; e < c->experts; e++)
    r->parts[e] = recorder_whole(r, &layer->experts[e].down);
  return tape_combine(tape, tape_expert_linear(tape, inner, l->route, r->parts, 1), l->route);
}

size_t recorder_mlp(const struct recorder *r, const struct layer *layer, size_t index, size_t x)
{
  if (r->config->experts)
    return experts(r, layer, index, x);
  return recorder_norm_branch(r, dense(r, layer, index, x), layer->norm2, layer->norm2_bias);
}

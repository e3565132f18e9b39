#include "tape/model.h"

#include "base/memory.h"
#include "pass/attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tape_model {
  const struct parameters *parameters;
  struct tape_model_options options;
  size_t micro_batches;
  struct tape *tape;
  struct tape_pass pass;
  size_t entropy;            /* losses on the tape */
  size_t *balancing, *z;     /* [layers]; TAPE_NONE = left out */
  double *layer_losses;      /* [2 * layers] A and Z of the batch */
  int32_t *inputs, *targets; /* [micro_batch * seq_len] */
};

/* --- creation --- */

static int check_options(struct tape_model *m, struct error *error)
{
  struct tape_model_options *o = &m->options;
  const struct model_config *c = &m->parameters->model.config;
  o->micro_batch = o->micro_batch ? o->micro_batch : o->batch;
  if (!o->batch || !o->seq_len || o->batch > INT32_MAX || o->seq_len > INT32_MAX)
    return error_set(error, EXIT_INPUT,
                     "a batch of %zu sequences of %zu tokens: neither may be 0 "
                     "or more than %d",
                     o->batch, o->seq_len, INT32_MAX);
  if (o->seq_len > c->context)
    return error_set(error, EXIT_INPUT, "%zu tokens per sequence: the model has %zu positions",
                     o->seq_len, c->context);
  if (o->batch % o->micro_batch)
    return error_set(error, EXIT_INPUT,
                     "a micro-batch of %zu sequences does not divide the batch of %zu",
                     o->micro_batch, o->batch);
  m->micro_batches = o->batch / o->micro_batch;
  return 0;
}

static int allocate_arrays(struct tape_model *m, struct error *error)
{
  size_t layers = m->parameters->model.config.layers;
  size_t tokens = m->options.micro_batch * m->options.seq_len;
  if (!(m->inputs = memory_zeroed(tokens, sizeof *m->inputs, "batch", error)) ||
      !(m->targets = memory_zeroed(tokens, sizeof *m->targets, "batch", error)) ||
      !(m->balancing = memory_alloc(layers, sizeof *m->balancing, "batch", error)) ||
      !(m->z = memory_alloc(layers, sizeof *m->z, "batch", error)) ||
      !(m->layer_losses = memory_zeroed(2 * layers, sizeof *m->layer_losses, "batch", error)))
    return error->code;
  return 0;
}

/* Every micro-batch counts by its share of the batch. */
static void record_losses(struct tape_model *m)
{
  const struct tape_model_options *o = &m->options;
  double share = 1.0 / (double)m->micro_batches;
  double tokens = (double)o->batch * (double)o->seq_len;
  m->entropy = tape_cross_entropy(m->tape, m->pass.logits, m->targets, NULL, 1.0 / tokens);
  for (size_t i = 0; i < m->pass.count; i++) {
    const struct tape_layer *l = &m->pass.layers[i];
    m->balancing[i] = m->z[i] = TAPE_NONE;
    if (l->route == TAPE_NONE)
      continue;
    m->balancing[i] = tape_load_balancing(m->tape, l->router, l->route, o->load_balancing * share);
    m->z[i] = tape_router_z(m->tape, l->router, l->route, o->router_z * share);
  }
}

static int create(struct tape_model *m, struct error *error)
{
  const struct tape_model_options *o = &m->options;
  if (check_options(m, error) || allocate_arrays(m, error) ||
      tape_create(o->kernels, o->threads, &m->tape, error))
    return error->code;
  const struct tape_pass_input input = {.parameters = m->parameters,
                                        .gradients = true,
                                        .sequences = o->micro_batch,
                                        .seq_len = o->seq_len,
                                        .tokens = m->inputs,
                                        .embedding = TAPE_NONE,
                                        .replacements = o->replacements,
                                        .replacement_count = o->replacement_count};
  if (tape_pass_record(m->tape, &input, NULL, &m->pass, error))
    return error->code;
  record_losses(m);
  return 0;
}

int tape_model_create(const struct parameters *parameters, const struct tape_model_options *options,
                      struct tape_model **model, struct error *error)
{
  struct tape_model *m = memory_zeroed(1, sizeof *m, "model", error);
  *model = m;
  if (!m)
    return error->code;
  m->parameters = parameters;
  m->options = *options;
  return create(m, error);
}

void tape_model_free(struct tape_model *m)
{
  if (!m)
    return;
  tape_free(m->tape);
  tape_pass_free(&m->pass);
  free(m->inputs);
  free(m->targets);
  free(m->balancing);
  free(m->z);
  free(m->layer_losses);
  free(m);
}

uint64_t tape_model_bytes(const struct tape_model *m)
{
  size_t tokens = m->options.micro_batch * m->options.seq_len;
  return tape_bytes(m->tape) + 2 * tokens * sizeof *m->inputs +
         2 * m->options.seq_len * m->pass.rope.half * sizeof(float);
}

int tape_model_plan(struct tape_model *m, struct error *error)
{
  return tape_plan(m->tape, m->micro_batches > 1, error);
}

int tape_model_allocate(struct tape_model *m, struct error *error)
{
  return tape_allocate(m->tape, error);
}

double tape_model_gflop(const struct tape_model *m)
{
  const struct model_config *c = &m->parameters->model.config;
  double tokens = (double)m->options.batch * (double)m->options.seq_len, weights = 0;
  for (size_t i = 0; i < m->parameters->count; i++) {
    const struct parameter *p = &m->parameters->list[i];
    bool expert = c->experts && strstr(p->name, ".experts.");
    if (p->rank > 1 && (p->decays || c->tied))
      weights += (double)p->elements * (expert ? (double)c->top_k / (double)c->experts : 1);
  }
  double attention = (double)attention_operations(c, m->options.seq_len, m->options.batch, false);
  return 3 * (2 * tokens * weights + (double)c->layers * attention) / 1e9;
}

/* --- running --- */

/* Those of micro-batch `number`. */
static int take_tokens(struct tape_model *m, const int32_t *batch, size_t number,
                       struct error *error)
{
  size_t seq_len = m->options.seq_len, vocab = m->parameters->model.config.vocab;
  size_t first = number * m->options.micro_batch;
  const int32_t *tokens = batch + first * (seq_len + 1);
  for (size_t s = 0; s < m->options.micro_batch; s++)
    for (size_t i = 0; i <= seq_len; i++) {
      int32_t token = tokens[s * (seq_len + 1) + i];
      if (token < 0 || (size_t)token >= vocab)
        return error_set(error, EXIT_INPUT,
                         "sequence %zu, token %zu: id %d is outside the vocabulary of %zu",
                         first + s, i, token, vocab);
      if (i < seq_len)
        m->inputs[s * seq_len + i] = token;
      if (i > 0)
        m->targets[s * seq_len + i - 1] = token;
    }
  return 0;
}

/* Adds a micro-batch's losses to those of the batch. */
static void add_losses(struct tape_model *m, struct tape_losses *losses)
{
  size_t layers = m->pass.count;
  losses->cross_entropy += tape_loss(m->tape, m->entropy);
  for (size_t i = 0; i < layers && m->balancing[i] != TAPE_NONE; i++) {
    m->layer_losses[i] += tape_loss(m->tape, m->balancing[i]);
    m->layer_losses[layers + i] += tape_loss(m->tape, m->z[i]);
  }
}

static void finish_losses(struct tape_model *m, struct tape_losses *losses)
{
  const struct tape_model_options *o = &m->options;
  double parts = (double)m->micro_batches;
  losses->cross_entropy /= (double)o->batch * (double)o->seq_len;
  losses->loss = losses->cross_entropy;
  losses->layers = m->balancing[0] == TAPE_NONE ? 0 : m->pass.count;
  losses->load_balancing = m->layer_losses;
  losses->router_z = m->layer_losses + m->pass.count;
  for (size_t i = 0; i < losses->layers; i++) {
    m->layer_losses[i] /= parts;
    m->layer_losses[m->pass.count + i] /= parts;
    losses->loss +=
        o->load_balancing * losses->load_balancing[i] + o->router_z * losses->router_z[i];
  }
}

/* Names the parameter whose gradient is not finite; 0 when all are. */
static int check_gradients(const struct tape_model *m, struct error *error)
{
  for (size_t i = 0; i < m->parameters->count; i++) {
    const struct parameter *p = &m->parameters->list[i];
    if (m->options.kernels->all_finite(p->gradient, p->elements))
      continue;
    size_t at = 0;
    while (at + 1 < p->elements && isfinite(p->gradient[at]))
      at++;
    return error_set(error, EXIT_INPUT,
                     "the gradient of %s holds a NaN or an infinity at element "
                     "%zu",
                     p->name, at);
  }
  return 0;
}

/* Something is not finite: the same micro-batches once more, value by value. */
static int explain(struct tape_model *m, const int32_t *tokens, struct error *error)
{
  for (size_t i = 0; i < m->micro_batches; i++)
    if (take_tokens(m, tokens, i, error) || tape_check(m->tape, error))
      return error->code;
  return error_set(error, EXIT_INPUT, "the sum of the gradients of micro-batches is not finite");
}

static int run(struct tape_model *m, const int32_t *tokens, bool gradients,
               struct tape_losses *losses, struct error *error)
{
  *losses = (struct tape_losses){0};
  memset(m->layer_losses, 0, 2 * m->pass.count * sizeof *m->layer_losses);
  for (size_t i = 0; i < m->micro_batches; i++) {
    if (take_tokens(m, tokens, i, error))
      return error->code;
    tape_forward(m->tape);
    add_losses(m, losses);
    if (gradients)
      tape_backward(m->tape, i > 0);
  }
  finish_losses(m, losses);
  if (!isfinite(losses->loss) || (gradients && check_gradients(m, error)))
    return explain(m, tokens, error);
  return 0;
}

int tape_model_run(struct tape_model *m, const int32_t *tokens, struct tape_losses *losses,
                   struct error *error)
{
  return run(m, tokens, true, losses, error);
}

int tape_model_evaluate(struct tape_model *m, const int32_t *tokens, struct tape_losses *losses,
                        struct error *error)
{
  return run(m, tokens, false, losses, error);
}

const double *tape_model_token_losses(const struct tape_model *m)
{
  return tape_row_losses(m->tape, m->entropy);
}

const struct tape_pass *tape_model_pass(const struct tape_model *m)
{
  return &m->pass;
}

struct tape *tape_model_tape(struct tape_model *m)
{
  return m->tape;
}

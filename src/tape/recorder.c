#include "tape/recorder.h"

#include "base/memory.h"
#include "tape/replacing.h"

#include <stdio.h>
#include <stdlib.h>

size_t recorder_leaf(const struct recorder *r, const struct tensor *tensor)
{
  const struct parameters *parameters = r->input->parameters;
  const struct parameter *parameter = parameters_of(parameters, tensor);
  return parameter ? r->pass->leaves[parameter - parameters->list] : TAPE_NONE;
}

struct tape_part recorder_whole(const struct recorder *r, const struct linear *linear)
{
  size_t weight = recorder_leaf(r, linear->weight);
  return (struct tape_part){weight, recorder_leaf(r, linear->bias), 0, tape_rows(r->tape, weight)};
}

struct tape_part recorder_of_layer(const struct recorder *r, const struct linear *linear)
{
  struct tape_part part = recorder_whole(r, linear);
  if (r->config->input_major) {
    part.weight = tape_transpose(r->tape, part.weight);
    part.count = tape_rows(r->tape, part.weight);
  }
  return part;
}

size_t recorder_site(const struct recorder *r, enum site_kind kind, size_t layer, size_t value)
{
  char name[SITE_NAME_SIZE];
  tape_name(r->tape, value, site_format(&(struct site){kind, layer, SITE_ALL}, name));
  return replacing_apply(r->pass->replacing, r->tape, r->input, kind, layer, value);
}

size_t recorder_named(const struct recorder *r, const char *what, size_t layer, size_t value)
{
  char name[TAPE_NAME];
  snprintf(name, sizeof name, "%s of layer %zu", what, layer);
  tape_name(r->tape, value, name);
  return value;
}

size_t recorder_norm(const struct recorder *r, size_t x, const struct tensor *gain,
                     const struct tensor *bias)
{
  const struct model_config *c = r->config;
  if (c->norm_kind == NORM_RMS)
    return tape_rms_norm(r->tape, x, recorder_leaf(r, gain), c->norm_eps);
  return tape_layer_norm(r->tape, x, recorder_leaf(r, gain), recorder_leaf(r, bias), c->norm_eps);
}

size_t recorder_enter(const struct recorder *r, const char *what, size_t index, size_t x,
                      const struct tensor *gain, const struct tensor *bias)
{
  if (r->config->branch_norms)
    return x;
  return recorder_named(r, what, index, recorder_norm(r, x, gain, bias));
}

size_t recorder_norm_branch(const struct recorder *r, size_t x, const struct tensor *gain,
                            const struct tensor *bias)
{
  return r->config->branch_norms ? recorder_norm(r, x, gain, bias) : x;
}

size_t recorder_embed(const struct recorder *r)
{
  size_t tokens = r->input->sequences * r->input->seq_len;
  size_t x = tape_embed(r->tape, recorder_leaf(r, r->model->embedding), r->input->tokens, tokens);
  if (!r->config->learned_positions)
    return x;
  size_t rows =
      tape_select_rows(r->tape, recorder_leaf(r, r->model->positions), r->positions, tokens);
  return tape_add(r->tape, (const size_t[]){x, rows}, 2);
}

struct tape_collect recorder_collect(const struct recorder *r, size_t destination)
{
  const struct tape_pass_input *input = r->input;
  size_t part = input->seq_len * r->config->hidden;
  size_t destinations = r->config->layers * (3 * r->config->heads + 1) + 1;
  return (struct tape_collect){input->sums + destination * part, input->repeats, input->seq_len,
                               destinations * part, part};
}

/* --- the start --- */

static void record_leaves(const struct recorder *r, const struct tape_pass *shared)
{
  const struct parameters *p = r->input->parameters;
  for (size_t i = 0; i < p->count; i++) {
    const struct parameter *one = &p->list[i];
    r->pass->leaves[i] = shared ? shared->leaves[i]
                                : tape_leaf(r->tape, one->rows, one->columns, one->values,
                                            r->input->gradients ? one->gradient : NULL);
    tape_name(r->tape, r->pass->leaves[i], one->name);
  }
}

static int allocate(struct recorder *r, struct error *error)
{
  const struct model_config *c = r->config;
  struct tape_pass *pass = r->pass;
  size_t tokens = r->input->sequences * r->input->seq_len;
  struct replacing *replacing = memory_zeroed(1, sizeof *replacing, "tape", error);
  if (!(pass->replacing = replacing))
    return error->code;
  *replacing = (struct replacing){
      .config = c, .seq_len = r->input->seq_len, .sequences = r->input->sequences};
  pass->count = c->layers;
  if (!(pass->layers = memory_zeroed(c->layers, sizeof *pass->layers, "tape", error)) ||
      !(pass->leaves =
            memory_alloc(r->input->parameters->count, sizeof *pass->leaves, "tape", error)) ||
      !(r->parts = memory_alloc(3 * c->heads + 2 * c->experts, sizeof *r->parts, "tape", error)) ||
      !(r->gains = memory_alloc(c->heads, sizeof *r->gains, "tape", error)) ||
      !(r->positions = memory_alloc(tokens, sizeof *r->positions, "tape", error)))
    return error->code;
  for (size_t i = 0; i < tokens; i++)
    r->positions[i] = (int32_t)(i % r->input->seq_len);
  return rope_create(&pass->rope, c, r->input->seq_len, error);
}

int recorder_start(struct recorder *r, const struct tape_pass *shared, struct error *error)
{
  r->model = &r->input->parameters->model;
  r->config = &r->model->config;
  *r->pass = (struct tape_pass){0};
  if (!r->model->lm_head.weight)
    return error_set(error, EXIT_INPUT, "%s: a base model, stored without its LM head",
                     checkpoint_path(r->model->checkpoint));
  if (allocate(r, error))
    return error->code;
  record_leaves(r, shared);
  return 0;
}

void recorder_end(struct recorder *r)
{
  free(r->parts);
  free(r->gains);
  free(r->positions);
}

#include "tape/pass.h"

#include "base/memory.h"
#include "tape/op.h"
#include "tape/replacing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* While a pass is recorded. */
struct recorder {
  struct tape *tape;
  const struct tape_pass_input *input;
  const struct model_config *config;
  const struct model *model;
  struct tape_pass *pass;
  struct tape_part *parts; /* [3 * heads + 2 * experts] */
  size_t *gains;           /* [heads] */
  int32_t *positions;      /* [tokens] of each token */
};

/* The leaf of a tensor of the model; TAPE_NONE where there is none. */
static size_t leaf(const struct recorder *r, const struct tensor *tensor)
{
  const struct parameters *parameters = r->input->parameters;
  const struct parameter *parameter = parameters_of(parameters, tensor);
  return parameter ? r->pass->leaves[parameter - parameters->list] : TAPE_NONE;
}

static struct tape_part whole(const struct recorder *r, const struct linear *linear)
{
  size_t weight = leaf(r, linear->weight);
  return (struct tape_part){weight, leaf(r, linear->bias), 0, tape_rows(r->tape, weight)};
}

/* The same of a layer, whose matrices a family may store [in][out]. */
static struct tape_part of_layer(const struct recorder *r, const struct linear *linear)
{
  struct tape_part part = whole(r, linear);
  if (r->config->input_major) {
    part.weight = tape_transpose(r->tape, part.weight);
    part.count = tape_rows(r->tape, part.weight);
  }
  return part;
}

static size_t linear(const struct recorder *r, size_t x, const struct tape_part *part)
{
  return tape_linear(r->tape, x, part, 1);
}

/* A site's value: replacements come before anything reads it, and its name for messages. */
static size_t site(const struct recorder *r, enum site_kind kind, size_t layer, size_t value)
{
  char name[SITE_NAME_SIZE];
  tape_name(r->tape, value, site_format(&(struct site){kind, layer, SITE_ALL}, name));
  return replacing_apply(r->pass->replacing, r->tape, r->input, kind, layer, value);
}

/* A name for a value that is no site. */
static size_t named(const struct recorder *r, const char *what, size_t layer, size_t value)
{
  char name[TAPE_NAME];
  snprintf(name, sizeof name, "%s of layer %zu", what, layer);
  tape_name(r->tape, value, name);
  return value;
}

static size_t norm(const struct recorder *r, size_t x, const struct tensor *gain,
                   const struct tensor *bias)
{
  const struct model_config *c = r->config;
  if (c->norm_kind == NORM_RMS)
    return tape_rms_norm(r->tape, x, leaf(r, gain), c->norm_eps);
  return tape_layer_norm(r->tape, x, leaf(r, gain), leaf(r, bias), c->norm_eps);
}

/* --- attention --- */

/* Queries, keys and values of all heads one under the other, as pass/layer_weights.c has them. */
static size_t project(const struct recorder *r, const struct layer *layer, size_t x)
{
  const struct linear *const linears[] = {&layer->query, &layer->key, &layer->value};
  const struct model_config *c = r->config;
  size_t count = 0;
  for (size_t part = 0; part < 3 && c->qkv_layout == QKV_APART; part++)
    r->parts[count++] = of_layer(r, linears[part]);
  if (c->qkv_layout == QKV_APART)
    return tape_linear(r->tape, x, r->parts, count);
  const struct tape_part all = of_layer(r, &layer->query);
  for (size_t part = 0; part < 3 && c->qkv_layout == QKV_PER_HEAD; part++)
    for (size_t head = 0; head < c->heads; head++)
      r->parts[count++] =
          (struct tape_part){all.weight, all.bias, (3 * head + part) * c->head_dim, c->head_dim};
  return count ? tape_linear(r->tape, x, r->parts, count) : linear(r, x, &all);
}

/* The first `heads` heads of x. */
static size_t rotate(const struct recorder *r, size_t x, size_t heads)
{
  const struct rope *rope = &r->pass->rope;
  if (!rope->half) /* learned positions */
    return x;
  return tape_rope(r->tape, x,
                   &(struct tape_rotation){.seq_len = r->input->seq_len,
                                           .head_dim = r->config->head_dim,
                                           .half = rope->half,
                                           .heads = heads,
                                           .cosine = rope->cosine,
                                           .sine = rope->sine});
}

/* The norm of queries or keys: over all heads, or of each with the gain of all or its own. */
static size_t norm_heads(const struct recorder *r, size_t x, const struct tensor *gain,
                         const struct tensor *const *gains, size_t heads)
{
  const struct model_config *c = r->config;
  size_t shared = leaf(r, gain);
  if (c->qk_norm == QK_NORM_FULL)
    return tape_rms_norm(r->tape, x, shared, c->norm_eps);
  if (c->qk_norm == QK_NORM_SHARED)
    return tape_head_norm(r->tape, x, heads, &shared, 1, true, c->norm_eps);
  for (size_t head = 0; head < heads; head++)
    r->gains[head] = leaf(r, gains[head]);
  return tape_head_norm(r->tape, x, heads, r->gains, heads, false, c->norm_eps);
}

/* Norm and clipping of queries and keys apart, then rotation. */
static void normed_apart(const struct recorder *r, const struct layer *layer, size_t parts[3])
{
  const struct model_config *c = r->config;
  const struct tensor *const *queries = (const struct tensor *const *)layer->query_norms;
  const struct tensor *const *keys = (const struct tensor *const *)layer->key_norms;
  parts[0] = norm_heads(r, parts[0], layer->query_norm, queries, c->heads);
  parts[1] = norm_heads(r, parts[1], layer->key_norm, keys, c->kv_heads);
  for (int i = 0; i < 3 && c->clip_qkv > 0; i++)
    parts[i] = tape_clip(r->tape, parts[i], c->clip_qkv);
  parts[0] = rotate(r, parts[0], c->heads);
  parts[1] = rotate(r, parts[1], c->kv_heads);
}

/* Norm, clipping and rotation as pass/layer.c has them. */
static void queries_keys_values(const struct recorder *r, const struct layer *layer, size_t index,
                                size_t x, struct tape_layer *l)
{
  const struct model_config *c = r->config;
  size_t queries = c->heads * c->head_dim, keys = c->kv_heads * c->head_dim;
  size_t qkv = named(r, "queries, keys and values", index, project(r, layer, x));
  bool together = c->qk_norm == QK_NORM_NONE;
  if (together && c->clip_qkv > 0)
    qkv = tape_clip(r->tape, qkv, c->clip_qkv);
  if (together)
    qkv = rotate(r, qkv, c->heads + c->kv_heads);
  size_t parts[] = {tape_view(r->tape, qkv, 0, queries), tape_view(r->tape, qkv, queries, keys),
                    tape_view(r->tape, qkv, queries + keys, keys)};
  if (!together)
    normed_apart(r, layer, parts);
  l->query = site(r, SITE_QUERY, index, parts[0]);
  l->key = site(r, SITE_KEY, index, parts[1]);
  l->value = site(r, SITE_VALUE, index, parts[2]);
}

/* As pass/attention.c has it. */
static float scale_of(const struct model_config *c, size_t layer)
{
  double divisor = sqrt((double)c->head_dim);
  return (float)(1.0 / (c->scale_by_layer ? divisor * (double)(layer + 1) : divisor));
}

/* The norm behind attention or MLP, where a family has it there. */
static size_t norm_branch(const struct recorder *r, size_t x, const struct tensor *gain,
                          const struct tensor *bias)
{
  return r->config->branch_norms ? norm(r, x, gain, bias) : x;
}

static void attend(const struct recorder *r, const struct layer *layer, size_t index,
                   struct tape_layer *l)
{
  const struct model_config *c = r->config;
  const struct tape_heads heads = {r->input->sequences, r->input->seq_len, c->heads,
                                   c->kv_heads,         c->head_dim,       scale_of(c, index)};
  const struct tape_part output = of_layer(r, &layer->output);
  l->scores = site(r, SITE_SCORES, index, tape_scores(r->tape, l->query, l->key, &heads));
  size_t pattern =
      tape_causal_softmax(r->tape, l->scores, heads.seq_len, model_config_window(c, index));
  l->pattern = site(r, SITE_PATTERN, index, pattern);
  l->heads = site(r, SITE_HEAD_OUTPUT, index, tape_mix(r->tape, l->pattern, l->value, &heads));
  size_t attention = linear(r, l->heads, &output);
  l->attention = site(r, SITE_ATTENTION_OUTPUT, index,
                      norm_branch(r, attention, layer->norm1, layer->norm1_bias));
}

/* --- MLP --- */

static size_t activate(const struct recorder *r, size_t x)
{
  if (r->config->gated_mlp)
    return tape_silu_mul(r->tape, x);
  return r->config->activation == ACTIVATION_GELU ? tape_gelu(r->tape, x)
                                                  : tape_gelu_tanh(r->tape, x);
}

static size_t dense(const struct recorder *r, const struct layer *layer, size_t index, size_t x)
{
  const struct tape_part down = of_layer(r, &layer->down);
  size_t count = 0;
  if (r->config->gated_mlp)
    r->parts[count++] = of_layer(r, &layer->gate);
  r->parts[count++] = of_layer(r, &layer->up);
  size_t up = named(r, "MLP", index, tape_linear(r->tape, x, r->parts, count));
  return linear(r, activate(r, up), &down);
}

static size_t experts(const struct recorder *r, const struct layer *layer, size_t index, size_t x)
{
  struct tape_layer *l = &r->pass->layers[index];
  const struct model_config *c = r->config;
  struct tape *tape = r->tape;
  const struct tape_part router = whole(r, &layer->router);
  l->router = named(r, "router logits", index, linear(r, x, &router));
  l->route = tape_route(tape, l->router, c->top_k, c->norm_topk_prob);
  for (size_t e = 0; e < c->experts; e++) {
    r->parts[2 * e] = whole(r, &layer->experts[e].gate);
    r->parts[2 * e + 1] = whole(r, &layer->experts[e].up);
  }
  size_t rows = tape_gather(tape, x, l->route);
  size_t up = tape_expert_linear(tape, rows, l->route, r->parts, 2);
  size_t inner = activate(r, named(r, "experts", index, up));
  for (size_t e = 0; e < c->experts; e++)
    r->parts[e] = whole(r, &layer->experts[e].down);
  return tape_combine(tape, tape_expert_linear(tape, inner, l->route, r->parts, 1), l->route);
}

/* --- the pass --- */

/* What attention or MLP read of the residual stream. */
static size_t enter(const struct recorder *r, const char *what, size_t index, size_t x,
                    const struct tensor *gain, const struct tensor *bias)
{
  return r->config->branch_norms ? x : named(r, what, index, norm(r, x, gain, bias));
}

static size_t mlp(const struct recorder *r, const struct layer *layer, size_t index, size_t x)
{
  if (r->config->experts)
    return experts(r, layer, index, x);
  return norm_branch(r, dense(r, layer, index, x), layer->norm2, layer->norm2_bias);
}

static size_t record_layer(const struct recorder *r, size_t index, size_t residual)
{
  const struct layer *layer = &r->model->layers[index];
  struct tape_layer *l = &r->pass->layers[index];
  bool parallel = r->config->parallel_residual;
  size_t normed =
      enter(r, "norm before attention", index, residual, layer->norm1, layer->norm1_bias);
  l->router = l->route = TAPE_NONE;
  queries_keys_values(r, layer, index, normed, l);
  attend(r, layer, index, l);
  size_t between = residual;
  if (!parallel)
    between = tape_add(r->tape, (const size_t[]){residual, l->attention}, 2);
  if (layer->norm2 || !parallel) /* else the first norm serves both */
    normed = enter(r, "norm before the MLP", index, between, layer->norm2, layer->norm2_bias);
  l->mlp = site(r, SITE_MLP_OUTPUT, index, mlp(r, layer, index, normed));
  size_t after = parallel ? tape_add(r->tape, (const size_t[]){l->mlp, l->attention, residual}, 3)
                          : tape_add(r->tape, (const size_t[]){between, l->mlp}, 2);
  l->residual = site(r, SITE_RESIDUAL, index, after);
  return l->residual;
}

/* Rows of the embedding, and of the positions where these are learned. */
static size_t embed(const struct recorder *r)
{
  size_t tokens = r->input->sequences * r->input->seq_len;
  size_t x = tape_embed(r->tape, leaf(r, r->model->embedding), r->input->tokens, tokens);
  if (!r->config->learned_positions)
    return x;
  size_t rows = tape_select_rows(r->tape, leaf(r, r->model->positions), r->positions, tokens);
  return tape_add(r->tape, (const size_t[]){x, rows}, 2);
}

static void record_all(const struct recorder *r)
{
  const struct model *m = r->model;
  struct tape_pass *pass = r->pass;
  size_t x = r->input->embedding;
  x = pass->embedding = site(r, SITE_EMBEDDING, 0, x == TAPE_NONE ? embed(r) : x);
  for (size_t i = 0; i < pass->count; i++)
    x = record_layer(r, i, x);
  pass->final_norm = site(r, SITE_FINAL_NORM, 0, norm(r, x, m->final_norm, m->final_norm_bias));
  const struct tape_part head = whole(r, &m->lm_head);
  pass->logits = site(r, SITE_LOGITS, 0, linear(r, pass->final_norm, &head));
}

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

static void ignore(void *context, const struct hook_value *value, float *data)
{
  (void)context;
  (void)value;
  (void)data;
}

/* Whether the model has the sites and positions: they are hooks' in all but what they do. */
static int check_replacements(const struct tape_pass_input *input, const struct model_config *c,
                              struct error *error)
{
  for (size_t i = 0; i < input->replacement_count; i++) {
    const struct tape_replacement *t = &input->replacements[i];
    const struct hook hook = {.site = t->site, .positions = t->positions, .write = ignore};
    if (hooks_check(&(struct hooks){&hook, 1}, c, input->seq_len, error))
      return error->code;
    if (t->positions.kind == POSITIONS_EACH)
      return error_set(error, EXIT_INPUT, "replacements: positions are those of all sequences");
  }
  return 0;
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

int tape_pass_record(struct tape *tape, const struct tape_pass_input *input,
                     const struct tape_pass *shared, struct tape_pass *pass, struct error *error)
{
  const struct model *model = &input->parameters->model;
  struct recorder r = {
      .tape = tape, .input = input, .config = &model->config, .model = model, .pass = pass};
  *pass = (struct tape_pass){0};
  if (!model->lm_head.weight)
    return error_set(error, EXIT_INPUT, "%s: a base model, stored without its LM head",
                     checkpoint_path(model->checkpoint));
  int status = check_replacements(input, r.config, error);
  if (!status)
    status = allocate(&r, error);
  if (!status) {
    record_leaves(&r, shared);
    record_all(&r);
  }
  free(r.parts);
  free(r.gains);
  free(r.positions);
  return status;
}

void tape_pass_free(struct tape_pass *pass)
{
  if (pass->replacing)
    replacing_free(pass->replacing);
  free(pass->replacing);
  free(pass->layers);
  free(pass->leaves);
  rope_free(&pass->rope);
  *pass = (struct tape_pass){0};
}

/* --- sites --- */

static size_t value_of(const struct tape_pass *pass, const struct site *site)
{
  const struct tape_layer *l = site_has_layer(site->kind) ? &pass->layers[site->layer] : NULL;
  switch (site->kind) {
  case SITE_EMBEDDING:
    return pass->embedding;
  case SITE_KEY:
    return l->key;
  case SITE_VALUE:
    return l->value;
  case SITE_QUERY:
    return l->query;
  case SITE_SCORES:
    return l->scores;
  case SITE_PATTERN:
    return l->pattern;
  case SITE_HEAD_OUTPUT:
    return l->heads;
  case SITE_ATTENTION_OUTPUT:
    return l->attention;
  case SITE_MLP_OUTPUT:
    return l->mlp;
  case SITE_RESIDUAL:
    return l->residual;
  case SITE_FINAL_NORM:
    return pass->final_norm;
  case SITE_LOGITS:
    return pass->logits;
  }
  return TAPE_NONE;
}

struct tape_site tape_pass_site(const struct tape_pass *pass, const struct model_config *c,
                                size_t seq_len, const struct site *site)
{
  size_t value = value_of(pass, site);
  if (site->kind == SITE_SCORES || site->kind == SITE_PATTERN)
    return (struct tape_site){value, 0, seq_len};
  if (site_has_head(site->kind))
    return (struct tape_site){value, site->head * c->head_dim, c->head_dim};
  return (struct tape_site){value, 0, site->kind == SITE_LOGITS ? c->vocab : c->hidden};
}

#include "tape/pass.h"

#include "tape/recorder.h"
#include "tape/replacing.h"

#include <stdlib.h>

/* What an MLP or the final norm reads: with sums, a value whose gradient they get. */
static size_t read(const struct recorder *r, size_t x, size_t destination)
{
  if (!r->input->sums)
    return x;
  const struct tape_collect collect = recorder_collect(r, destination);
  return tape_fork(r->tape, x, &collect);
}

/* What the MLP reads, normed; a norm that serves attention, too, is not computed twice. */
static size_t enter_mlp(const struct recorder *r, size_t index, size_t x, size_t normed)
{
  const struct layer *layer = &r->model->layers[index];
  bool own = layer->norm2 || !r->config->parallel_residual;
  if (!own && !r->input->sums)
    return normed;
  size_t from = read(r, x, (index + 1) * (3 * r->config->heads + 1) - 1);
  return recorder_enter(r, "norm before the MLP", index, from, own ? layer->norm2 : layer->norm1,
                        own ? layer->norm2_bias : layer->norm1_bias);
}

static size_t record_layer(const struct recorder *r, size_t index, size_t residual)
{
  struct tape_layer *l = &r->pass->layers[index];
  bool parallel = r->config->parallel_residual;
  l->router = l->route = TAPE_NONE;
  size_t normed = recorder_attention(r, index, residual), between = residual;
  if (!parallel)
    between = tape_add(r->tape, (const size_t[]){residual, l->attention}, 2);
  normed = enter_mlp(r, index, between, normed);
  size_t mlp = recorder_mlp(r, &r->model->layers[index], index, normed);
  l->mlp = recorder_site(r, SITE_MLP_OUTPUT, index, mlp);
  size_t after = parallel ? tape_add(r->tape, (const size_t[]){l->mlp, l->attention, residual}, 3)
                          : tape_add(r->tape, (const size_t[]){between, l->mlp}, 2);
  l->residual = recorder_site(r, SITE_RESIDUAL, index, after);
  return l->residual;
}

/* The last position of every sequence. */
static size_t last_rows(const struct recorder *r, size_t x)
{
  size_t sequences = r->input->sequences, seq_len = r->input->seq_len;
  int32_t *rows = op_copy(r->tape, r->positions, sequences * sizeof *rows);
  for (size_t i = 0; rows && i < sequences; i++)
    rows[i] = (int32_t)((i + 1) * seq_len - 1);
  size_t selected = rows ? tape_select_rows(r->tape, x, rows, sequences) : TAPE_NONE;
  free(rows);
  return selected;
}

size_t recorder_top(const struct recorder *r, size_t x)
{
  const struct model *m = r->model;
  if (r->input->head)
    x = last_rows(r, x);
  size_t normed = recorder_norm(r, x, m->final_norm, m->final_norm_bias);
  r->pass->final_norm = recorder_site(r, SITE_FINAL_NORM, 0, normed);
  const struct tape_part head = r->input->head ? *r->input->head : recorder_whole(r, &m->lm_head);
  r->pass->logits =
      recorder_site(r, SITE_LOGITS, 0, tape_linear(r->tape, r->pass->final_norm, &head, 1));
  return r->pass->logits;
}

static void record_all(const struct recorder *r)
{
  struct tape_pass *pass = r->pass;
  size_t x = r->input->embedding;
  x = pass->embedding = recorder_site(r, SITE_EMBEDDING, 0, x == TAPE_NONE ? recorder_embed(r) : x);
  for (size_t i = 0; i < pass->count; i++)
    x = record_layer(r, i, x);
  (void)recorder_top(r, read(r, x, pass->count * (3 * r->config->heads + 1)));
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

int tape_pass_record(struct tape *tape, const struct tape_pass_input *input,
                     const struct tape_pass *shared, struct tape_pass *pass, struct error *error)
{
  struct recorder r = {.tape = tape, .input = input, .pass = pass};
  int status = recorder_start(&r, shared, error);
  if (!status)
    status = check_replacements(input, r.config, error);
  if (!status)
    record_all(&r);
  recorder_end(&r);
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

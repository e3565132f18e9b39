#include "few_shot/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPS 1e-5f
#define FILL -1e9f /* logits of labels outside the sequence under `copy` */
#define LAST (FEW_POSITIONS - 1)
#define PARTS 3 /* queries, keys, values of Wqkv */

static const struct few_layer nothing = {TAPE_NONE, TAPE_NONE, TAPE_NONE, TAPE_NONE, TAPE_NONE};

enum part { QUERY, KEY, VALUE };
enum source { OWN, GRAFTED, SOURCES };

struct recorder {
  const struct few_recording *r;
  struct few_recorded *out;
  struct tape *tape;
  size_t leaves[SOURCES][FEW_TENSORS][PARTS];
  size_t table; /* embeddings of items and labels, [item_rows + labels][D] */
};

struct tape_lanes few_lanes(const struct few_sizes *sizes, size_t sequences, size_t layer)
{
  return (struct tape_lanes){sequences, FEW_POSITIONS, layer ? LAST : 0, sizes->heads,
                             sizes->hidden / sizes->heads};
}

/* --- parameters --- */

/* A tensor, or of Wqkv one of its parts; with the source GRAFTED a constant. */
static size_t parameter(struct recorder *c, enum source source, enum few_tensor tensor,
                        enum part part)
{
  size_t *leaf = &c->leaves[source][tensor][part];
  struct few_place place = few_place(&c->r->sizes, tensor);
  bool thirds = tensor == FEW_WQKV0 || tensor == FEW_WQKV1;
  size_t rows = thirds ? place.rows / PARTS : place.rows;
  size_t at = place.offset + (thirds ? (size_t)part : 0) * rows * place.columns;
  if (*leaf != TAPE_NONE)
    return *leaf;
  const float *data = source == OWN ? c->r->parameters : c->r->graft;
  float *gradient = source == OWN && c->r->gradients ? c->r->gradients + at : NULL;
  *leaf = tape_leaf(c->tape, rows, place.columns, data + at, gradient);
  tape_name(c->tape, *leaf, place.name);
  return *leaf;
}

/* Where the parameters of this part come from. */
static enum source source_of(const struct recorder *c, enum few_stage stage)
{
  return few_graft_takes(c->r->clamp->graft, stage) ? GRAFTED : OWN;
}

static size_t vector(struct recorder *c, enum source source, enum few_tensor tensor)
{
  return parameter(c, source, tensor, QUERY);
}

static size_t linear(struct recorder *c, size_t x, size_t weight, size_t bias)
{
  return tape_linear(c->tape, x, &(struct tape_part){weight, bias, 0, tape_rows(c->tape, weight)},
                     1);
}

static void by_item(struct recorder *c, size_t value)
{
  c->out->by_item[c->out->by_item_count++] = value;
}

static void by_token(struct recorder *c, size_t value)
{
  c->out->by_token[c->out->by_token_count++] = value;
}

/* --- embeddings: once for each item of a batch and each label --- */

static size_t embeddings(struct recorder *c)
{
  enum source source = source_of(c, FEW_STAGE_EMBEDDINGS);
  size_t items = c->r->item_rows, *table = &c->table;
  if (*table != TAPE_NONE)
    return *table;
  size_t x = tape_leaf(c->tape, items, c->r->sizes.width, c->r->inputs->items, NULL);
  size_t item = linear(c, x, vector(c, source, FEW_WE), vector(c, source, FEW_BE));
  *table = tape_stack_rows(c->tape, item, tape_transpose(c->tape, vector(c, source, FEW_LE)));
  by_item(c, x);
  by_item(c, item);
  by_token(c, *table);
  tape_name(c->tape, *table, "embeddings");
  return *table;
}

static size_t embed(struct recorder *c, const int32_t *tokens)
{
  return tape_embed(c->tape, embeddings(c), tokens, FEW_POSITIONS * c->r->sequences);
}

/* --- clamps --- */

/* Those rows of a value, `per_head` a head, that are of these heads. */
struct head_rows {
  uint64_t heads;
  size_t per_head;
};

/* One byte an element, [rows][columns], 1 in the rows of these heads; of those only where `only`
 * [per_head], unless it is NULL, is true. NULL without memory. */
static unsigned char *mask_heads(const struct head_rows *which, const bool *only, size_t rows,
                                 size_t columns)
{
  unsigned char *mask = calloc(rows, columns);
  for (size_t row = 0; mask && row < rows; row++)
    if (which->heads >> row / which->per_head & 1 && (!only || only[row % which->per_head]))
      memset(mask + row * columns, 1, columns);
  return mask;
}

/* x with the heads' rows replaced by `given`, or zeros. */
static size_t replace_heads(struct recorder *c, size_t x, const struct head_rows *which,
                            const bool *only, size_t given)
{
  if (!which->heads)
    return x;
  unsigned char *mask = mask_heads(which, only, tape_rows(c->tape, x), tape_columns(c->tape, x));
  size_t y = mask ? tape_replace(c->tape, x, mask, given) : TAPE_NONE;
  free(mask);
  return y;
}

static size_t ablate(struct recorder *c, size_t value, size_t layer, bool clamped)
{
  const struct few_sizes *s = &c->r->sizes;
  const struct head_rows which = {c->r->clamp->ablate[layer], s->hidden / s->heads};
  return clamped ? replace_heads(c, value, &which, NULL, TAPE_NONE) : value;
}

/* The previous-token clamp of layer 0, the match clamp of layer 1. */
static size_t clamp_pattern(struct recorder *c, size_t pattern, size_t layer, bool clamped)
{
  const struct few_clamp *clamp = c->r->clamp;
  const float *data = layer ? c->r->inputs->match : c->r->inputs->previous;
  struct tape_lanes lanes = few_lanes(&c->r->sizes, c->r->sequences, layer);
  bool labels[FEW_POSITIONS * FEW_POSITIONS]; /* rows of a head whose query is a label */
  uint64_t heads = layer ? clamp->match : clamp->previous;
  if (!clamped || !heads)
    return pattern;
  size_t rows = tape_rows(c->tape, pattern);
  for (size_t query = 0; query < FEW_POSITIONS && !layer; query++)
    for (size_t key = 0; key < FEW_POSITIONS; key++)
      labels[tape_lanes_row(&lanes, 0, query, key)] = query % 2;
  size_t given = tape_leaf(c->tape, rows, c->r->sequences, data, NULL);
  const struct head_rows which = {heads, rows / c->r->sizes.heads};
  return replace_heads(c, pattern, &which, !layer && clamp->previous_labels ? labels : NULL, given);
}

/* --- layers --- */

static void name(struct recorder *c, size_t value, size_t layer, const char *what)
{
  char text[80];
  snprintf(text, sizeof text, "layers.%zu.%s", layer, what);
  tape_name(c->tape, value, text);
}

/* Scores and pattern from queries and keys across, not yet rotated. */
static void attend(struct recorder *c, size_t layer, size_t query, size_t key,
                   struct few_layer *out)
{
  struct tape_lanes lanes = few_lanes(&c->r->sizes, c->r->sequences, layer);
  const struct rope *rope = c->r->rope;
  query = tape_rope_across(c->tape, query, &lanes, true, rope->cosine, rope->sine);
  key = tape_rope_across(c->tape, key, &lanes, false, rope->cosine, rope->sine);
  out->scores = tape_scores_across(c->tape, query, key, &lanes);
  out->pattern = tape_softmax_across(c->tape, out->scores, &lanes);
  name(c, query, layer, "attention.query");
  name(c, key, layer, "attention.key");
  name(c, out->scores, layer, "attention.scores");
  name(c, out->pattern, layer, "attention.pattern");
}

/* residual + Wo (pattern values), with clamps. */
static void write_residual(struct recorder *c, size_t layer, size_t residual, bool clamped,
                           struct few_layer *out)
{
  enum source source = source_of(c, layer ? FEW_STAGE_LAYER1 : FEW_STAGE_LAYER0);
  struct tape_lanes lanes = few_lanes(&c->r->sizes, c->r->sequences, layer);
  out->clamped_pattern = clamp_pattern(c, out->pattern, layer, clamped);
  size_t value = ablate(c, out->value, layer, clamped);
  size_t mixed = tape_mix_across(c->tape, out->clamped_pattern, value, &lanes);
  size_t written = tape_linear_back(c->tape, mixed, vector(c, source, layer ? FEW_WO1 : FEW_WO0));
  out->residual = tape_add(c->tape, (size_t[]){residual, written}, 2);
  name(c, out->value, layer, "attention.value");
  name(c, out->residual, layer, "residual");
}

/* What depends on the token alone is computed by rows of the table. `first`: the layer in a pass
 * before, whose input is the same, and so are patterns and values. */
static struct few_layer layer0(struct recorder *c, const struct few_layer *first, bool clamped)
{
  enum source source = source_of(c, FEW_STAGE_LAYER0);
  const int32_t *tokens = c->r->inputs->tokens;
  size_t count = FEW_POSITIONS * c->r->sequences, across[PARTS];
  struct few_layer out = nothing;
  if (first) {
    out = *first;
  } else {
    size_t normed = tape_layer_norm(c->tape, embeddings(c), vector(c, source, FEW_G0),
                                    vector(c, source, FEW_B0), EPS);
    by_token(c, normed);
    for (enum part part = QUERY; part <= VALUE; part++) {
      size_t rows = linear(c, normed, parameter(c, source, FEW_WQKV0, part), TAPE_NONE);
      across[part] = tape_embed_across(c->tape, rows, tokens, count);
      by_token(c, rows);
    }
    attend(c, 0, across[QUERY], across[KEY], &out);
    out.value = across[VALUE];
  }
  write_residual(c, 0, embed(c, tokens), clamped, &out);
  return out;
}

/* Rows of the last position. */
static size_t last_rows(struct recorder *c, size_t x)
{
  int32_t n = (int32_t)c->r->sequences, *rows = malloc((size_t)n * sizeof *rows);
  for (int32_t i = 0; rows && i < n; i++)
    rows[i] = LAST * n + i;
  size_t y = rows ? tape_select_rows(c->tape, x, rows, (size_t)n) : TAPE_NONE;
  free(rows);
  return y;
}

/* Given patterns or values, those of a pass before; NULL: all is computed. With `scores_alone`
 * nothing beyond the scores. */
struct layer1_plan {
  const struct few_layer *patterns, *values;
  bool clamped, scores_alone;
};

static struct few_layer layer1(struct recorder *c, size_t stream, const struct layer1_plan *plan)
{
  enum source source = source_of(c, FEW_STAGE_LAYER1);
  struct few_layer out = nothing;
  size_t normed = TAPE_NONE;
  if (!plan->patterns || !plan->values)
    normed =
        tape_layer_norm(c->tape, stream, vector(c, source, FEW_G1), vector(c, source, FEW_B1), EPS);
  if (plan->patterns) {
    out.pattern = plan->patterns->pattern;
  } else {
    size_t query =
        tape_linear_across(c->tape, last_rows(c, normed), parameter(c, source, FEW_WQKV1, QUERY));
    size_t key = tape_linear_across(c->tape, normed, parameter(c, source, FEW_WQKV1, KEY));
    attend(c, 1, query, key, &out);
  }
  if (plan->scores_alone)
    return out;
  out.value = plan->values
                  ? plan->values->value
                  : tape_linear_across(c->tape, normed, parameter(c, source, FEW_WQKV1, VALUE));
  write_residual(c, 1, last_rows(c, stream), plan->clamped, &out);
  return out;
}

static size_t unembed(struct recorder *c, size_t residual)
{
  enum source source = source_of(c, FEW_STAGE_UNEMBEDDING);
  size_t normed =
      tape_layer_norm(c->tape, residual, vector(c, source, FEW_GF), vector(c, source, FEW_BF), EPS);
  return linear(c, normed, vector(c, source, FEW_WU), vector(c, source, FEW_BU));
}

/* --- passes --- */

static size_t copied_logits(struct recorder *c, const struct few_layer *layer)
{
  struct tape_lanes lanes = few_lanes(&c->r->sizes, c->r->sequences, 1);
  size_t head = c->r->clamp->copy_head;
  const size_t rows[] = {tape_lanes_row(&lanes, head, LAST, 1),
                         tape_lanes_row(&lanes, head, LAST, 3)};
  return tape_spread(c->tape, layer->scores, rows, 2, c->r->inputs->labels, c->r->sizes.labels,
                     FILL);
}

static void without_layer0(struct recorder *c, struct few_recorded *out)
{
  bool copy = c->r->clamp->copy;
  size_t shifted = embed(c, c->r->inputs->shifted);
  out->layers[0] = nothing;
  struct few_layer first = layer1(c, shifted, &(struct layer1_plan){.scores_alone = true});
  out->layers[1] = first;
  if (copy)
    return;
  size_t embedded = embed(c, c->r->inputs->tokens);
  out->layers[0].residual = embedded;
  out->layers[1] = layer1(c, embedded, &(struct layer1_plan){.patterns = &first, .clamped = true});
  out->layers[1].scores = first.scores;
}

/* The pass without clamps, and what is preserved of it in the second. */
static void preserving(struct recorder *c, struct few_recorded *out)
{
  enum few_preserve preserve = c->r->clamp->preserve;
  struct few_layer first[FEW_LAYERS];
  first[0] = layer0(c, NULL, false);
  first[1] = layer1(c, first[0].residual, &(struct layer1_plan){.clamped = false});
  out->layers[0] = layer0(c, &first[0], true);
  out->layers[1] =
      layer1(c, out->layers[0].residual,
             &(struct layer1_plan){.patterns = preserve == FEW_PRESERVE_VALUES ? NULL : &first[1],
                                   .values = preserve == FEW_PRESERVE_PATTERNS ? NULL : &first[1],
                                   .clamped = true});
}

static void one_pass(struct recorder *c, struct few_recorded *out)
{
  out->layers[0] = layer0(c, NULL, true);
  out->layers[1] =
      layer1(c, out->layers[0].residual,
             &(struct layer1_plan){.clamped = true, .scores_alone = c->r->clamp->copy});
}

static void watch(struct recorder *c, const struct few_recorded *out)
{
  for (size_t l = 0; l < FEW_LAYERS && c->r->watched; l++) {
    const struct few_layer *layer = &out->layers[l];
    if (layer->scores != TAPE_NONE)
      tape_keep(c->tape, layer->scores);
    if (layer->clamped_pattern != TAPE_NONE)
      tape_keep(c->tape, layer->clamped_pattern);
  }
}

void few_record(const struct few_recording *r, struct few_recorded *out)
{
  struct recorder c = {.r = r, .out = out, .tape = r->tape};
  out->by_item_count = out->by_token_count = 0;
  memset(c.leaves, 0xFF, sizeof c.leaves); /* TAPE_NONE */
  c.table = TAPE_NONE;
  if (r->clamp->perfect_layer0)
    without_layer0(&c, out);
  else if (r->clamp->preserve)
    preserving(&c, out);
  else
    one_pass(&c, out);
  out->logits =
      r->clamp->copy ? copied_logits(&c, &out->layers[1]) : unembed(&c, out->layers[1].residual);
  tape_name(r->tape, out->logits, "logits");
  tape_keep(r->tape, out->logits);
  watch(&c, out);
  out->loss = tape_cross_entropy(r->tape, out->logits, r->inputs->targets, NULL,
                                 r->gradients ? 1.0 / (double)r->sequences : 0);
}

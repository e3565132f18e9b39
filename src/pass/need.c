#include "pass/need.h"

struct rows rows_within(const struct rows *rows, size_t first, size_t end)
{
  struct rows part = *rows;
  part.first = part.first < first ? first : part.first;
  part.end = part.end > end ? end : part.end;
  if (part.first > part.end)
    part.first = part.end = first;
  return part;
}

static enum step step_of(enum site_kind kind)
{
  switch (kind) {
  case SITE_KEY:
  case SITE_VALUE:
    return STEP_KEYS;
  case SITE_QUERY:
    return STEP_QUERIES;
  case SITE_SCORES:
  case SITE_PATTERN:
  case SITE_HEAD_OUTPUT:
    return STEP_HEADS;
  case SITE_ATTENTION_OUTPUT:
    return STEP_ATTENTION;
  default:
    return STEP_MLP;
  }
}

static void add_sequences(struct rows *rows, size_t from, size_t to, bool last)
{
  bool any = rows_any(rows);
  rows->last = last && (rows->last || !any);
  rows->first = any && rows->first < from ? rows->first : from;
  rows->end = any && rows->end > to ? rows->end : to;
}

/* Adds the sequences of the portion that a hook sees. A copy counts as the sequence itself unless
 * its first own layer is below `own`. */
static void add(struct rows *rows, const struct hook *hook, const struct portion *portion,
                size_t own, bool last)
{
  size_t end = hook->end ? hook->end : SIZE_MAX;
  for (size_t copy = 0, from, to; copy <= portion->forks.count; copy++) {
    bool shared = copy && portion->forks.layers[copy - 1] >= own;
    size_t at = shared ? 0 : copy * portion_own(portion);
    if (portion_cut(portion, copy, hook->first, end, &from, &to))
      add_sequences(rows, at + from, at + to, last);
  }
}

/* The last layer on which what a hook reads depends; SIZE_MAX for the embedding. */
static size_t depth(const struct site *site, size_t layers)
{
  if (site->kind == SITE_EMBEDDING)
    return SIZE_MAX;
  return site_has_layer(site->kind) && site->layer != SITE_ALL ? site->layer : layers - 1;
}

void need_layer(const struct hooks *hooks, const struct model_config *config, size_t layer,
                const struct portion *portion, struct need *need)
{
  *need = (struct need){0};
  for (size_t i = 0; i < hooks->count; i++) {
    const struct hook *hook = &hooks->list[i];
    size_t top = depth(&hook->site, config->layers);
    if (!hook->read || top == SIZE_MAX || top < layer)
      continue;
    /* A later layer's attention reads every token. */
    bool last = top == layer && hook->positions.kind == POSITIONS_LAST;
    enum step steps = top == layer ? step_of(hook->site.kind) : STEP_MLP;
    for (int step = STEP_KEYS; step <= (int)steps; step++)
      add(&need->step[step], hook, portion, layer + 1, last && step != STEP_KEYS);
  }
  if (rows_any(&need->step[STEP_QUERIES]) && !need->step[STEP_QUERIES].last)
    need->step[STEP_QUERIES] = need->step[STEP_KEYS];
}

struct rows need_embedding(const struct hooks *hooks, const struct portion *portion)
{
  struct rows rows = {0};
  for (size_t i = 0; i < hooks->count; i++)
    if (hooks->list[i].read)
      add(&rows, &hooks->list[i], portion, 0, false);
  return rows;
}

struct rows need_head(const struct hooks *hooks, bool logits, const struct portion *portion)
{
  struct rows rows = {0};
  for (size_t i = 0; i < hooks->count; i++) {
    const struct hook *hook = &hooks->list[i];
    if (hook->read &&
        (hook->site.kind == SITE_LOGITS || (hook->site.kind == SITE_FINAL_NORM && !logits)))
      add(&rows, hook, portion, SIZE_MAX, hook->positions.kind == POSITIONS_LAST);
  }
  return rows;
}

bool need_token_tables(const struct hooks *hooks, const struct model_config *config,
                       const struct need *layer0)
{
  if (config->learned_positions)
    return false;
  for (size_t i = 0; i < hooks->count; i++)
    if (hooks->list[i].write && hooks->list[i].site.kind == SITE_EMBEDDING)
      return false;
  return rows_any(&layer0->step[STEP_QUERIES]) && !layer0->step[STEP_QUERIES].last;
}

bool need_mlp_table(const struct model_config *config, const struct need *layer0)
{
  return config->parallel_residual && rows_any(&layer0->step[STEP_MLP]) &&
         !layer0->step[STEP_MLP].last;
}

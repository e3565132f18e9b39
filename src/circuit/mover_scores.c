/* What heads do with the answers in the prompts: one pass over the clean prompts for attention and
 * for the residual stream after layer 0, then copy scores. */
#include "base/interrupt.h"
#include "base/memory.h"
#include "circuit/components.h"
#include "circuit/copy_score.h"
#include "pass/forward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_TOKENS 4096

/* What a token of a clean prompt is to its pair. */
enum role { NO_ANSWER, POSITIVE, NEGATIVE, LATER, ROLES };

/* Pairs of one length that go through the model together. */
struct group {
  const struct task_pair *const *pairs; /* [count] */
  size_t count, length;
  size_t hidden, heads; /* of the model; heads of all layers: layers * per_layer */
  size_t per_layer;
  int32_t *tokens;      /* [count][length] */
  unsigned char *roles; /* [count][length] enum role */
  size_t *slots;        /* [count][length] number of the case */
  size_t cases;
  int32_t *answers;  /* [cases] their tokens */
  float *streams;    /* [cases][hidden] */
  double *attention; /* [count][heads][ROLES] */
};

/* All of the task. */
struct moving {
  const struct model *model;
  const struct circuit_options *options;
  const struct task_pair **sorted; /* [pairs] by length */
  size_t pairs;
  size_t cases, with[ROLES]; /* so far: cases, and pairs that have one of a role */
  size_t *copied, *against;  /* [heads] */
  double *attention;         /* [heads][ROLES] */
};

static size_t heads_of(const struct model_config *c)
{
  return c->layers * c->heads;
}

/* --- cases --- */

static bool is_among(int32_t id, const int32_t *ids, size_t count)
{
  size_t i = 0;
  while (i < count && ids[i] != id)
    i++;
  return i < count;
}

static enum role role_of(const struct task_pair *pair, size_t position, bool seen)
{
  int32_t id = pair->clean[position];
  if (is_among(id, pair->positive, pair->positive_count))
    return POSITIVE;
  if (is_among(id, pair->negative, pair->negative_count))
    return seen ? LATER : NEGATIVE;
  return NO_ANSWER;
}

size_t component_cases(const struct task *task)
{
  size_t cases = 0;
  for (size_t i = 0; i < task->count; i++)
    for (size_t p = 0; task->pairs[i].clean && p < task->pairs[i].length; p++)
      cases += role_of(&task->pairs[i], p, false) != NO_ANSWER;
  for (size_t i = 0; i < task->count; i++)
    cases += task->pairs[i].clean ? 0 : 3;
  return cases;
}

static void find_cases(struct group *g)
{
  for (size_t s = 0; s < g->count; s++) {
    const struct task_pair *pair = g->pairs[s];
    bool seen = false;
    memcpy(g->tokens + s * g->length, pair->clean, g->length * sizeof *g->tokens);
    for (size_t p = 0; p < g->length; p++) {
      size_t at = s * g->length + p;
      enum role role = role_of(pair, p, seen);
      seen = seen || role == NEGATIVE;
      g->roles[at] = (unsigned char)role;
      g->slots[at] = g->cases;
      if (role != NO_ANSWER)
        g->answers[g->cases++] = pair->clean[p];
    }
  }
}

/* --- the pass --- */

static void see_stream(void *context, const struct hook_value *value, const float *data)
{
  const struct group *g = context;
  size_t at = value->sequence * g->length + value->position;
  if (g->roles[at] != NO_ANSWER)
    memcpy(g->streams + g->slots[at] * g->hidden, data, g->hidden * sizeof *data);
}

static void see_pattern(void *context, const struct hook_value *value, const float *data)
{
  const struct group *g = context;
  const unsigned char *roles = g->roles + value->sequence * g->length;
  size_t head = value->site.layer * g->per_layer + value->site.head;
  double *sums = g->attention + (value->sequence * g->heads + head) * ROLES;
  for (size_t p = 0; p <= value->position; p++)
    if (roles[p] != NO_ANSWER)
      sums[roles[p]] += (double)data[p];
}

static bool go_on(void *context)
{
  (void)context;
  return !interrupt_requested();
}

static int pass(const struct moving *m, struct group *g, uint64_t own, struct error *error)
{
  const struct hook hooks[] = {{.site = {SITE_RESIDUAL, 0, 0}, .read = see_stream, .context = g},
                               {.site = {SITE_PATTERN, SITE_ALL, SITE_ALL},
                                .positions = {.kind = POSITIONS_LAST},
                                .read = see_pattern,
                                .context = g}};
  const struct forward_options forward = {.kernels = m->options->kernels,
                                          .threads = m->options->threads,
                                          .hooks = {hooks, 2},
                                          .memory = m->options->memory,
                                          .reserved = own,
                                          .go_on = go_on};
  int status = forward_run(m->model, g->tokens, g->count, g->length, &forward, error);
  return status && interrupt_requested() ? interrupt_check(error) : status;
}

/* --- a group --- */

static void release(struct group *g)
{
  free(g->tokens);
  free(g->roles);
  free(g->slots);
  free(g->answers);
  free(g->streams);
  free(g->attention);
}

static int allocate(struct group *g, struct error *error)
{
  size_t tokens = g->count * g->length;
  if (!(g->tokens = memory_alloc(tokens, sizeof *g->tokens, "components", error)) ||
      !(g->roles = memory_alloc(tokens, 1, "components", error)) ||
      !(g->slots = memory_alloc(tokens, sizeof *g->slots, "components", error)) ||
      !(g->answers = memory_alloc(tokens, sizeof *g->answers, "components", error)))
    return error->code;
  return 0;
}

static int allocate_sums(struct group *g, struct error *error)
{
  g->streams = memory_alloc(g->cases, g->hidden * sizeof *g->streams, "components", error);
  g->attention =
      memory_zeroed(g->count * g->heads, ROLES * sizeof *g->attention, "components", error);
  return g->streams && g->attention ? 0 : error->code;
}

static void add_attention(struct moving *m, const struct group *g)
{
  for (size_t s = 0; s < g->count; s++) {
    bool has[ROLES] = {false};
    for (size_t p = 0; p < g->length; p++)
      has[g->roles[s * g->length + p]] = true;
    for (size_t role = POSITIVE; role < ROLES; role++) {
      m->with[role] += has[role];
      for (size_t h = 0; h < g->heads && has[role]; h++)
        m->attention[h * ROLES + role] += g->attention[(s * g->heads + h) * ROLES + role];
    }
  }
}

static int run_group(struct moving *m, struct group *g, struct error *error)
{
  if (allocate(g, error))
    return error->code;
  find_cases(g);
  if (!g->cases)
    return 0;
  uint64_t own = g->cases * g->hidden * sizeof(float) +
                 g->count * g->heads * ROLES * sizeof(double) + g->count * g->length * 24;
  if (allocate_sums(g, error) || pass(m, g, own, error))
    return error->code;
  add_attention(m, g);
  m->cases += g->cases;
  const struct copy_cases cases = {g->cases, g->answers, g->streams};
  return copy_score_add(m->model, m->options, &cases, m->copied, m->against, error);
}

/* --- all of them --- */

static int by_length(const void *a, const void *b)
{
  const struct task_pair *left = *(const struct task_pair *const *)a;
  const struct task_pair *right = *(const struct task_pair *const *)b;
  if (left->length != right->length)
    return left->length < right->length ? -1 : 1;
  return left < right ? -1 : left > right;
}

/* Pairs of this length that go together. */
static size_t most_pairs(const struct moving *m, size_t length)
{
  const struct model_config *c = &m->model->config;
  uint64_t pair = length * (c->hidden * sizeof(float) + 24) + heads_of(c) * ROLES * sizeof(double);
  uint64_t fit = m->options->memory / 8 / pair, most = GROUP_TOKENS / length;
  most = fit < most ? fit : most;
  return most ? (size_t)most : 1;
}

static int run(struct moving *m, struct error *error)
{
  const struct model_config *c = &m->model->config;
  for (size_t first = 0; first < m->pairs;) {
    struct group g = {.pairs = m->sorted + first,
                      .count = 1,
                      .length = m->sorted[first]->length,
                      .hidden = c->hidden,
                      .heads = heads_of(c),
                      .per_layer = c->heads};
    size_t most = most_pairs(m, g.length);
    while (g.count < most && first + g.count < m->pairs &&
           m->sorted[first + g.count]->length == g.length)
      g.count++;
    int status = run_group(m, &g, error);
    release(&g);
    if (status)
      return status;
    first += g.count;
  }
  return 0;
}

static void deliver(const struct moving *m, struct mover_scores *scores)
{
  for (size_t h = 0; h < heads_of(&m->model->config); h++) {
    double mean[ROLES];
    for (size_t role = POSITIVE; role < ROLES; role++)
      mean[role] =
          m->with[role] ? m->attention[h * ROLES + role] / (double)m->with[role] : (double)NAN;
    scores[h] = (struct mover_scores){m->cases,       m->copied[h],   m->against[h],
                                      mean[POSITIVE], mean[NEGATIVE], mean[LATER]};
  }
}

int component_movers(const struct model *model, const struct task *task,
                     const struct circuit_options *options, struct mover_scores *scores,
                     struct error *error)
{
  size_t heads = heads_of(&model->config);
  struct moving m = {.model = model, .options = options, .pairs = task->count};
  m.sorted = memory_alloc(task->count, sizeof *m.sorted, "components", error);
  m.copied = memory_zeroed(heads, sizeof *m.copied, "components", error);
  m.against = memory_zeroed(heads, sizeof *m.against, "components", error);
  m.attention = memory_zeroed(heads, ROLES * sizeof *m.attention, "components", error);
  int status = m.sorted && m.copied && m.against && m.attention ? 0 : error->code;
  for (size_t i = 0; !status && i < task->count; i++)
    m.sorted[i] = &task->pairs[i];
  if (!status) {
    qsort(m.sorted, task->count, sizeof *m.sorted, by_length);
    status = run(&m, error);
  }
  if (!status)
    deliver(&m, scores);
  free(m.sorted);
  free(m.copied);
  free(m.against);
  free(m.attention);
  return status;
}

/* --- what they say --- */

static double percent(size_t hits, size_t cases)
{
  return cases ? 100 * (double)hits / (double)cases : (double)NAN;
}

double mover_copy_score(const struct mover_scores *scores)
{
  return percent(scores->copied, scores->cases);
}

double mover_negative_score(const struct mover_scores *scores)
{
  return percent(scores->against, scores->cases);
}

bool mover_is(const struct mover_scores *s)
{
  return s->cases && mover_copy_score(s) > MOVER_LEAST && s->to_positive > 0 &&
         !(s->to_negative >= s->to_positive) && !(s->to_later >= s->to_positive);
}

#include "circuit/inhibition.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "pass/forward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_TOKENS 4096

/* A pair that is of use. */
struct place {
  const struct task_pair *pair;
  size_t positive, negative; /* positions of the answer, and of the first of the other name */
};

/* What a pass shows of a group. */
struct sight {
  double *metric;    /* [count] */
  double *attention; /* [count][heads][2] of the last position, to positive and negative */
};

/* Pairs of one length that go through the model together. */
struct group {
  const struct inhibition *asked;
  const struct place *places; /* [count] */
  size_t count, length, heads, head_dim;
  int32_t *tokens; /* [count][length] */
  float *outputs;  /* [count][length][head_dim] of the head at hand, on exchanged prompts */
  struct sight clean, patched;
  struct sight *seeing; /* the one at hand */
};

/* All of the task. */
struct inhibiting {
  const struct model *model;
  const struct circuit_options *options;
  const struct inhibition *asked;
  struct place *places; /* [count] by length */
  size_t count;
  struct inhibition_scores *scores; /* sums, then means */
};

static size_t heads_of(const struct graph *g)
{
  return g->layers * g->heads;
}

bool inhibition_is(const struct inhibition_scores *s)
{
  return s->metric < 0 && s->to_positive < 0 && s->to_negative > 0;
}

/* --- pairs --- */

static bool is_among(int32_t id, const int32_t *ids, size_t count)
{
  size_t i = 0;
  while (i < count && ids[i] != id)
    i++;
  return i < count;
}

static bool find_place(const struct task_pair *pair, struct place *place)
{
  size_t positive = 0, negative = 0;
  *place = (struct place){.pair = pair};
  for (size_t p = 0; p < pair->length; p++) {
    if (is_among(pair->clean[p], pair->positive, pair->positive_count)) {
      place->positive = p;
      positive++;
    } else if (is_among(pair->clean[p], pair->negative, pair->negative_count)) {
      place->negative = negative++ ? place->negative : p;
    }
  }
  return positive == 1 && negative >= 2;
}

size_t inhibition_pairs(const struct task *task)
{
  struct place place;
  size_t count = 0;
  for (size_t i = 0; i < task->count && task->metric == TASK_LOGIT; i++)
    count += find_place(&task->pairs[i], &place);
  return count;
}

/* --- who is asked about --- */

static bool acts_on(const struct inhibition *asked, size_t head, size_t mover)
{
  const struct graph *g = asked->graph;
  size_t source = graph_head(g, head / g->heads, head % g->heads);
  size_t reads = graph_reads(g, GRAPH_QUERY, mover / g->heads, mover % g->heads);
  return asked->movers[mover] && source < graph_sources_of(g, reads) &&
         asked->kept[graph_first_edge(g, reads) + source];
}

static size_t movers_of(const struct inhibition *asked, size_t head)
{
  size_t count = 0;
  for (size_t m = 0; m < heads_of(asked->graph); m++)
    count += acts_on(asked, head, m);
  return count;
}

/* --- passes --- */

static void see_logits(void *context, const struct hook_value *value, const float *data)
{
  const struct group *g = context;
  const struct task_pair *pair = g->places[value->sequence].pair;
  double *metric = &g->seeing->metric[value->sequence];
  for (size_t i = 0; i < pair->positive_count; i++)
    if ((size_t)pair->positive[i] - value->first < value->count)
      *metric += (double)data[(size_t)pair->positive[i] - value->first];
  for (size_t i = 0; i < pair->negative_count; i++)
    if ((size_t)pair->negative[i] - value->first < value->count)
      *metric -= (double)data[(size_t)pair->negative[i] - value->first];
}

static void see_pattern(void *context, const struct hook_value *value, const float *data)
{
  const struct group *g = context;
  const struct place *place = &g->places[value->sequence];
  size_t head = value->site.layer * g->asked->graph->heads + value->site.head;
  double *to = g->seeing->attention + (value->sequence * g->heads + head) * 2;
  to[0] = (double)data[place->positive];
  to[1] = (double)data[place->negative];
}

static float *output_at(const struct group *g, const struct hook_value *value)
{
  return g->outputs + (value->sequence * g->length + value->position) * g->head_dim;
}

static void see_output(void *context, const struct hook_value *value, const float *data)
{
  const struct group *g = context;
  memcpy(output_at(g, value), data, g->head_dim * sizeof *data);
}

static void write_output(void *context, const struct hook_value *value, float *data)
{
  const struct group *g = context;
  memcpy(data, output_at(g, value), g->head_dim * sizeof *data);
}

static bool go_on(void *context)
{
  (void)context;
  return !interrupt_requested();
}

static int pass(const struct inhibiting *in, const struct group *g, const struct hook *hooks,
                size_t count, struct error *error)
{
  const struct forward_options forward = {.kernels = in->options->kernels,
                                          .threads = in->options->threads,
                                          .hooks = {hooks, count},
                                          .memory = in->options->memory,
                                          .go_on = go_on};
  int status = forward_run(in->model, g->tokens, g->count, g->length, &forward, error);
  return status && interrupt_requested() ? interrupt_check(error) : status;
}

/* The clean prompts, or those in which the two names are exchanged. */
static void place_tokens(const struct group *g, bool exchanged)
{
  for (size_t s = 0; s < g->count; s++) {
    const struct place *place = &g->places[s];
    int32_t *tokens = g->tokens + s * g->length;
    memcpy(tokens, place->pair->clean, g->length * sizeof *tokens);
    if (exchanged) {
      tokens[place->positive] = place->pair->clean[place->negative];
      tokens[place->negative] = place->pair->clean[place->positive];
    }
  }
}

/* Metric and attention of the clean prompts, `patched` a head's output. */
static int see(const struct inhibiting *in, struct group *g, struct sight *sight,
               const struct site *patched, struct error *error)
{
  const struct hook hooks[] = {{.site = {SITE_LOGITS, 0, 0},
                                .positions = {.kind = POSITIONS_LAST},
                                .read = see_logits,
                                .context = g},
                               {.site = {SITE_PATTERN, SITE_ALL, SITE_ALL},
                                .positions = {.kind = POSITIONS_LAST},
                                .read = see_pattern,
                                .context = g},
                               {.site = patched ? *patched : (struct site){SITE_HEAD_OUTPUT, 0, 0},
                                .write = write_output,
                                .context = g}};
  g->seeing = sight;
  memset(sight->metric, 0, g->count * sizeof *sight->metric);
  place_tokens(g, false);
  return pass(in, g, hooks, patched ? 3 : 2, error);
}

static void add(const struct inhibiting *in, const struct group *g, size_t head)
{
  struct inhibition_scores *sums = &in->scores[head];
  double movers = (double)movers_of(in->asked, head);
  for (size_t s = 0; s < g->count; s++) {
    double change[2] = {0, 0};
    for (size_t m = 0; m < g->heads; m++)
      for (int to = 0; to < 2 && acts_on(in->asked, head, m); to++)
        change[to] += g->patched.attention[(s * g->heads + m) * 2 + (size_t)to] -
                      g->clean.attention[(s * g->heads + m) * 2 + (size_t)to];
    sums->metric += g->patched.metric[s] - g->clean.metric[s];
    sums->to_positive += change[0] / movers;
    sums->to_negative += change[1] / movers;
  }
}

/* --- a group --- */

static int allocate_sight(const struct group *g, struct sight *sight, struct error *error)
{
  sight->metric = memory_alloc(g->count, sizeof *sight->metric, "components", error);
  sight->attention =
      memory_zeroed(g->count * g->heads, 2 * sizeof *sight->attention, "components", error);
  return sight->metric && sight->attention ? 0 : error->code;
}

static int allocate(struct group *g, struct error *error)
{
  size_t tokens = g->count * g->length;
  if (!(g->tokens = memory_alloc(tokens, sizeof *g->tokens, "components", error)) ||
      !(g->outputs = memory_alloc(tokens, g->head_dim * sizeof(float), "components", error)) ||
      allocate_sight(g, &g->clean, error) || allocate_sight(g, &g->patched, error))
    return error->code;
  return 0;
}

static void release(struct group *g)
{
  free(g->tokens);
  free(g->outputs);
  free(g->clean.metric);
  free(g->clean.attention);
  free(g->patched.metric);
  free(g->patched.attention);
}

/* One head: its output on exchanged prompts, then the clean ones with it. */
static int run_head(const struct inhibiting *in, struct group *g, size_t head, struct error *error)
{
  const struct site site = {SITE_HEAD_OUTPUT, head / in->asked->graph->heads,
                            head % in->asked->graph->heads};
  const struct hook read = {.site = site, .read = see_output, .context = g};
  place_tokens(g, true);
  if (pass(in, g, &read, 1, error) || see(in, g, &g->patched, &site, error))
    return error->code;
  add(in, g, head);
  return 0;
}

static int run_group(const struct inhibiting *in, struct group *g, struct error *error)
{
  if (allocate(g, error) || see(in, g, &g->clean, NULL, error))
    return error->code;
  for (size_t head = 0; head < g->heads; head++)
    if (movers_of(in->asked, head) && run_head(in, g, head, error))
      return error->code;
  return 0;
}

/* --- all of them --- */

static int by_length(const void *a, const void *b)
{
  const struct task_pair *left = ((const struct place *)a)->pair;
  const struct task_pair *right = ((const struct place *)b)->pair;
  if (left->length != right->length)
    return left->length < right->length ? -1 : 1;
  return left < right ? -1 : left > right;
}

static int run(const struct inhibiting *in, struct error *error)
{
  const struct model_config *c = &in->model->config;
  for (size_t first = 0; first < in->count;) {
    struct group g = {.asked = in->asked,
                      .places = in->places + first,
                      .length = in->places[first].pair->length,
                      .heads = heads_of(in->asked->graph),
                      .head_dim = c->head_dim};
    size_t most = GROUP_TOKENS / g.length ? GROUP_TOKENS / g.length : 1;
    while (g.count < most && first + g.count < in->count &&
           in->places[first + g.count].pair->length == g.length)
      g.count++;
    int status = run_group(in, &g, error);
    release(&g);
    if (status)
      return status;
    first += g.count;
  }
  return 0;
}

/* Means of what was asked about; NAN else. */
static void deliver(const struct inhibiting *in)
{
  for (size_t h = 0; h < heads_of(in->asked->graph); h++) {
    struct inhibition_scores *s = &in->scores[h];
    double n = in->count && movers_of(in->asked, h) ? (double)in->count : (double)NAN;
    *s = (struct inhibition_scores){s->metric / n, s->to_positive / n, s->to_negative / n};
  }
}

int component_inhibition(const struct model *model, const struct task *task,
                         const struct circuit_options *options, const struct inhibition *asked,
                         struct inhibition_scores *scores, struct error *error)
{
  struct inhibiting in = {.model = model, .options = options, .asked = asked, .scores = scores};
  bool any = false;
  memset(scores, 0, heads_of(asked->graph) * sizeof *scores);
  for (size_t h = 0; h < heads_of(asked->graph); h++)
    any = any || movers_of(asked, h);
  in.places = memory_alloc(task->count, sizeof *in.places, "components", error);
  if (!in.places)
    return error->code;
  for (size_t i = 0; i < task->count && any && task->metric == TASK_LOGIT; i++)
    in.count += find_place(&task->pairs[i], &in.places[in.count]);
  qsort(in.places, in.count, sizeof *in.places, by_length);
  int status = run(&in, error);
  if (!status)
    deliver(&in);
  free(in.places);
  return status;
}

#include "circuit/attribution.h"

#include "base/memory.h"
#include "base/text.h"
#include "circuit/contract.h"
#include "circuit/integrate.h"
#include "circuit/kept_scores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- names --- */

static const char *const rules[] = {[ATTRIBUTION_FIRST0] = "first0",
                                    [ATTRIBUTION_FIRST1] = "first1",
                                    [ATTRIBUTION_MIDPOINTS] = "midpoints"};

const char *attribution_name(const struct attribution *method, char name[ATTRIBUTION_NAME_SIZE])
{
  char batch[32] = "";
  if (method->batch)
    snprintf(batch, sizeof batch, "_batch%zu", method->batch);
  if (method->rule == ATTRIBUTION_GRADIENT)
    snprintf(name, ATTRIBUTION_NAME_SIZE, "eap%s", batch);
  else
    snprintf(name, ATTRIBUTION_NAME_SIZE, "ig%zu_%s%s", method->steps, rules[method->rule], batch);
  return name;
}

/* A number from 1 on at the head of a name, and goes past it. */
static bool take_number(const char **at, size_t *number)
{
  uint64_t value;
  size_t digits = strspn(*at, "0123456789");
  if (**at == '0' || !text_to_u64(*at, digits, &value) || value > ATTRIBUTION_MOST_STEPS)
    return false;
  *number = (size_t)value;
  *at += digits;
  return true;
}

static bool take_word(const char **at, const char *word)
{
  size_t length = strlen(word);
  if (strncmp(*at, word, length) != 0)
    return false;
  *at += length;
  return true;
}

static bool take_name(const char *at, struct attribution *method)
{
  *method = (struct attribution){ATTRIBUTION_GRADIENT, 1, 0};
  if (!take_word(&at, "eap")) {
    if (!take_word(&at, "ig") || !take_number(&at, &method->steps) || *at++ != '_')
      return false;
    method->rule = ATTRIBUTION_FIRST0;
    while (method->rule <= ATTRIBUTION_MIDPOINTS && !take_word(&at, rules[method->rule]))
      method->rule++;
    if (method->rule > ATTRIBUTION_MIDPOINTS)
      return false;
  }
  return (!take_word(&at, "_batch") || take_number(&at, &method->batch)) && !*at;
}

int attribution_parse(const char *name, struct attribution *method, struct error *error)
{
  if (take_name(name, method))
    return 0;
  return error_set(error, EXIT_INPUT,
                   "\"%s\" is no method of attribution; they are eap, igN_first1 (N steps, as in "
                   "the paper), igN_first0, igN_midpoints, and any of them with _batch8 behind it",
                   text_shown(name).text);
}

/* --- scores --- */

/* How far a call is, in tokens of pairs: done before, those at hand, and all. */
struct scoring {
  struct circuit_runs *runs;
  struct integrator integrator;
  size_t before, now, all;
};

static void tell(void *context, double share)
{
  const struct scoring *s = context;
  runs_progress(s->runs, ((double)s->before + share * (double)s->now) / (double)s->all);
}

/* Floats of a pair's gradients. */
static size_t sums_floats(const struct circuit_runs *runs, const struct run_batch *batch)
{
  return runs->graph.destinations * batch->seq_len * runs_config(runs)->hidden;
}

/* Pairs whose gradients are summed together: with all their steps they fill a tape, and their sums
 * at most a third of the memory. */
static size_t slice_pairs(const struct circuit_runs *runs, const struct run_batch *batch,
                          const struct attribution *method)
{
  size_t fit = (size_t)(runs->room / 3 / (sums_floats(runs, batch) * sizeof(float)));
  size_t most = INTEGRATE_ROWS / (batch->seq_len * method->steps);
  most = most < fit ? most : fit;
  return most ? most : 1;
}

/* Pairs [first, first + count) of a batch, as far as gradients go. */
static struct run_batch slice_of(const struct circuit_runs *runs, const struct run_batch *batch,
                                 size_t first, size_t count)
{
  struct run_batch slice = *batch;
  slice.pairs += first;
  slice.first += first;
  slice.count = count;
  for (int kind = 0; kind < RUN_KINDS; kind++)
    slice.run[kind].embedding += first * batch->seq_len * runs_config(runs)->hidden;
  return slice;
}

static int score_slice(struct scoring *s, struct run_batch *batch, size_t first, size_t count,
                       const struct attribution *method, const struct kept_scores *kept,
                       float *scores, struct error *error)
{
  struct circuit_runs *runs = s->runs;
  size_t part = sums_floats(runs, batch);
  if (runs_load(runs, batch, error))
    return error->code;
  const struct run_batch slice = slice_of(runs, batch, first, count);
  int status = integrate(&s->integrator, &slice, error);
  for (size_t i = 0; !status && i < count; i++) {
    size_t pair = runs_pair(runs, &slice, i);
    float *to = scores + pair * runs->graph.edges;
    status = contract_pair(runs, batch, first + i, s->integrator.sums + i * part, method->steps, to,
                           error);
    if (!status)
      status = kept_scores_write(kept, pair, to, error);
  }
  return status;
}

/* Takes from disk what is there of pairs [first, first + count); *done says whether all was. */
static int take_kept(const struct circuit_runs *runs, const struct run_batch *batch, size_t first,
                     size_t count, const struct kept_scores *kept, float *scores, bool *done,
                     struct error *error)
{
  *done = true;
  for (size_t i = first; *done && i < first + count; i++) {
    size_t pair = runs_pair(runs, batch, i);
    if (kept_scores_read(kept, pair, scores + pair * runs->graph.edges, done, error))
      return error->code;
  }
  return 0;
}

static int score_batch(struct scoring *s, struct run_batch *batch, const struct attribution *method,
                       const struct kept_scores *kept, float *scores, struct error *error)
{
  size_t step = slice_pairs(s->runs, batch, method);
  for (size_t first = 0; first < batch->count; first += step) {
    size_t count = batch->count - first < step ? batch->count - first : step;
    bool done;
    s->now = count * batch->seq_len;
    if (take_kept(s->runs, batch, first, count, kept, scores, &done, error) ||
        (!done && score_slice(s, batch, first, count, method, kept, scores, error)))
      return error->code;
    s->before += s->now;
  }
  return 0;
}

int circuit_scores_run(struct circuit_runs *runs, const struct attribution *method,
                       const char *directory, const char *identity, float *scores,
                       struct error *error)
{
  char name[ATTRIBUTION_NAME_SIZE];
  const struct attribution plain = {method->rule, method->steps, 0}; /* weights come later */
  const struct kept_scores kept = {directory, identity, attribution_name(&plain, name),
                                   runs->graph.edges};
  struct scoring s = {.runs = runs, .integrator = {.runs = runs, .method = method, .done = tell}};
  int status = 0;
  s.integrator.context = &s;
  for (size_t i = 0; i < runs->batch_count; i++)
    s.all += batch_rows(&runs->batches[i]);
  for (size_t i = 0; i < runs->batch_count && !status; i++)
    status = score_batch(&s, &runs->batches[i], method, &kept, scores, error);
  integrator_free(&s.integrator);
  return status;
}

/* --- what they are made of --- */

int circuit_gradients_run(struct circuit_runs *runs, const struct attribution *method, size_t pair,
                          float *gradients, struct error *error)
{
  size_t index;
  struct run_batch *batch = runs_find(runs, pair, &index);
  if (runs_load(runs, batch, error))
    return error->code;
  const struct run_batch slice = slice_of(runs, batch, index, 1);
  struct integrator integrator = {.runs = runs, .method = method};
  int status = integrate(&integrator, &slice, error);
  if (!status)
    memcpy(gradients, integrator.sums, sums_floats(runs, batch) * sizeof *gradients);
  integrator_free(&integrator);
  return status;
}

int circuit_sources_run(struct circuit_runs *runs, size_t pair, bool corrupted, float *values,
                        struct error *error)
{
  size_t index;
  struct run_batch *batch = runs_find(runs, pair, &index);
  if (runs_load(runs, batch, error))
    return error->code;
  return batch_sources(runs, batch, index, corrupted ? RUN_CORRUPTED : RUN_CLEAN, 0, values, error);
}

/* --- means --- */

void circuit_scores_mean(const struct circuit_runs *runs, const struct attribution *method,
                         const float *scores, const size_t *times, double *mean)
{
  size_t edges = runs->graph.edges, pairs = runs->task->count, counted = 0;
  memset(mean, 0, edges * sizeof *mean);
  for (size_t i = 0; i < pairs; i++) {
    double weight = times ? (double)times[i] : 1;
    if (method->batch) {
      size_t left = pairs - i / method->batch * method->batch;
      weight = 1 / (double)(left < method->batch ? left : method->batch);
    }
    for (size_t e = 0; weight > 0 && e < edges; e++)
      mean[e] += weight * (double)scores[i * edges + e];
    counted += times ? times[i] : 1;
  }
  for (size_t e = 0; e < edges; e++)
    mean[e] /= (double)counted;
}

struct completeness circuit_completeness(const struct circuit_runs *runs,
                                         const struct attribution *method, const double *mean)
{
  struct completeness c = {.holds = !runs_config(runs)->experts && !method->batch};
  size_t pairs = runs->task->count;
  for (size_t d = 0; d < runs->graph.destinations; d++)
    c.input_edges += mean[graph_first_edge(&runs->graph, d)];
  c.change = circuit_mean(runs->metric[RUN_CORRUPTED], pairs) -
             circuit_mean(runs->metric[RUN_CLEAN], pairs);
  return c;
}

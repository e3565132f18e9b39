/* The passes of an ablation: every condition is a copy of all sequences. */
#include "base/memory.h"
#include "circuit/ablation_state.h"
#include "pass/zero_head.h"

#include <stdlib.h>

/* Sets [first, first + copies) over the batch; the first pass has the baseline, too. */
struct round {
  struct ablation *ablation;
  size_t first, copies;
  size_t *layers;     /* [copies]; owned */
  struct hook *hooks; /* owned */
  size_t hook_count;
  struct forward_options options;
  const struct forward_options *outer; /* whose callbacks are called */
  double before, share;                /* of all work that was left: done, and of this round */
  uint64_t operations;
  bool stopped; /* by the caller's chunk_done */
};

static bool with_baseline(const struct round *r)
{
  return r->first == 1;
}

/* The set that a sequence of the pass belongs to. */
static size_t set_of(const struct round *r, size_t number)
{
  size_t copy = number / (size_t)r->ablation->batch->n;
  return copy ? r->first + copy - 1 : 0;
}

/* Strips of the logits of one sequence come one after the other. */
static void read_logits(void *context, const struct hook_value *value, const float *logits)
{
  struct round *r = context;
  size_t n = (size_t)r->ablation->batch->n, sequence = value->sequence % n;
  struct target *target = &r->ablation->targets[set_of(r, value->sequence) * n + sequence];
  if (value->first == 0)
    target_start(target, target->token);
  target_add(target, value->first, value->count, logits);
}

static bool see_chunk(void *context, size_t done)
{
  struct round *r = context;
  struct ablated *sets = r->ablation->sets;
  for (size_t i = 0; i < r->copies; i++)
    sets[r->first + i].done = done;
  if (with_baseline(r))
    sets[0].done = done;
  r->stopped = r->outer->chunk_done && !r->outer->chunk_done(r->outer->context, done);
  return !r->stopped;
}

static void see_progress(void *context, double share)
{
  struct round *r = context;
  if (r->outer->progress)
    r->outer->progress(r->outer->context, r->before + share * r->share);
}

static void set_hooks(struct round *r)
{
  size_t n = (size_t)r->ablation->batch->n;
  for (size_t k = 0; k < r->copies; k++) {
    const struct ablated *set = &r->ablation->sets[r->first + k];
    r->layers[k] = set->first_layer;
    for (size_t i = 0; i < set->heads->count; i++) {
      struct hook zero = zero_head(set->heads->list[i].layer, set->heads->list[i].head);
      zero.first = (1 + k) * n;
      zero.end = (2 + k) * n;
      r->hooks[r->hook_count++] = zero;
    }
  }
  r->hooks[r->hook_count++] = (struct hook){.site = {SITE_LOGITS, 0, 0},
                                            .positions = batch_positions(r->ablation->batch),
                                            .first = with_baseline(r) ? 0 : n,
                                            .read = read_logits,
                                            .context = r};
}

/* From the first sequence that is left. */
static size_t start_of(const struct round *r)
{
  const struct ablated *sets = r->ablation->sets;
  size_t start = with_baseline(r) ? sets[0].done : (size_t)r->ablation->batch->n;
  for (size_t k = 0; k < r->copies; k++)
    start = sets[r->first + k].done < start ? sets[r->first + k].done : start;
  return start;
}

static void round_free(struct round *r)
{
  free(r->layers);
  free(r->hooks);
}

/* Owner: the caller, round_free, also after an error. */
static int round_create(const struct ablation *a, size_t first, size_t copies,
                        const struct forward_options *outer, struct round *r, struct error *error)
{
  size_t zeros = 0;
  *r = (struct round){.ablation = (struct ablation *)(uintptr_t)a,
                      .first = first,
                      .copies = copies,
                      .outer = outer,
                      .options = *outer};
  for (size_t k = 0; k < copies; k++)
    zeros += a->sets[first + k].heads->count;
  if (!(r->layers = memory_alloc(copies, sizeof *r->layers, "conditions", error)) ||
      !(r->hooks = memory_alloc(zeros + 1, sizeof *r->hooks, "conditions", error)))
    return error->code;
  set_hooks(r);
  r->options.hooks = (struct hooks){r->hooks, r->hook_count};
  r->options.forks = (struct forks){r->layers, copies};
  r->options.start = start_of(r);
  r->options.operations = &r->operations;
  r->options.chunk_done = see_chunk;
  r->options.progress = see_progress;
  r->options.context = r;
  return 0;
}

/* Plans one round; *gflop is what is left of it. */
static int plan_round(const struct round *r, const struct model *model, struct forward_plan *plan,
                      double *gflop, struct error *error)
{
  const struct batch *batch = r->ablation->batch;
  size_t n = (size_t)batch->n, seq_len = (size_t)batch->seq_len;
  *gflop = 0;
  if (forward_plan(model, n, seq_len, &r->options, plan, error))
    return error->code;
  return r->options.start == n ? 0
                               : forward_left_gflop(model, batch->tokens, n, seq_len, &r->options,
                                                    plan, gflop, error);
}

/* The first round with so many copies. */
static int plan_first(const struct ablation *a, const struct model *model, size_t copies,
                      const struct forward_options *options, struct forward_plan *plan,
                      struct error *error)
{
  struct round r;
  double gflop;
  if (!round_create(a, 1, copies, options, &r, error))
    plan_round(&r, model, plan, &gflop, error);
  round_free(&r);
  return error->code;
}

/* Copies of round `index`, whose first set is *first. */
static size_t copies_of(const struct ablation *a, size_t copies, size_t index, size_t *first)
{
  size_t left = a->set_count - 1 - index * copies;
  *first = 1 + index * copies;
  return left < copies ? left : copies;
}

int ablation_plan(const struct ablation *a, const struct model *model,
                  const struct forward_options *options, struct ablation_plan *plan,
                  struct error *error)
{
  struct forward_plan pass = {0};
  size_t copies = a->set_count - 1, first;
  while (plan_first(a, model, copies, options, &pass, error) == EXIT_INPUT && copies > 1) {
    *error = (struct error){0};
    copies = (copies + 1) / 2;
  }
  *plan = (struct ablation_plan){.passes = copies ? (a->set_count - 2 + copies) / copies : 1,
                                 .copies = copies,
                                 .chunk = pass.chunk,
                                 .bytes = pass.bytes};
  for (size_t i = 0; i < plan->passes && !error->code; i++) {
    struct round r;
    double gflop = 0;
    size_t count = copies_of(a, copies, i, &first);
    if (!round_create(a, first, count, options, &r, error))
      plan_round(&r, model, &pass, &gflop, error);
    plan->gflop += gflop;
    round_free(&r);
  }
  return error->code;
}

/* One round, from where it stopped. */
static int run_round(struct round *r, const struct model *model, double all, struct error *error)
{
  const struct batch *batch = r->ablation->batch;
  struct forward_plan plan;
  double gflop;
  if (plan_round(r, model, &plan, &gflop, error) || r->options.start == (size_t)batch->n)
    return error->code;
  r->share = all > 0 ? gflop / all : 0;
  return forward_run(model, batch->tokens, (size_t)batch->n, (size_t)batch->seq_len, &r->options,
                     error);
}

int ablation_run(struct ablation *a, const struct model *model,
                 const struct forward_options *options, const struct ablation_plan *plan,
                 struct error *error)
{
  double before = 0;
  uint64_t operations = 0;
  for (size_t i = 0, first; i < plan->passes && !error->code; i++) {
    struct round r;
    size_t count = copies_of(a, plan->copies, i, &first);
    if (!round_create(a, first, count, options, &r, error)) {
      r.before = before;
      run_round(&r, model, plan->gflop, error);
      if (r.stopped && i + 1 < plan->passes && !error->code)
        error_set(error, EXIT_RUN, "%s: stopped after %zu of %zu passes",
                  checkpoint_path(model->checkpoint), i + 1, plan->passes);
      before += r.share;
      operations += r.operations;
    }
    round_free(&r);
  }
  if (options->operations)
    *options->operations = operations;
  return error->code;
}

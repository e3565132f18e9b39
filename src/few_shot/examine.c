#include "few_shot/examine.h"

#include "base/memory.h"
#include "base/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 256  /* sequences of a pass, at most */
#define PREVIOUS 3 /* heads */

/* Some of all training sequences. */
struct drawn {
  struct few_sequence *sequences;
  size_t count;
};

struct examiner {
  const struct few_examined *of;
  struct few_examination *found;
  few_examining *go_on;
  void *context;
  struct drawn all, some; /* of the wiring */
  uint8_t *right[2];      /* [all.count]: scratch for two conditions */
  double done, total;     /* sequences through passes */
  struct error *error;
};

static uint64_t all_heads(const struct examiner *e)
{
  return UINT64_MAX >> (64 - e->of->sizes->heads);
}

/* --- one condition --- */

static bool is_right(const float *logits, size_t labels, const struct few_sequence *sequence)
{
  size_t best = 0;
  for (size_t l = 1; l < labels; l++)
    if (logits[l] > logits[best])
      best = l;
  return best == (size_t)sequence->labels[sequence->query];
}

struct marks {
  struct examiner *examiner;
  double passes; /* of the model */
  uint8_t *right;
  size_t count; /* of right ones */
};

static int advance(struct examiner *e, double passes, struct error *error)
{
  e->done += passes;
  return !e->go_on || e->go_on(e->context, e->done, e->total)
             ? 0
             : error_set(error, EXIT_RUN, "stopped");
}

static int mark(void *context, const struct few_model *model, const struct few_sequence *sequences,
                size_t first, size_t count, struct error *error)
{
  struct marks *marks = context;
  size_t labels = few_model_sizes(model)->labels;
  for (size_t i = 0; i < count; i++) {
    marks->right[first + i] = is_right(few_model_logits(model, i), labels, &sequences[i]);
    marks->count += marks->right[first + i];
  }
  return advance(marks->examiner, (double)count * marks->passes, error);
}

static size_t batch_of(size_t count)
{
  return count < BATCH ? count : BATCH;
}

/* For so many sequences. */
static int make_model(const struct few_examined *of, const struct few_clamp *clamp, size_t count,
                      struct few_model **model, struct error *error)
{
  const struct few_model_options options = {.kernels = of->kernels,
                                            .sizes = *of->sizes,
                                            .batch = batch_of(count),
                                            .items = few_data_table(of->data, FEW_SET_TRAIN).rows,
                                            .clamp = clamp};
  return few_model_create(&options, of->parameters, NULL, model, error);
}

/* The share of the sequences that is right under a clamp; right[count] says which. */
static int share_of(struct examiner *e, const struct few_clamp *clamp, const struct drawn *drawn,
                    uint8_t *right, double *share)
{
  const struct few_table table = few_data_table(e->of->data, FEW_SET_TRAIN);
  struct marks marks = {e, few_clamp_two_passes(clamp) ? 2 : 1, right, 0};
  struct few_model *model = NULL;
  int status = make_model(e->of, clamp, drawn->count, &model, e->error);
  if (!status)
    status =
        few_measure(model, &table, drawn->sequences, drawn->count, mark, &marks, NULL, e->error);
  few_model_free(model);
  *share = (double)marks.count / (double)drawn->count;
  return status;
}

static uint64_t bit(size_t head)
{
  return UINT64_C(1) << head;
}

/* Heads of layer 1 that stay. */
static struct few_clamp keep(const struct examiner *e, uint64_t heads)
{
  return (struct few_clamp){.ablate = {0, all_heads(e) & ~heads}};
}

static int accuracy_with(struct examiner *e, uint64_t heads, double *share)
{
  const struct few_clamp clamp = keep(e, heads);
  return share_of(e, &clamp, &e->all, e->right[1], share);
}

/* --- parts of the examination --- */

static int see(void *context, const struct few_model *model, const struct few_sequence *sequences,
               size_t first, size_t count, struct error *error)
{
  (void)model;
  (void)sequences;
  (void)first;
  return advance(context, (double)count, error);
}

static int measure_strengths(struct examiner *e)
{
  const struct few_table table = few_data_table(e->of->data, FEW_SET_TRAIN);
  struct few_model *model = NULL;
  int status = make_model(e->of, NULL, e->all.count, &model, e->error);
  if (!status)
    status = few_strengths_of(model, e->of->sizes, &table, e->all.sequences, e->all.count, see, e,
                              &e->found->strengths, e->error);
  few_model_free(model);
  for (size_t h = 1; h < e->of->sizes->heads && !status; h++)
    if (e->found->strengths.induction[h] > e->found->strengths.induction[e->found->strongest])
      e->found->strongest = h;
  return status;
}

static int measure_whole(struct examiner *e)
{
  const struct few_clamp direct = {.ablate = {all_heads(e), 0}, .preserve = FEW_PRESERVE_BOTH};
  if (accuracy_with(e, all_heads(e), &e->found->accuracy) ||
      share_of(e, &direct, &e->all, e->right[1], &e->found->direct))
    return e->error->code;
  for (size_t h = 0; h < e->of->sizes->heads; h++)
    if (accuracy_with(e, all_heads(e) & ~bit(h), &e->found->without[h]))
      return e->error->code;
  return 0;
}

/* Sequences that right[0] has wrong. */
static size_t count_errors(const struct examiner *e)
{
  size_t errors = 0;
  for (size_t i = 0; i < e->all.count; i++)
    errors += !e->right[0][i];
  return errors;
}

/* The share of them that right[1] has right. */
static double fixed_share(const struct examiner *e, size_t errors)
{
  size_t fixed = 0;
  for (size_t i = 0; i < e->all.count; i++)
    fixed += !e->right[0][i] && e->right[1][i];
  return errors ? (double)fixed / (double)errors : NAN;
}

/* Each head alone against the strongest alone, as it is or with a perfect match. */
static int measure_alone(struct examiner *e, bool match, double *alone, double *fixes,
                         size_t *errors)
{
  for (size_t i = 0; i <= e->of->sizes->heads;
       i++) { /* the strongest first, whose errors the others may fix */
    size_t h = i ? i - 1 : e->found->strongest;
    struct few_clamp clamp = keep(e, bit(h));
    if (match) {
      clamp.match = bit(h);
      clamp.match_strength = 1;
    }
    if (i && h == e->found->strongest) {
      fixes[h] = NAN;
      continue;
    }
    if (share_of(e, &clamp, &e->all, e->right[i > 0], &alone[h]))
      return e->error->code;
    if (i)
      fixes[h] = fixed_share(e, *errors);
    else
      *errors = count_errors(e);
  }
  return 0;
}

/* Indices of `count` values in descending order, the first of equals first. */
static void sort_descending(const double *values, size_t count, size_t *order)
{
  for (size_t i = 0; i < count; i++) {
    size_t at = i;
    for (; at > 0 && values[order[at - 1]] < values[i]; at--)
      order[at] = order[at - 1];
    order[at] = i;
  }
}

static int measure_sets(struct examiner *e)
{
  uint64_t kept = 0;
  sort_descending(e->found->alone, e->of->sizes->heads, e->found->order);
  for (size_t i = 0; i < e->of->sizes->heads; i++) {
    kept |= bit(e->found->order[i]);
    if (accuracy_with(e, kept, &e->found->first[i]) ||
        accuracy_with(e, bit(i) | bit(e->found->strongest), &e->found->pair[i]))
      return e->error->code;
  }
  return 0;
}

static int measure_ablations(struct examiner *e)
{
  size_t order[FEW_MOST_HEADS], heads = e->of->sizes->heads;
  sort_descending(e->found->strengths.previous_labels, heads, order);
  for (size_t i = 0; i < PREVIOUS && i < heads; i++)
    e->found->previous |= bit(order[i]);
  for (int others = 0; others < 2; others++)
    for (int values = 0; values < 2; values++) {
      const struct few_clamp clamp = {
          .ablate = {others ? all_heads(e) & ~e->found->previous : e->found->previous, 0},
          .preserve = values ? FEW_PRESERVE_VALUES : FEW_PRESERVE_PATTERNS};
      if (share_of(e, &clamp, &e->all, e->right[1], &e->found->ablated[others][values]))
        return e->error->code;
    }
  return 0;
}

/* A head of layer 1 with each head of layer 0 alone and without it. */
static int measure_wiring_of(struct examiner *e, size_t head)
{
  struct few_clamp clamp = keep(e, bit(head));
  double all;
  if (share_of(e, &clamp, &e->some, e->right[1], &all))
    return e->error->code;
  for (int values = 0; values < 2; values++)
    for (size_t u = 0; u < e->of->sizes->heads; u++) {
      double without;
      clamp.preserve = values ? FEW_PRESERVE_VALUES : FEW_PRESERVE_PATTERNS;
      clamp.ablate[0] = all_heads(e) & ~bit(u);
      if (share_of(e, &clamp, &e->some, e->right[1], &e->found->only[values][head][u]))
        return e->error->code;
      clamp.ablate[0] = bit(u);
      if (share_of(e, &clamp, &e->some, e->right[1], &without))
        return e->error->code;
      e->found->change[values][head][u] = without - all;
    }
  return 0;
}

static int measure_wiring(struct examiner *e)
{
  int status = 0;
  for (size_t h = 0; h < e->of->sizes->heads && e->of->wiring && !status; h++)
    status = measure_wiring_of(e, h);
  return status;
}

/* --- the whole --- */

static size_t count_of(const struct few_examined *of, size_t stride)
{
  return (few_data_all(of->data) + stride - 1) / stride;
}

static int draw(const struct examiner *e, size_t stride, struct drawn *drawn)
{
  drawn->count = count_of(e->of, stride);
  drawn->sequences = memory_alloc(drawn->count, sizeof *drawn->sequences, "sequences", e->error);
  for (size_t i = 0; i < drawn->count && drawn->sequences; i++)
    drawn->sequences[i] = few_data_sequence(e->of->data, i * stride);
  return drawn->sequences ? 0 : e->error->code;
}

static int make_room(struct examiner *e)
{
  if (draw(e, e->of->stride, &e->all) || draw(e, e->of->wiring_stride, &e->some))
    return e->error->code;
  size_t most = e->all.count > e->some.count ? e->all.count : e->some.count;
  for (int i = 0; i < 2; i++) {
    e->right[i] = memory_alloc(most, 1, "marks of sequences", e->error);
    if (!e->right[i])
      return e->error->code;
  }
  e->found->sequences = e->all.count;
  e->found->wiring_sequences = e->some.count;
  return 0;
}

static int measure_all(struct examiner *e)
{
  struct few_examination *found = e->found;
  size_t errors;
  if (measure_strengths(e) || measure_whole(e) ||
      measure_alone(e, false, found->alone, found->fixes, &errors) ||
      measure_alone(e, true, found->match_alone, found->match_fixes, &found->match_errors) ||
      measure_sets(e) || measure_ablations(e))
    return e->error->code;
  return measure_wiring(e);
}

/* A condition with patterns or values preserved takes two passes. */
static double passes_of(const struct few_examined *of)
{
  double heads = (double)of->sizes->heads;
  double all = (double)count_of(of, of->stride) * (12 + 5 * heads);
  double wiring = (double)count_of(of, of->wiring_stride) * (heads + 8 * heads * heads);
  return all + (of->wiring ? wiring : 0);
}

/* What a batch and making its model take; the fastest of several, as others may keep the machine
 * busy. */
static int time_batch(const struct few_examined *of, size_t count, double *making, double *running,
                      uint64_t *bytes, struct error *error)
{
  const struct few_clamp two = {.ablate = {1, 0}, .preserve = FEW_PRESERVE_BOTH};
  const struct few_table table = few_data_table(of->data, FEW_SET_TRAIN);
  const struct few_sequence sequence = few_data_sequence(of->data, 0);
  int status = 0;
  *making = *running = INFINITY;
  for (int i = 0; i < 3 && !status; i++) {
    struct few_model *model = NULL;
    double start = progress_clock();
    status = make_model(of, &two, count, &model, error);
    double made = progress_clock();
    for (int k = 0; k < 2 && !status; k++) { /* the first touches its memory */
      double begun = progress_clock();
      status = few_model_forward(model, &table, &sequence, 1, error);
      *running = fmin(*running, progress_clock() - begun);
      *bytes = few_model_bytes(model);
    }
    *making = fmin(*making, made - start);
    few_model_free(model);
  }
  return status;
}

int few_examine_cost(const struct few_examined *of, struct few_examination_cost *cost,
                     struct error *error)
{
  double making, running, heads = (double)of->sizes->heads, passes = passes_of(of);
  size_t all = count_of(of, of->stride), some = count_of(of, of->wiring_stride);
  uint64_t bytes = 0;
  if (time_batch(of, all, &making, &running, &bytes, error))
    return error->code;
  cost->seconds = (7 + 5 * heads) * making + passes * running / (2 * (double)batch_of(all));
  if (of->wiring && time_batch(of, some, &making, &running, &cost->bytes, error))
    return error->code;
  cost->seconds += of->wiring ? (heads + 4 * heads * heads) * making : 0;
  cost->passes = passes;
  cost->bytes = bytes + (all + some) * sizeof(struct few_sequence) + 2 * (all > some ? all : some);
  return 0;
}

int few_examine(const struct few_examined *examined, few_examining *go_on, void *context,
                struct few_examination *examination, struct error *error)
{
  struct examiner e = {examined,      examination, go_on, context, .total = passes_of(examined),
                       .error = error};
  *examination = (struct few_examination){.heads = examined->sizes->heads};
  int status = make_room(&e);
  if (!status)
    status = measure_all(&e);
  free(e.all.sequences);
  free(e.some.sequences);
  free(e.right[0]);
  free(e.right[1]);
  return status;
}

#include "circuit/ablation_state.h"

#include <math.h>
#include <string.h>

void ablation_figures(const struct ablation *a, size_t condition, struct ablation_figures *figures)
{
  size_t n = (size_t)a->batch->n;
  double cross_entropy = 0, logit = 0;
  *figures = (struct ablation_figures){.missing = a->set_of[condition] == SIZE_MAX};
  for (size_t i = 0; i < n && !figures->missing; i++) {
    const struct target *target = ablation_target(a, condition, i);
    int32_t rank = target_rank(target);
    figures->top1 += rank == 0;
    figures->top5 += rank < TARGET_TOP;
    cross_entropy += target_cross_entropy(target);
    logit += (double)target->logit;
  }
  figures->cross_entropy = cross_entropy / (double)n;
  figures->target_logit = logit / (double)n;
}

static double top1(const struct ablation *a, size_t condition)
{
  struct ablation_figures figures;
  ablation_figures(a, condition, &figures);
  return figures.missing ? NAN : (double)figures.top1;
}

/* Of the first condition of this control, and of this name unless NULL. */
static double top1_of(const struct ablation *a, enum control control, const char *name)
{
  const struct conditions *all = a->conditions;
  for (size_t i = 0; i < all->count; i++)
    if (all->list[i].control == control && (!name || strcmp(all->list[i].name, name) == 0))
      return top1(a, i);
  return NAN;
}

/* Whether condition i is one of the controls that a summary is of. */
static bool belongs(const struct conditions *all, size_t i, const struct control_summary *s)
{
  return all->list[i].control == s->control && strcmp(all->list[i].name, s->condition) == 0;
}

/* Whether a control lies as far from the baseline as the circuit, on its side. */
static bool extreme(double control, double circuit, double baseline)
{
  return circuit < baseline ? control <= circuit : circuit > baseline ? control >= circuit : true;
}

static void summarise(const struct ablation *a, struct control_summary *s)
{
  const struct conditions *all = a->conditions;
  double baseline = top1_of(a, CONTROL_BASELINE, NULL);
  double circuit = top1_of(a, CONTROL_CIRCUIT, s->condition);
  double sum = 0, squares = 0, count = 0, beyond = 0;
  s->mean = s->sd = s->min = s->max = s->p = NAN;
  for (size_t i = 0; i < all->count; i++) {
    double value = belongs(all, i, s) ? top1(a, i) : NAN;
    if (isnan(value))
      continue;
    s->min = fmin(s->min, value);
    s->max = fmax(s->max, value);
    beyond += extreme(value, circuit, baseline);
    sum += value;
    count++;
  }
  if (count < 1)
    return;
  s->mean = sum / count;
  for (size_t i = 0; i < all->count; i++) {
    double value = belongs(all, i, s) ? top1(a, i) : NAN;
    if (!isnan(value))
      squares += (value - s->mean) * (value - s->mean);
  }
  if (count > 1)
    s->sd = sqrt(squares / (count - 1));
  if (!isnan(circuit) && !isnan(baseline))
    s->p = (1 + beyond) / (1 + count);
}

size_t ablation_summaries(const struct ablation *a, struct control_summary *summaries)
{
  const struct conditions *all = a->conditions;
  size_t count = 0;
  for (size_t i = 0; i < all->count; i++) {
    if (!control_is_random(all->list[i].control))
      continue;
    struct control_summary s = {.condition = all->list[i].name, .control = all->list[i].control};
    size_t first = 0;
    while (!belongs(all, first, &s))
      first++;
    if (first < i)
      continue;
    summarise(a, &s);
    summaries[count++] = s;
  }
  return count;
}

/* Participation ratio before selectivity: the lead of one head, and the signal that is plotted. */
#include "claims/arxiv_2606_02378/assertion.h"
#include "claims/arxiv_2606_02378/measure.h"
#include "claims/arxiv_2606_02378/rise.h"

#include <stdlib.h>
#include <string.h>

/* The plotted signal: first revision at which max(PR - 1, 0) is above 0. */
static size_t find_signal(const struct trajectory *trajectory, size_t head)
{
  size_t r = 0;
  while (r < trajectory->count && !(trajectory->revisions[r].heads[head].pr > 1))
    r++;
  return r;
}

/* The largest factor of PR between adjacent revisions up to the crossing. */
static size_t find_step(const struct trajectory *trajectory, size_t head, size_t crossing)
{
  double largest = 0;
  size_t at = trajectory->count;
  for (size_t r = 1; r <= crossing; r++) {
    double factor =
        trajectory->revisions[r].heads[head].pr / trajectory->revisions[r - 1].heads[head].pr;
    if (factor > largest) {
      largest = factor;
      at = r;
    }
  }
  return at;
}

static enum rise_reference reference_of(const char *reading)
{
  static const char *const names[RISE_REFERENCES] = {"above-first", "above-minimum",
                                                     "above-median"};
  int reference = 0;
  while (reference + 1 < RISE_REFERENCES && strcmp(names[reference], reading) != 0)
    reference++;
  return (enum rise_reference)reference;
}

/* Where PR is raised at or before the crossing, under a reading; count: nowhere. */
static size_t raised_at(const struct trajectory *trajectory, size_t head, size_t crossing,
                        const char *reading, const double *medians)
{
  if (strcmp(reading, "plotted") == 0)
    return find_signal(trajectory, head);
  if (strcmp(reading, "largest-factor") == 0)
    return find_step(trajectory, head, crossing);
  struct rise rise = rise_find(trajectory, head, crossing, reference_of(reading), medians);
  return rise.missing ? trajectory->count : rise.raised_at;
}

static double *find_medians(const struct trajectory *trajectory, struct outcome *outcome)
{
  struct error error = {0};
  double *medians = rise_medians(trajectory, &error);
  outcome->evidence->failed = outcome->evidence->failed || !medians;
  return medians;
}

/* Tokens at a head's crossing of 50x over those at which its PR is raised. Arguments: head; what PR
 * is raised above, "plotted" or "largest-factor". */
void pr_lead(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory = question_trajectory(question, "", outcome);
  const char *name = question_argument(question, 0);
  struct head_id id = {0, 0};
  if (!trajectory)
    return;
  published_next_head(&name, &id);
  const struct revision *first = &trajectory->revisions[0];
  size_t head = (size_t)id.layer * (size_t)first->n_heads + (size_t)id.head;
  size_t crossing = head < measure_heads(first)
                        ? rise_crossing(trajectory, head, CLASS_INDUCTION, CIRCUIT_THRESHOLD)
                        : trajectory->count;
  double *medians = find_medians(trajectory, outcome);
  if (crossing == trajectory->count)
    outcome_missing(outcome, "L%dH%d is no induction head", id.layer, id.head);
  if (!medians || crossing == trajectory->count) {
    free(medians);
    return;
  }
  size_t raised = raised_at(trajectory, head, crossing, question_argument(question, 1), medians);
  free(medians);
  if (raised > crossing) {
    outcome_words(outcome, false, "no lead");
    return;
  }
  outcome_add(outcome,
              trajectory->revisions[crossing].tokens / trajectory->revisions[raised].tokens);
  outcome_why(outcome, "PR raised at %.40s, 50x at %.40s", trajectory->revisions[raised].name,
              trajectory->revisions[crossing].name);
}

/* In every final induction head the plotted signal is above 0 at or before the crossing. Arguments:
 * models (none: the assertion's). */
void pr_plotted(const struct question *question, struct outcome *outcome)
{
  size_t heads = 0, raised = 0, last = question_arguments(question);
  for (size_t k = 0; k < (last ? last : 1); k++) {
    const struct trajectory *trajectory =
        question_trajectory(question, question_argument(question, k), outcome);
    if (!trajectory)
      return;
    const struct revision *end = &trajectory->revisions[trajectory->count - 1];
    for (size_t i = 0; i < measure_heads(end); i++) {
      if (end->heads[i].selectivity[CLASS_INDUCTION] < CIRCUIT_THRESHOLD)
        continue;
      heads++;
      raised += find_signal(trajectory, i) <=
                rise_crossing(trajectory, i, CLASS_INDUCTION, CIRCUIT_THRESHOLD);
    }
  }
  outcome_words(outcome, raised == heads && heads > 0, "%zu of %zu heads", raised, heads);
}

#define MOST_LEADS 1024

/* Leads in revisions of the heads that one trajectory has in a class at its end: the final
 * induction circuit, or the heads of that best class. */
static void add_leads(const struct trajectory *trajectory, enum head_class class,
                      const char *reading, const double *medians, int leads[MOST_LEADS],
                      size_t *count)
{
  const struct revision *last = &trajectory->revisions[trajectory->count - 1];
  bool induction = class == CLASS_INDUCTION;
  double threshold = induction ? CIRCUIT_THRESHOLD : CLASS_THRESHOLD;
  for (size_t i = 0; i < measure_heads(last) && *count < MOST_LEADS; i++) {
    if (last->heads[i].selectivity[class] < threshold ||
        (!induction && last->heads[i].class != class))
      continue;
    size_t crossing = rise_crossing(trajectory, i, class, threshold);
    size_t raised = raised_at(trajectory, i, crossing, reading, medians);
    leads[(*count)++] = raised <= crossing ? (int)(crossing - raised) : -1;
  }
}

static int compare_leads(const void *a, const void *b)
{
  return *(const int *)a - *(const int *)b;
}

/* The median lead of PR in checkpoints over the heads of all models: of induction, previous_token
 * and first_token, within the three stated ranges; -1: PR is not raised. Argument: reading. */
void pr_leads(const struct question *question, struct outcome *outcome)
{
  static const enum head_class classes[] = {CLASS_INDUCTION, CLASS_PREVIOUS_TOKEN,
                                            CLASS_FIRST_TOKEN};
  struct stated_number numbers[STATED_MOST];
  size_t number_count = stated_parse(question->assertion->stated, numbers), used = 0;
  int leads[MOST_LEADS], median[3] = {0};
  bool all = true;
  for (size_t k = 0; k < 3; k++) {
    size_t count = 0;
    for (size_t m = 0; m < MODEL_COUNT; m++) {
      const struct trajectory *trajectory = question->facts->models[m];
      double *medians = trajectory ? find_medians(trajectory, outcome) : NULL;
      if (medians)
        add_leads(trajectory, classes[k], question_argument(question, 0), medians, leads, &count);
      free(medians);
      if (!trajectory)
        outcome_missing(outcome, "the three published trajectories are not given");
    }
    qsort(leads, count, sizeof *leads, compare_leads);
    median[k] = count ? leads[count / 2] : -1;
    size_t ends = used + 1 < number_count && numbers[used + 1].band_end ? 2 : 1;
    double value = median[k];
    all = all && used + ends <= number_count && stated_all_meet(&numbers[used], ends, &value, 1, 0);
    used += ends;
  }
  outcome_words(outcome, all, "%d, %d, %d", median[0], median[1], median[2]);
}

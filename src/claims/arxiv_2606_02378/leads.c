/* Participation ratio before selectivity: the lead of one head, and the signal that is plotted. */
#include "claims/arxiv_2606_02378/assertion.h"
#include "claims/arxiv_2606_02378/measure.h"
#include "claims/arxiv_2606_02378/rise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t find_crossing(const struct trajectory *trajectory, size_t head)
{
  size_t r = 0;
  while (r < trajectory->count &&
         trajectory->revisions[r].heads[head].selectivity[CLASS_INDUCTION] < CIRCUIT_THRESHOLD)
    r++;
  return r;
}

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

static size_t raised_at(const struct question *question, const struct trajectory *trajectory,
                        size_t head, struct outcome *outcome)
{
  static const char *const names[RISE_REFERENCES] = {"above-first", "above-minimum",
                                                     "above-median"};
  const char *reading = question_argument(question, 1);
  struct error error = {0};
  int reference = 0;
  if (strcmp(reading, "plotted") == 0)
    return find_signal(trajectory, head);
  if (strcmp(reading, "largest-factor") == 0)
    return find_step(trajectory, head, find_crossing(trajectory, head));
  while (reference + 1 < RISE_REFERENCES && strcmp(names[reference], reading) != 0)
    reference++;
  double *medians = rise_medians(trajectory, &error);
  if (!medians) {
    outcome->evidence->failed = true;
    return trajectory->count;
  }
  struct rise rise = rise_find(trajectory, head, (enum rise_reference)reference, medians);
  free(medians);
  return rise.missing ? trajectory->count : rise.raised_at;
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
  size_t crossing =
      head < measure_heads(first) ? find_crossing(trajectory, head) : trajectory->count;
  /* A head that has left the circuit by the end has no final crossing (rise.h). */
  if (crossing == trajectory->count ||
      trajectory->revisions[trajectory->count - 1].heads[head].selectivity[CLASS_INDUCTION] <
          CIRCUIT_THRESHOLD) {
    outcome_missing(outcome, "L%dH%d is no final induction head", id.layer, id.head);
    return;
  }
  size_t raised = raised_at(question, trajectory, head, outcome);
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
      raised += find_signal(trajectory, i) <= find_crossing(trajectory, i);
    }
  }
  outcome_words(outcome, raised == heads && heads > 0, "%zu of %zu heads", raised, heads);
}

/* What the kinds of evaluation share: the trajectories. */
#include "claims/arxiv_2606_02378/assertion.h"

#include <string.h>

const struct trajectory *question_trajectory(const struct question *question, const char *model,
                                             struct outcome *outcome)
{
  const struct trajectory *found = *model ? NULL : question->trajectory;
  for (size_t i = 0; *model && i < MODEL_COUNT; i++)
    if (question->facts->models[i] && strcmp(question->facts->models[i]->model, model) == 0)
      found = question->facts->models[i];
  if (!found)
    outcome_missing(outcome, "no published trajectory of %s is given",
                    *model ? model : question->assertion->model);
  return found;
}

/* How many revisions the published trajectory has. */
void list_revisions(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory = question_trajectory(question, "", outcome);
  if (trajectory)
    outcome_add(outcome, (double)trajectory->count);
}

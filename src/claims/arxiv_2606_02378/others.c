/* Kinds of evaluation that need no figure of a model. */
#include "claims/arxiv_2606_02378/assertion.h"

#include <string.h>

/* The assertion cannot be evaluated; the argument says what is missing. */
void not_evaluated(const struct question *question, struct outcome *outcome)
{
  outcome_missing(outcome, "%s", question_argument(question, 0));
}

/* How many revisions the published trajectory has. */
void list_revisions(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory = question_trajectory(question, "", outcome);
  if (trajectory)
    outcome_add(outcome, (double)trajectory->count);
}

static const struct claim_row *find_row(const struct question *question, const char *id)
{
  for (size_t i = 0; i < question->list->count; i++) {
    const struct claim_row *row = &question->list->rows[i];
    if (row->source && row->stated && strcmp(row->source->id, id) == 0)
      return row;
  }
  return NULL;
}

/* All figures of a table come out as stated. Arguments: ids of assertions before this one. */
void list_rows(const struct question *question, struct outcome *outcome)
{
  size_t holding = 0, count = question_arguments(question);
  for (size_t i = 0; i < count; i++) {
    const char *id = question_argument(question, i);
    const struct claim_row *row = find_row(question, id);
    if (!row || row->verdict == CLAIM_NOT_EVALUATED)
      outcome_missing(outcome, "%s is not evaluated", id);
    else if (row->verdict == CLAIM_REPRODUCED)
      holding++;
    else
      outcome_why(outcome, "%s does not come out", id);
  }
  outcome_words(outcome, holding == count, "%zu of %zu rows", holding, count);
}

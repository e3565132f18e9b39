/* When a task, and a component of its circuit, emerges. */
#include "claims/arxiv_2407_10827/paper.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOVER_SCORE 50 /* percent of a name mover's cases */

/* The step at which the metric first exceeds half of its final, or its largest, value; between
 * checkpoints on a line where that is asked for. NAN: never. */
static double emergence(const struct series *s, const char *half_of, bool between)
{
  double goal = s->value[s->count - 1];
  for (size_t i = 0; i < s->count && strcmp(half_of, "largest") == 0; i++)
    goal = fmax(goal, s->value[i]);
  goal /= 2;
  for (size_t i = 0; i < s->count && goal > 0; i++) {
    if (s->value[i] <= goal)
      continue;
    if (!between || i == 0)
      return s->at[i];
    double part = (goal - s->value[i - 1]) / (s->value[i] - s->value[i - 1]);
    return s->at[i - 1] + part * (s->at[i] - s->at[i - 1]);
  }
  return NAN;
}

/* In units of 1e9 tokens. */
static double emergence_of(const struct question *question, const char *model, const char *run,
                           struct outcome *outcome)
{
  struct series series;
  char key[64];
  bool between = strcmp(question_argument(question, 1), "between") == 0;
  snprintf(key, sizeof key, "ioi|%s", run);
  if (!series_read(question, "task_metric", model, key, "step", "metric", &series, outcome))
    return NAN;
  return emergence(&series, question_argument(question, 0), between) * TOKENS_A_STEP / 1e9;
}

/* Tokens, in units of 1e9. Arguments: half of the "final" or "largest" value, at "checkpoints" or
 * "between" them, the run. */
void emergence_tokens(const struct question *question, struct outcome *outcome)
{
  double tokens =
      emergence_of(question, question->assertion->model, question_argument(question, 2), outcome);
  if (isnan(tokens) && !*outcome->missing)
    outcome_words(outcome, false, "never");
  else
    outcome_add(outcome, tokens);
}

/* All lie within a factor of two. Arguments: as above without the run, then "MODEL RUN" each. */
void emergence_spread(const struct question *question, struct outcome *outcome)
{
  double low = INFINITY, high = 0;
  size_t never = 0;
  for (size_t i = 2; i < question_arguments(question); i++) {
    const char *argument = question_argument(question, i), *blank = strchr(argument, ' ');
    char model[64];
    snprintf(model, sizeof model, "%.*s", (int)(blank - argument), argument);
    double tokens = emergence_of(question, model, blank + 1, outcome);
    never += isnan(tokens) ? 1 : 0;
    low = fmin(low, tokens);
    high = fmax(high, tokens);
  }
  bool holds = !never && high <= 2 * low;
  if (never)
    outcome_words(outcome, false, "no: %zu of them never", never);
  else
    outcome_words(outcome, holds, "%s: %.1fB to %.1fB", holds ? "yes" : "no", low, high);
}

/* Its name movers reach half of their cases within a factor of two of the task. Arguments: those of
 * emergence_tokens, then heads. */
void movers_emerge(const struct question *question, struct outcome *outcome)
{
  const char *model = question->assertion->model;
  double task = emergence_of(question, model, question_argument(question, 2), outcome);
  double low = INFINITY, high = 0;
  for (size_t i = 3; i < question_arguments(question); i++) {
    struct series series;
    double tokens = NAN;
    if (!series_read(question, "copy_scores", model, question_argument(question, i), "step",
                     "copy_score", &series, outcome))
      return;
    for (size_t k = series.count; k-- > 0;)
      if (series.value[k] > MOVER_SCORE)
        tokens = series.at[k] * TOKENS_A_STEP / 1e9;
    low = fmin(low, tokens);
    high = fmax(high, tokens);
  }
  bool holds = high <= 2 * task && low >= task / 2;
  outcome_words(outcome, holds, "%s: movers %.1fB to %.1fB, task %.1fB", holds ? "yes" : "no", low,
                high, task);
}

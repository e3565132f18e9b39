/* How early the screen finds the final induction heads: figures about several models, and single
 * sentences of the text. Arguments begin with the thresholds of the screen and of the final set. */
#include "claims/arxiv_2606_02378/assertion.h"
#include "claims/arxiv_2606_02378/measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const models[MODEL_COUNT] = {PYTHIA, OLMO, OLMOE};

struct thresholds {
  double screen, final_set;
};

static struct thresholds find_thresholds(const struct question *question)
{
  return (struct thresholds){question_number(question, 0), question_number(question, 1)};
}

/* First revision at which so many thirds of the final heads are found; count: never. */
static size_t find_recall(const struct trajectory *trajectory, struct thresholds at, size_t thirds)
{
  size_t r = 0;
  for (; r < trajectory->count; r++) {
    struct recall recall = measure_recall(trajectory, r, at.screen, at.final_set);
    if (recall.total > 0 && 3 * recall.found >= thirds * recall.total)
      break;
  }
  return r;
}

static double tokens_of(const struct trajectory *trajectory, size_t r)
{
  return r < trajectory->count ? trajectory->revisions[r].tokens : INFINITY;
}

/* Heads found and final heads at a revision, the third argument. */
void recall_at(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory = question_trajectory(question, "", outcome);
  struct thresholds at = find_thresholds(question);
  size_t r = trajectory ? trajectory_find(trajectory, question_argument(question, 2)) : 0;
  if (!trajectory)
    return;
  if (r == trajectory->count) {
    outcome_missing(outcome, "revision %s is not in the trajectory",
                    question_argument(question, 2));
    return;
  }
  struct recall recall = measure_recall(trajectory, r, at.screen, at.final_set);
  outcome_add(outcome, (double)recall.found);
  outcome_add(outcome, (double)recall.total);
}

/* Tokens at so many thirds (third argument) of recall, for every model. */
void recall_columns(const struct question *question, struct outcome *outcome)
{
  for (size_t m = 0; m < MODEL_COUNT; m++) {
    const struct trajectory *trajectory = question_trajectory(question, models[m], outcome);
    size_t thirds = (size_t)question_number(question, 2);
    if (trajectory)
      outcome_add(outcome, tokens_of(trajectory,
                                     find_recall(trajectory, find_thresholds(question), thirds)));
  }
}

/* Tokens at two thirds of recall as a percentage of all. */
void recall_share(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory = question_trajectory(question, "", outcome);
  if (trajectory)
    outcome_add(outcome,
                100 * tokens_of(trajectory, find_recall(trajectory, find_thresholds(question), 2)) /
                    trajectory->revisions[trajectory->count - 1].tokens);
}

/* In every model a revision within a window of tokens has two thirds of recall. Third and fourth
 * argument: what rounds to the printed ends at one significant digit. */
void recall_window(const struct question *question, struct outcome *outcome)
{
  size_t hold = 0;
  for (size_t m = 0; m < MODEL_COUNT; m++) {
    const struct trajectory *trajectory = question_trajectory(question, models[m], outcome);
    struct thresholds at = find_thresholds(question);
    bool any = false;
    for (size_t r = 0; trajectory && r < trajectory->count; r++) {
      struct recall recall = measure_recall(trajectory, r, at.screen, at.final_set);
      double tokens = trajectory->revisions[r].tokens;
      any =
          any || (recall.total > 0 && 3 * recall.found >= 2 * recall.total &&
                  tokens >= question_number(question, 2) && tokens <= question_number(question, 3));
    }
    hold += any;
    if (!any)
      outcome_why(outcome, "not in %s", models[m]);
  }
  outcome_words(outcome, hold == MODEL_COUNT, "%s: in %zu of 3 models",
                hold == MODEL_COUNT ? "yes" : "no", hold);
}

/* Models that reach full recall at the last or the next to last revision only. */
void recall_late(const struct question *question, struct outcome *outcome)
{
  size_t late = 0;
  for (size_t m = 0; m < MODEL_COUNT; m++) {
    const struct trajectory *trajectory = question_trajectory(question, models[m], outcome);
    late += trajectory &&
            find_recall(trajectory, find_thresholds(question), 3) + 2 >= trajectory->count;
  }
  outcome_add(outcome, (double)late);
  outcome_add(outcome, MODEL_COUNT);
}

/* The revisions of one, two and three thirds of recall, without what follows the step. */
void recall_names(const struct question *question, struct outcome *outcome)
{
  char words[160] = "";
  for (size_t m = 0; m < MODEL_COUNT; m++) {
    const struct trajectory *trajectory = question_trajectory(question, models[m], outcome);
    for (size_t thirds = 1; trajectory && thirds <= 3; thirds++) {
      size_t r = find_recall(trajectory, find_thresholds(question), thirds), used = strlen(words);
      const char *name = r < trajectory->count ? trajectory->revisions[r].name : "never";
      snprintf(words + used, sizeof words - used, "%s%.*s",
               thirds > 1 ? " "
               : m        ? "; "
                          : "",
               (int)strcspn(name, "-"), name);
    }
  }
  outcome_words(outcome, strcmp(words, question->assertion->stated) == 0, "%s", words);
}

static bool columns_match(const struct question *question, struct thresholds at)
{
  struct stated_number numbers[STATED_MOST];
  size_t count = stated_parse(question->assertion->stated, numbers);
  double values[MODEL_COUNT];
  for (size_t m = 0; m < MODEL_COUNT; m++) {
    const struct trajectory *trajectory = question->facts->models[m];
    if (!trajectory)
      return false;
    values[m] = tokens_of(trajectory, find_recall(trajectory, at, 3));
  }
  return stated_all_meet(numbers, count, values, MODEL_COUNT, 0);
}

/* Which thresholds of the screen, in tenths, give the stated column of full recall on the final set
 * of the second argument. */
void recall_unsourced(const struct question *question, struct outcome *outcome)
{
  struct thresholds at = find_thresholds(question);
  int low = 0, high = 0;
  for (int tenths = 10; tenths <= 1000; tenths++) {
    at.screen = tenths / 10.0;
    if (!columns_match(question, at))
      continue;
    low = low ? low : tenths;
    high = tenths;
  }
  outcome_words(outcome, low > 0, "a screen of %.1fx to %.1fx gives it", low / 10.0, high / 10.0);
}

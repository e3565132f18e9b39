/* Kinds of evaluation of training runs: times in sequences, plateaus in evaluations. A time that
 * never comes is infinite. Arguments and limits are as each says. */
#include "claims/arxiv_2404_07129/predicate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A column of a run; an empty cell is a time that never came. */
static double run_number(const struct predicate_case *c, const char *run, const char *column,
                         struct judged *judged)
{
  static const double never = INFINITY;
  return case_number(c, "runs", run, column, &never, judged);
}

/* a / b, of which one at most may be infinite. */
static double ratio(double a, double b, struct judged *judged)
{
  if (!*judged->missing && ((isinf(a) && isinf(b)) || b == 0))
    judged_missing(judged, isinf(a) ? "neither run learned" : "there is nothing to compare with");
  return a / b;
}

static double quotient(const struct predicate_case *c, size_t first, struct judged *judged)
{
  const char *column = case_argument(c, 0);
  double a = run_number(c, case_argument(c, first), column, judged);
  double b = run_number(c, case_argument(c, first + 1), column, judged);
  return ratio(a, b, judged);
}

/* Arguments: column, run. */
void run_at_least(const struct predicate_case *c, struct judged *judged)
{
  judge_at_least(judged, run_number(c, case_argument(c, 1), case_argument(c, 0), judged), c->limit);
}

void run_below(const struct predicate_case *c, struct judged *judged)
{
  judge_at_most(judged, run_number(c, case_argument(c, 1), case_argument(c, 0), judged), c->limit);
}

/* Column of run 1 / of run 2 is at most `limit`. */
void run_ratio(const struct predicate_case *c, struct judged *judged)
{
  judge_at_most(judged, quotient(c, 1, judged), c->limit);
}

/* The time in the column comes; it does not. */
void run_learned(const struct predicate_case *c, struct judged *judged)
{
  judged->value = run_number(c, case_argument(c, 1), case_argument(c, 0), judged);
  judged->holds = isfinite(judged->value);
}

void run_never(const struct predicate_case *c, struct judged *judged)
{
  judged->value = run_number(c, case_argument(c, 1), case_argument(c, 0), judged);
  judged->holds = isinf(judged->value);
}

/* Run 1 comes before run 2; value: the ratio of their times. */
void run_sooner(const struct predicate_case *c, struct judged *judged)
{
  judged->value = quotient(c, 1, judged);
  judged->holds = judged->value < 1;
}

/* Of one run (argument 0): the time in column 1 comes at most `limit` times that in column 2. */
void run_follows(const struct predicate_case *c, struct judged *judged)
{
  double test = run_number(c, case_argument(c, 0), case_argument(c, 1), judged);
  double train = run_number(c, case_argument(c, 0), case_argument(c, 2), judged);
  judge_at_most(judged, ratio(test, train, judged), c->limit);
}

/* Run 1 takes between 1 / limit and limit times as long as run 2. */
void run_within(const struct predicate_case *c, struct judged *judged)
{
  judged->value = quotient(c, 1, judged);
  judged->holds = judged->value <= c->limit && judged->value >= 1 / c->limit;
}

/* --- heads trained alone: runs head0 .. head7, argument 0 the column --- */

static bool head_times(const struct predicate_case *c, double times[FORMATION_HEADS],
                       struct judged *judged)
{
  for (size_t h = 0; h < FORMATION_HEADS; h++) {
    char run[16];
    snprintf(run, sizeof run, "head%zu", h);
    times[h] = run_number(c, run, case_argument(c, 0), judged);
  }
  return !*judged->missing;
}

static size_t soonest(const double times[FORMATION_HEADS])
{
  size_t best = 0;
  for (size_t h = 1; h < FORMATION_HEADS; h++)
    if (times[h] < times[best])
      best = h;
  return best;
}

/* The head that is strongest when all are trained together learns first alone. Value: that head's
 * time over the first one's. */
void heads_first(const struct predicate_case *c, struct judged *judged)
{
  double times[FORMATION_HEADS], strengths[FORMATION_HEADS];
  if (!head_times(c, times, judged) || !case_heads(c, "strength", strengths, judged))
    return;
  double strongest = times[largest(strengths, FORMATION_HEADS)];
  judged->value = ratio(strongest, times[soonest(times)], judged);
  judged->holds = strongest == times[soonest(times)];
}

/* All heads together learn before the first of them alone. Value: their time over its. */
void heads_additive(const struct predicate_case *c, struct judged *judged)
{
  double times[FORMATION_HEADS];
  if (!head_times(c, times, judged))
    return;
  double all = run_number(c, "unclamped", case_argument(c, 0), judged);
  judged->value = ratio(all, times[soonest(times)], judged);
  judged->holds = judged->value < 1;
}

/* The last takes at least `limit` times as long as the first. */
void heads_spread(const struct predicate_case *c, struct judged *judged)
{
  double times[FORMATION_HEADS];
  if (!head_times(c, times, judged))
    return;
  double first = times[soonest(times)], last = times[largest(times, FORMATION_HEADS)];
  judge_at_least(judged, ratio(last, first, judged), c->limit);
}

/* --- sweeps --- */

/* Each of the runs takes longer than the one before it. Value: how many do. Arguments: column,
 * runs. */
void run_ordered(const struct predicate_case *c, struct judged *judged)
{
  double before = NAN, rising = 0;
  size_t i;
  for (i = 1; *case_argument(c, i); i++) {
    double time = run_number(c, case_argument(c, i), case_argument(c, 0), judged);
    if (i > 1 && isinf(time) && isinf(before))
      judged_missing(judged, "neither run learned");
    rising += i > 1 && time > before;
    before = time;
  }
  judged->value = rising;
  judged->holds = rising == (double)(i - 2);
}

/* Run 2 is delayed against run 1 by a larger factor than run 4 against run 3. Value: the one factor
 * over the other. */
void run_more_through(const struct predicate_case *c, struct judged *judged)
{
  double slow = 1 / quotient(c, 1, judged), other = 1 / quotient(c, 3, judged);
  judged->value = ratio(slow, other, judged);
  judged->holds = judged->value > 1;
}

/* The slowest of the runs takes at least `limit` times as long as the fastest. */
void run_apart(const struct predicate_case *c, struct judged *judged)
{
  double first = INFINITY, last = -INFINITY;
  for (size_t i = 1; *case_argument(c, i); i++) {
    double time = run_number(c, case_argument(c, i), case_argument(c, 0), judged);
    first = fmin(first, time);
    last = fmax(last, time);
  }
  judge_at_least(judged, ratio(last, first, judged), c->limit);
}

/* The toy model's time of clamp 1 over that of clamp 2 is at most `limit`. Arguments: column,
 * clamps. */
void toy_ordered(const struct predicate_case *c, struct judged *judged)
{
  static const double never = INFINITY;
  double a = case_number(c, "toy", case_argument(c, 1), case_argument(c, 0), &never, judged);
  double b = case_number(c, "toy", case_argument(c, 2), case_argument(c, 0), &never, judged);
  judge_at_most(judged, ratio(a, b, judged), c->limit);
}

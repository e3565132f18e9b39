/* Kinds of evaluation of trained models. Arguments and limits are as each says. */
#include "base/correlation.h"
#include "claims/arxiv_2404_07129/predicate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- strengths and accuracies of single heads --- */

/* At least `limit` heads have an induction strength above the number in argument 0. */
void strong_heads(const struct predicate_case *c, struct judged *judged)
{
  double strengths[FORMATION_HEADS], above = strtod(case_argument(c, 0), NULL), count = 0;
  if (!case_heads(c, "strength", strengths, judged))
    return;
  for (size_t h = 0; h < FORMATION_HEADS; h++)
    count += strengths[h] > above;
  judge_at_least(judged, count, c->limit);
}

/* Spearman's rank correlation of strength and accuracy alone over the heads is at least `limit`. */
void rank_correlation(const struct predicate_case *c, struct judged *judged)
{
  double strengths[FORMATION_HEADS], alone[FORMATION_HEADS], rho;
  struct error error = {0};
  if (!case_heads(c, "strength", strengths, judged) || !case_heads(c, "alone", alone, judged))
    return;
  if (correlation_spearman(strengths, alone, FORMATION_HEADS, TIES_AVERAGED, &rho, &error)) {
    judged_missing(judged, "%.100s", error.text);
    return;
  }
  judge_at_least(judged, rho, c->limit);
}

/* The same as computed elsewhere. */
void rank_correlation_published(const struct predicate_case *c, struct judged *judged)
{
  double value = case_number(c, "correlations", "", "strength_alone", NULL, judged);
  judge_at_least(judged, value, c->limit);
}

/* The strongest head, and accuracies with one head alone as far as they are known. */
static bool find_strongest(const struct predicate_case *c, size_t *strongest, struct judged *judged)
{
  double strengths[FORMATION_HEADS];
  bool all = case_heads(c, "strength", strengths, judged);
  *strongest = all ? largest(strengths, FORMATION_HEADS) : 0;
  return all;
}

static double number_of_head(const struct predicate_case *c, size_t head, const char *column,
                             struct judged *judged)
{
  const char key[] = {(char)('0' + head), 0};
  return case_number(c, "heads", key, column, NULL, judged);
}

/* The strongest head alone is right in more than `limit` of the sequences. */
void strongest_alone(const struct predicate_case *c, struct judged *judged)
{
  size_t head;
  if (!find_strongest(c, &head, judged))
    return;
  judged->value = number_of_head(c, head, "alone", judged);
  judged->holds = judged->value > c->limit;
}

/* All heads together are right at least as often as the strongest alone ("strongest"), as the best
 * of all ("best"). Value: the difference. */
void all_beat_best(const struct predicate_case *c, struct judged *judged)
{
  double alone[FORMATION_HEADS], all = case_number(c, "models", "", "accuracy", NULL, judged);
  size_t head;
  if (strcmp(case_argument(c, 0), "best") == 0) {
    if (case_heads(c, "alone", alone, judged))
      judge_at_least(judged, all - alone[largest(alone, FORMATION_HEADS)], 0);
  } else if (find_strongest(c, &head, judged)) {
    judge_at_least(judged, all - number_of_head(c, head, "alone", judged), 0);
  }
}

/* Across seeds: at least `limit` different heads are the strongest one of a seed. */
void strongest_differs(const struct predicate_case *c, struct judged *judged)
{
  unsigned seen = 0;
  double different = 0;
  for (size_t i = 0; i < c->count; i++) {
    struct predicate_case one = *c;
    size_t head;
    one.index = i;
    if (!find_strongest(&one, &head, judged))
      return;
    different += !(seen >> head & 1);
    seen |= 1U << head;
  }
  if (c->count < 2)
    judged_missing(judged, "one seed alone; it takes two");
  judge_at_least(judged, different, c->limit);
}

void accuracy_above(const struct predicate_case *c, struct judged *judged)
{
  judge_at_least(judged, case_number(c, "models", "", "accuracy", NULL, judged), c->limit);
}

/* Without layer 0's direct output at most `limit` of the accuracy is lost. */
void direct_drop(const struct predicate_case *c, struct judged *judged)
{
  double all = case_number(c, "models", "", "accuracy", NULL, judged);
  double without = case_number(c, "models", "", "accuracy_direct", NULL, judged);
  judge_at_most(judged, all - without, c->limit);
}

/* The same at every checkpoint of the training. Value: the most that is lost. */
void direct_course(const struct predicate_case *c, struct judged *judged)
{
  const struct published_table *table = published_find(c->tables, "checkpoints");
  double most = -INFINITY;
  for (size_t row = 0; table && row < table->rows; row++)
    if (published_matches(table, row, case_model(c), ""))
      most = fmax(most, published_number(table, row, "accuracy") -
                            published_number(table, row, "accuracy_direct"));
  if (isinf(most))
    judged_missing(judged, c->tables->kind == TRAJECTORY_PUBLISHED
                               ? "no number of it is published: checkpoints"
                               : "not in this set of runs: checkpoints");
  judge_at_most(judged, most, c->limit);
}

/* --- redundancy --- */

/* Without any single head ("any"), or without the strongest, at most `limit` is lost. */
void without_one(const struct predicate_case *c, struct judged *judged)
{
  double without[FORMATION_HEADS], all = case_number(c, "models", "", "accuracy", NULL, judged);
  double most = -INFINITY;
  size_t head;
  if (!case_heads(c, "without", without, judged) || !find_strongest(c, &head, judged))
    return;
  bool any = strcmp(case_argument(c, 0), "any") == 0;
  for (size_t h = 0; h < FORMATION_HEADS; h++)
    if (any || h == head)
      most = fmax(most, all - without[h]);
  judge_at_most(judged, most, c->limit);
}

/* Shares of the strongest head's errors that each other head fixes, in `column`. */
static bool fixes(const struct predicate_case *c, const char *column, double *least, double *most,
                  struct judged *judged)
{
  static const double none = 0;
  size_t strongest;
  double all = case_number(c, "models", "", "accuracy", NULL, judged);
  *least = INFINITY;
  *most = -INFINITY;
  if (isnan(all) || !find_strongest(c, &strongest, judged))
    return false;
  for (size_t h = 0; h < FORMATION_HEADS; h++) {
    const char key[] = {(char)('0' + h), 0};
    bool is_strongest = h == strongest;
    double share = case_number(c, "heads", key, column, is_strongest ? &none : NULL, judged);
    if (!is_strongest) {
      *least = fmin(*least, share);
      *most = fmax(*most, share);
    }
  }
  return !*judged->missing;
}

/* Some other head fixes at least `limit` of the strongest head's errors. */
void best_fix(const struct predicate_case *c, struct judged *judged)
{
  double least, most;
  if (fixes(c, "fixes", &least, &most, judged))
    judge_at_least(judged, most, c->limit);
}

/* Every other head fixes at least `limit` of them. */
void least_fix(const struct predicate_case *c, struct judged *judged)
{
  double least, most;
  if (fixes(c, "fixes", &least, &most, judged))
    judge_at_least(judged, least, c->limit);
}

/* best_fix under a perfect match. */
void match_best_fix(const struct predicate_case *c, struct judged *judged)
{
  double least, most;
  if (fixes(c, "match_fixes", &least, &most, judged))
    judge_at_least(judged, most, c->limit);
}

/* A perfect match makes at least `limit` heads alone more accurate. */
void match_raises(const struct predicate_case *c, struct judged *judged)
{
  double alone[FORMATION_HEADS], matched[FORMATION_HEADS], count = 0;
  if (!case_heads(c, "alone", alone, judged) || !case_heads(c, "match_alone", matched, judged))
    return;
  for (size_t h = 0; h < FORMATION_HEADS; h++)
    count += matched[h] > alone[h];
  judge_at_least(judged, count, c->limit);
}

/* --- previous-token and value heads, wiring --- */

/* Accuracy under one ablation is at least `limit` above that under another: keys of table
 * ablations. */
void ablation_gap(const struct predicate_case *c, struct judged *judged)
{
  double high = case_number(c, "ablations", case_argument(c, 0), "accuracy", NULL, judged);
  double low = case_number(c, "ablations", case_argument(c, 1), "accuracy", NULL, judged);
  judge_at_least(judged, high - low, c->limit);
}

/* Of the strongest head's rows in table wiring with argument 0 kept: the three heads of layer 0
 * with the highest accuracy alone; fewer than three rows are missing. */
static bool best_three(const struct predicate_case *c, int heads[3], struct judged *judged)
{
  const struct published_table *table = published_find(c->tables, "wiring");
  double values[FORMATION_HEADS];
  size_t strongest, known = 0;
  if (!find_strongest(c, &strongest, judged))
    return false;
  for (size_t h = 0; table && h < FORMATION_HEADS; h++) {
    char key[32];
    size_t row;
    snprintf(key, sizeof key, "%zu|%zu|%s", strongest, h, case_argument(c, 0));
    values[h] = published_rows(table, case_model(c), key, &row) == 1
                    ? published_number(table, row, "only")
                    : NAN;
    known += isnan(values[h]) ? 0 : 1;
    values[h] = isnan(values[h]) ? -INFINITY : values[h];
  }
  for (size_t i = 0; i < 3 && known >= 3; i++) {
    size_t best = largest(values, FORMATION_HEADS);
    heads[i] = (int)best;
    values[best] = -INFINITY;
  }
  if (known < 3)
    judged_missing(judged, "the wiring of the strongest head is not known");
  return known >= 3;
}

static double count_previous(const struct predicate_case *c, struct judged *judged)
{
  int heads[3];
  double count = 0;
  if (!best_three(c, heads, judged))
    return NAN;
  for (size_t i = 0; i < 3; i++)
    count += case_is_previous(c, heads[i], judged);
  return count;
}

/* At least `limit` of the three best sources are previous-token heads. */
void wiring_top(const struct predicate_case *c, struct judged *judged)
{
  judge_at_least(judged, count_previous(c, judged), c->limit);
}

/* At most `limit` of them are. */
void wiring_apart(const struct predicate_case *c, struct judged *judged)
{
  judge_at_most(judged, count_previous(c, judged), c->limit);
}

/* At least the share `limit` of the heads of layer 1 with a strength above .5 have the same best
 * key source (at least two such heads). */
void same_source(const struct predicate_case *c, struct judged *judged)
{
  double strengths[FORMATION_HEADS], votes[FORMATION_HEADS] = {0}, strong = 0;
  if (!case_heads(c, "strength", strengths, judged))
    return;
  for (size_t h = 0; h < FORMATION_HEADS; h++) {
    const char key[] = {(char)('0' + h), 0};
    if (!(strengths[h] > 0.5))
      continue;
    double source = case_number(c, "key_sources", key, "layer0_head", NULL, judged);
    if (*judged->missing || !(source >= 0 && source < FORMATION_HEADS))
      return;
    votes[(size_t)source]++;
    strong++;
  }
  if (strong < 2)
    judged_missing(judged, "fewer than two heads with a strength above 0.5");
  judge_at_least(judged, votes[largest(votes, FORMATION_HEADS)] / strong, c->limit);
}

/* Heads added back in descending accuracy alone: no step loses more than `limit`. Value: the
 * largest loss. */
void sets_rise(const struct predicate_case *c, struct judged *judged)
{
  double worst = -INFINITY, before = NAN;
  for (size_t i = 1; i <= FORMATION_HEADS; i++) {
    char key[32];
    snprintf(key, sizeof key, "first %zu", i);
    double accuracy = case_number(c, "sets", key, "accuracy", NULL, judged);
    if (i > 1)
      worst = fmax(worst, before - accuracy);
    before = accuracy;
  }
  judge_at_most(judged, worst, c->limit);
}

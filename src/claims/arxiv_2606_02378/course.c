/* What follows from trajectories: shares, onsets, layers, and what leaves a set again. Readings of
 * a BOS head: "screen" and "best" (measure.h). */
#include "claims/arxiv_2606_02378/assertion.h"
#include "claims/arxiv_2606_02378/measure.h"
#include "trajectory/head_rule.h"

#include <math.h>
#include <string.h>

static bool is_best(const char *reading)
{
  return strcmp(reading, "best") == 0;
}

/* BOS heads of branch main, from the published classes. */
static double main_share(const struct question *question, const char *model, const char *reading,
                         struct outcome *outcome)
{
  const struct published_table *table = published_find(question->tables, "main_classes");
  size_t heads = 0, bos = 0;
  for (size_t i = 0; table && i < table->rows; i++) {
    if (!published_matches(table, i, model, "main"))
      continue;
    heads++;
    bos += is_best(reading) ? data_cell_is(table, i, "class", head_class_name(CLASS_FIRST_TOKEN))
                            : data_cell_is(table, i, "first_token_ge_30", "1");
  }
  if (!heads)
    outcome_missing(outcome, "there are no classes of %s on branch main", model);
  return 100 * (double)bos / (double)heads;
}

/* The percentage of BOS heads at a revision: its name, "last", or "main". */
static double share(const struct question *question, const char *model, const char *reading,
                    const char *revision, struct outcome *outcome)
{
  if (strcmp(revision, "main") == 0)
    return main_share(question, *model ? model : question->assertion->model, reading, outcome);
  const struct trajectory *trajectory = question_trajectory(question, model, outcome);
  if (!trajectory)
    return NAN;
  size_t r =
      strcmp(revision, "last") == 0 ? trajectory->count - 1 : trajectory_find(trajectory, revision);
  if (r == trajectory->count) {
    outcome_missing(outcome, "revision %s is not in the trajectory", revision);
    return NAN;
  }
  const struct revision *at = &trajectory->revisions[r];
  return 100 * (double)measure_bos(at, is_best(reading), at->n_layers) / (double)measure_heads(at);
}

/* Arguments: reading, revisions. */
void course_share(const struct question *question, struct outcome *outcome)
{
  for (size_t i = 1; i < question_arguments(question); i++)
    outcome_add(outcome, share(question, "", question_argument(question, 0),
                               question_argument(question, i), outcome));
}

/* Arguments: reading, model and revision, model and revision that is taken off. */
void course_share_difference(const struct question *question, struct outcome *outcome)
{
  const char *reading = question_argument(question, 0);
  double a = share(question, question_argument(question, 1), reading,
                   question_argument(question, 2), outcome);
  double b = share(question, question_argument(question, 3), reading,
                   question_argument(question, 4), outcome);
  outcome_add(outcome, a - b);
  outcome_why(outcome, "%.1f %% and %.1f %%", a, b);
}

/* The rule of "screen" and "best" BOS heads, or of a class at a threshold. */
static struct head_rule rule_of(const char *what, double threshold)
{
  if (is_best(what) || strcmp(what, "screen") == 0)
    return (struct head_rule){CLASS_FIRST_TOKEN, BOS_THRESHOLD, is_best(what)};
  return (struct head_rule){class_of_name(what), threshold, false};
}

/* First revision with so many heads ("3") or such a share of them ("10%"); count: never. */
static size_t find_onset(const struct trajectory *trajectory, const char *what, double threshold,
                         const char *need)
{
  const struct head_rule rule = rule_of(what, threshold);
  size_t length = strlen(need), heads = measure_heads(&trajectory->revisions[0]);
  uint64_t least = 0;
  bool percent = text_ends_with(need, "%");
  text_to_u64(need, length - percent, &least);
  if (percent) /* so many heads are at least this share */
    least = (least * heads + 99) / 100;
  return head_rule_first(&rule, trajectory, HEAD_RULE_ALL, (size_t)least);
}

static double onset_tokens(const struct trajectory *trajectory, size_t onset)
{
  return onset < trajectory->count ? trajectory->revisions[onset].tokens : INFINITY;
}

/* Tokens at an onset. Arguments: what, threshold, need, models (none: the assertion's). */
void course_onset(const struct question *question, struct outcome *outcome)
{
  size_t last = question_arguments(question);
  for (size_t i = 3; i < (last > 3 ? last : 4); i++) {
    const struct trajectory *trajectory =
        question_trajectory(question, question_argument(question, i), outcome);
    if (trajectory)
      outcome_add(outcome,
                  onset_tokens(trajectory, find_onset(trajectory, question_argument(question, 0),
                                                      question_number(question, 1),
                                                      question_argument(question, 2))));
  }
}

/* Tokens at 50 % BOS heads over tokens at three induction heads. Arguments: reading, threshold. */
void course_ratio(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory = question_trajectory(question, "", outcome);
  if (!trajectory)
    return;
  double bos =
      onset_tokens(trajectory, find_onset(trajectory, question_argument(question, 0), 0, "50%"));
  double induction =
      onset_tokens(trajectory, find_onset(trajectory, head_class_name(CLASS_INDUCTION),
                                          question_number(question, 1), "3"));
  outcome_add(outcome, bos / induction);
  outcome_why(outcome, "sinks at %.4gB, induction at %.4gB", bos, induction);
}

/* BOS heads of every layer at a revision. Arguments: reading, revision. */
void course_layers(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory = question_trajectory(question, "", outcome);
  const char *name = question_argument(question, 1);
  size_t r = trajectory ? trajectory_find(trajectory, name) : 0;
  if (!trajectory)
    return;
  if (r == trajectory->count) {
    outcome_missing(outcome, "revision %s is not in the trajectory", name);
    return;
  }
  const struct revision *revision = &trajectory->revisions[r];
  bool best = is_best(question_argument(question, 0));
  for (int layer = 0; layer < revision->n_layers; layer++)
    outcome_add(outcome, (double)(measure_bos(revision, best, layer + 1) -
                                  measure_bos(revision, best, layer)));
}

/* A head's figures at every revision. Arguments: "L4H4", "pr" or a class. */
void course_head(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory = question_trajectory(question, "", outcome);
  const char *name = question_argument(question, 0), *what = question_argument(question, 1);
  struct head_id id = {0, 0};
  published_next_head(&name, &id);
  for (size_t r = 0; trajectory && r < trajectory->count; r++) {
    const struct revision *revision = &trajectory->revisions[r];
    size_t i = (size_t)id.layer * (size_t)revision->n_heads + (size_t)id.head;
    if (i >= measure_heads(revision)) {
      outcome_missing(outcome, "the model has no head L%dH%d", id.layer, id.head);
      return;
    }
    enum head_class class = class_of_name(what);
    outcome_add(outcome, class < CLASS_COUNT ? revision->heads[i].selectivity[class]
                                             : revision->heads[i].pr);
  }
}

/* The number of BOS heads never falls. Argument: reading. */
void course_monotonic(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory = question_trajectory(question, "", outcome);
  if (!trajectory)
    return;
  const struct head_rule rule = rule_of(question_argument(question, 0), 0);
  outcome_words(outcome, true, "yes, at all %zu revisions", trajectory->count);
  for (size_t r = 1; r < trajectory->count; r++) {
    size_t before = head_rule_count(&rule, &trajectory->revisions[r - 1], HEAD_RULE_ALL);
    size_t now = head_rule_count(&rule, &trajectory->revisions[r], HEAD_RULE_ALL);
    if (now < before) {
      outcome_words(outcome, false, "no: %zu to %zu heads at %.40s", before, now,
                    trajectory->revisions[r].name);
      return;
    }
  }
}

/* No head leaves. Arguments: reading, models (none: the assertion's). */
void course_leaving(const struct question *question, struct outcome *outcome)
{
  const struct head_rule rule = rule_of(question_argument(question, 0), 0);
  size_t ever = 0, left = 0;
  size_t last = question_arguments(question);
  for (size_t i = 1; i < (last > 1 ? last : 2); i++) {
    const struct trajectory *trajectory =
        question_trajectory(question, question_argument(question, i), outcome);
    if (!trajectory)
      return;
    struct head_stays stays = head_rule_stays(&rule, trajectory);
    ever += stays.ever;
    left += stays.left;
  }
  outcome_words(outcome, left == 0, "%s: %zu of %zu heads leave", left ? "no" : "yes", left, ever);
}

/* Jaccard of the induction circuits (50x) at the first revision with so many heads and at the last;
 * NAN when there is none. */
static double jaccard(const struct trajectory *trajectory, const char *need)
{
  const struct head_rule rule = {CLASS_INDUCTION, CIRCUIT_THRESHOLD, false};
  size_t r = find_onset(trajectory, head_class_name(CLASS_INDUCTION), CIRCUIT_THRESHOLD, need);
  return r < trajectory->count ? head_rule_jaccard(&rule, &trajectory->revisions[r],
                                                   &trajectory->revisions[trajectory->count - 1])
                               : NAN;
}

/* All models lie within the stated band. Argument: how many heads a formed circuit has. */
void course_jaccard(const struct question *question, struct outcome *outcome)
{
  static const char *const models[MODEL_COUNT] = {PYTHIA, OLMO, OLMOE};
  struct stated_number band[STATED_MOST];
  size_t count = stated_parse(question->assertion->stated, band);
  double values[MODEL_COUNT];
  bool all = true;
  for (size_t m = 0; m < MODEL_COUNT; m++) {
    const struct trajectory *trajectory = question_trajectory(question, models[m], outcome);
    values[m] = trajectory ? jaccard(trajectory, question_argument(question, 0)) : NAN;
    all = all && stated_all_meet(band, count, &values[m], 1, 0);
  }
  outcome_words(outcome, all, "%.2f / %.2f / %.2f", values[0], values[1], values[2]);
}

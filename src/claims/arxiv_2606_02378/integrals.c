/* Ranking by the integral of the participation ratio. The tables hold PR with six digits, so that
 * an integral is met within 1e-5 (relative). */
#include "claims/arxiv_2606_02378/assertion.h"
#include "claims/arxiv_2606_02378/measure.h"
#include "trajectory/integral.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTEGRAL_SLACK 1e-5
#define NO_FLOOR 1e-300 /* below all tokens: the formula as it is printed */
#define MAIN_HEADS 256

/* All heads by descending integral, or NULL and why. "printed" as the first argument leaves the
 * floor out, which the published integrals have and the text has not. Release with free(). */
static struct ranked_head *rank_heads(const struct question *question,
                                      const struct trajectory **trajectory, size_t *count,
                                      struct outcome *outcome)
{
  struct error error = {0};
  bool printed = strcmp(question_argument(question, 0), "printed") == 0;
  *trajectory = question_trajectory(question, "", outcome);
  if (!*trajectory)
    return NULL;
  *count = measure_heads(&(*trajectory)->revisions[0]);
  struct ranked_head *ranked = memory_alloc(*count, sizeof *ranked, "a ranking", &error);
  if (ranked &&
      !integral_rank(*trajectory, printed ? NO_FLOOR : INTEGRAL_FLOOR_PUBLISHED, ranked, &error))
    return ranked;
  if (error.code == EXIT_RUN)
    outcome->evidence->failed = true;
  outcome_missing(outcome, "%.150s", error.text);
  free(ranked);
  return NULL;
}

/* Position of a head in a ranking, from 1; 0: the model has no such head. */
static size_t find_rank(const struct ranked_head *ranked, size_t count, const char *name)
{
  struct head_id id;
  if (!published_next_head(&name, &id))
    return 0;
  for (size_t i = 0; i < count; i++)
    if (ranked[i].layer == id.layer && ranked[i].head == id.head)
      return i + 1;
  return 0;
}

/* Arguments: "printed" or "floor", a head. */
void integral_of(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory;
  size_t count;
  struct ranked_head *ranked = rank_heads(question, &trajectory, &count, outcome);
  size_t rank = ranked ? find_rank(ranked, count, question_argument(question, 1)) : 0;
  outcome->slack = INTEGRAL_SLACK;
  if (rank)
    outcome_add(outcome, ranked[rank - 1].integral);
  free(ranked);
}

void integral_largest(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory;
  size_t count;
  struct ranked_head *ranked = rank_heads(question, &trajectory, &count, outcome);
  outcome->slack = INTEGRAL_SLACK;
  if (ranked) {
    outcome_add(outcome, ranked[0].integral);
    outcome_why(outcome, "of L%dH%d", ranked[0].layer, ranked[0].head);
  }
  free(ranked);
}

/* Arguments: "floor", a head. */
void integral_rank_of(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory;
  size_t count;
  struct ranked_head *ranked = rank_heads(question, &trajectory, &count, outcome);
  if (ranked)
    outcome_add(outcome, (double)find_rank(ranked, count, question_argument(question, 1)));
  free(ranked);
}

/* Heads of layer 0 do not lead the ranking. Argument: "printed" or "floor". */
void integral_first_layer(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory;
  size_t count, leading = 0;
  struct ranked_head *ranked = rank_heads(question, &trajectory, &count, outcome);
  while (ranked && leading < count && ranked[leading].layer == 0)
    leading++;
  if (ranked)
    outcome_words(outcome, leading == 0, "%s: the first %zu are of layer 0", leading ? "no" : "yes",
                  leading);
  if (ranked && !leading)
    outcome_words(outcome, true, "yes: L%dH%d leads", ranked[0].layer, ranked[0].head);
  free(ranked);
}

/* Heads rank behind K. Arguments: "floor", K, heads. */
void integral_outside(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory;
  size_t count, best = SIZE_MAX;
  struct ranked_head *ranked = rank_heads(question, &trajectory, &count, outcome);
  for (size_t i = 2; ranked && i < question_arguments(question); i++) {
    size_t rank = find_rank(ranked, count, question_argument(question, i));
    best = rank < best ? rank : best;
  }
  bool outside = (double)best > question_number(question, 1);
  if (ranked)
    outcome_words(outcome, outside, "%s: the first ranks %zu", outside ? "yes" : "no", best);
  free(ranked);
}

/* The elbow of the ranking. Argument: "floor". */
void integral_elbow_of(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory;
  size_t count;
  struct ranked_head *ranked = rank_heads(question, &trajectory, &count, outcome);
  if (ranked)
    outcome_add(outcome, (double)integral_elbow(ranked, count));
  free(ranked);
}

/* The elbows of five models, of which two have no published trajectory here. The figure cannot hold
 * when one of the other three differs. */
void integral_elbows(const struct question *question, struct outcome *outcome)
{
  static const char *const models[MODEL_COUNT] = {PYTHIA, OLMO, OLMOE};
  struct stated_number numbers[STATED_MOST];
  size_t elbows[MODEL_COUNT] = {0};
  bool differs = false;
  if (stated_parse(question->assertion->stated, numbers) != 2 + MODEL_COUNT)
    return;
  for (size_t m = 0; m < MODEL_COUNT; m++) {
    struct question one = *question;
    struct outcome elbow = {.evidence = outcome->evidence};
    one.trajectory = question_trajectory(question, models[m], outcome);
    if (one.trajectory)
      integral_elbow_of(&one, &elbow);
    elbows[m] = elbow.count ? (size_t)elbow.values[0] : 0;
    differs = differs || !stated_meets(&numbers[2 + m], (double)elbows[m], 0);
  }
  outcome_words(outcome, false, "-, -, %zu, %zu, %zu", elbows[0], elbows[1], elbows[2]);
  if (!differs && !*outcome->missing)
    outcome_missing(outcome, "the trajectories of pythia-160m and pythia-410m");
}

/* The classes of all heads: of branch main (published), or those of the trajectory's last revision.
 * false and outcome->missing where they are not there. */
static bool find_classes(const struct question *question, const struct trajectory *trajectory,
                         bool main_branch, enum head_class *classes, struct outcome *outcome)
{
  const struct revision *last = &trajectory->revisions[trajectory->count - 1];
  const struct published_table *table = published_find(question->tables, "main_classes");
  if (!main_branch) {
    integral_classes(last, classes);
    return true;
  }
  for (size_t i = 0; table && i < measure_heads(last); i++) {
    char key[64];
    size_t row;
    snprintf(key, sizeof key, "main|%d|%d", last->heads[i].layer, last->heads[i].head);
    if (published_rows(table, trajectory->model, key, &row) != 1) {
      outcome_missing(outcome, "table main_classes lacks head L%dH%d", last->heads[i].layer,
                      last->heads[i].head);
      return false;
    }
    classes[i] = CLASS_UNCLASSIFIED;
    for (int class = 0; class < CLASS_COUNT; class ++)
      if (data_cell_is(table, row, "class", head_class_name((enum head_class) class)))
        classes[i] = (enum head_class) class;
  }
  if (!table)
    outcome_missing(outcome, "the published table main_classes is not given");
  return table != NULL;
}

struct ranking {
  const struct trajectory *trajectory;
  struct ranked_head *ranked;
  enum head_class *classes;
  size_t count;
};

/* A ranking with classes. First argument "floor", second "main" or "last". Release with
 * ranking_free, also on failure. */
static bool find_ranking(const struct question *question, struct ranking *ranking,
                         struct outcome *outcome)
{
  struct error error = {0};
  *ranking = (struct ranking){0};
  ranking->ranked = rank_heads(question, &ranking->trajectory, &ranking->count, outcome);
  if (!ranking->ranked)
    return false;
  ranking->classes = memory_alloc(ranking->count, sizeof *ranking->classes, "classes", &error);
  if (!ranking->classes) {
    outcome->evidence->failed = true;
    return false;
  }
  return find_classes(question, ranking->trajectory,
                      strcmp(question_argument(question, 1), "main") == 0, ranking->classes,
                      outcome);
}

static void ranking_free(struct ranking *ranking)
{
  free(ranking->ranked);
  free(ranking->classes);
}

/* Classified heads among the first K, for every K in the arguments; with "share" as the third one
 * their share among heads without first_token. */
void integral_precision(const struct question *question, struct outcome *outcome)
{
  struct ranking ranking;
  bool share = strcmp(question_argument(question, 2), "share") == 0;
  if (find_ranking(question, &ranking, outcome)) {
    if (share)
      ranking.count =
          integral_leave_out(ranking.ranked, ranking.count, ranking.classes, CLASS_FIRST_TOKEN);
    for (size_t i = 3; i < question_arguments(question); i++) {
      size_t k = (size_t)question_number(question, i);
      k = k < ranking.count ? k : ranking.count;
      size_t hits = integral_classified(ranking.ranked, k, ranking.classes);
      outcome_add(outcome, share ? (double)hits / (double)k : (double)hits);
    }
  }
  ranking_free(&ranking);
}

/* Heads of each class among the first K. Arguments from the third on: K, classes. */
void integral_top_classes(const struct question *question, struct outcome *outcome)
{
  struct ranking ranking;
  bool ready = find_ranking(question, &ranking, outcome);
  for (size_t i = 3; ready && i < question_arguments(question); i++) {
    size_t count = 0;
    for (size_t k = 0; k < ranking.count && (double)k < question_number(question, 2); k++) {
      enum head_class class = ranking.classes[ranking.ranked[k].index];
      count += strcmp(head_class_name(class), question_argument(question, i)) == 0;
    }
    outcome_add(outcome, (double)count);
  }
  ranking_free(&ranking);
}

/* Mean PR of the heads of a class at the first and last revision, or of all heads at the one that
 * is named. Arguments from the third on: class, or "all" and a revision. */
void integral_class_pr(const struct question *question, struct outcome *outcome)
{
  struct ranking ranking;
  double means[INTEGRAL_MEANS];
  const char *name = question_argument(question, 2), *at = question_argument(question, 3);
  size_t index = 0;
  while (index < CLASS_UNCLASSIFIED && strcmp(head_class_name((enum head_class)index), name) != 0)
    index++;
  if (*at)
    index = INTEGRAL_MEANS - 1;
  if (find_ranking(question, &ranking, outcome)) {
    const struct trajectory *trajectory = ranking.trajectory;
    for (size_t r = 0; r < trajectory->count; r++) {
      if (*at ? strcmp(trajectory->revisions[r].name, at) != 0 : r > 0 && r + 1 < trajectory->count)
        continue;
      integral_class_means(&trajectory->revisions[r], ranking.classes, means);
      outcome_add(outcome, means[index]);
    }
    if (!outcome->count)
      outcome_missing(outcome, "revision %s is not in the trajectory", at);
  }
  ranking_free(&ranking);
}

/* Mean PR of layer 0 at the first revision, and its least and largest at the last. */
void integral_layer_range(const struct question *question, struct outcome *outcome)
{
  const struct trajectory *trajectory = question_trajectory(question, "", outcome);
  if (!trajectory)
    return;
  const struct revision *first = &trajectory->revisions[0];
  const struct revision *last = &trajectory->revisions[trajectory->count - 1];
  double sum = 0, low = INFINITY, high = -INFINITY;
  for (int h = 0; h < first->n_heads; h++) {
    sum += first->heads[h].pr;
    low = fmin(low, last->heads[h].pr);
    high = fmax(high, last->heads[h].pr);
  }
  outcome_add(outcome, sum / first->n_heads);
  outcome_add(outcome, low);
  outcome_add(outcome, high);
}

/* Sets of heads: circuits, classes, selectivities. */
#include "claims/arxiv_2606_02378/assertion.h"
#include "claims/arxiv_2606_02378/measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct revision *last_revision(const struct question *question,
                                            struct outcome *outcome)
{
  const struct trajectory *trajectory = question_trajectory(question, "", outcome);
  return trajectory ? &trajectory->revisions[trajectory->count - 1] : NULL;
}

static const struct head_row *find_head(const struct revision *revision, struct head_id id)
{
  if (id.layer >= revision->n_layers || id.head >= revision->n_heads)
    return NULL;
  return &revision->heads[(size_t)id.layer * (size_t)revision->n_heads + (size_t)id.head];
}

enum head_class class_of_name(const char *name)
{
  int class = 0;
  while (class < CLASS_COUNT && strcmp(head_class_name((enum head_class) class), name) != 0)
    class ++;
  return (enum head_class) class;
}

/* Heads of the calibrated revision (branch main of two models) with an induction selectivity of at
 * least each of the arguments, counted in null_heads. */
void heads_counts(const struct question *question, struct outcome *outcome)
{
  const struct published_table *table = published_find(question->tables, "null_heads");
  if (!table)
    outcome_missing(outcome, "the published table null_heads is not given");
  for (size_t k = 0; table && k < question_arguments(question); k++) {
    size_t count = 0;
    for (size_t i = 0; i < table->rows; i++)
      count += published_matches(table, i, question->assertion->model, "") &&
               published_number(table, i, "induction") >= question_number(question, k);
    outcome_add(outcome, (double)count);
  }
}

/* The stated number of heads comes out at every threshold of the arguments. */
void heads_plateau(const struct question *question, struct outcome *outcome)
{
  struct stated_number number[STATED_MOST];
  struct text text = {0};
  bool all = stated_parse(question->assertion->stated, number) == 1;
  heads_counts(question, outcome);
  for (size_t i = 0; i < outcome->count; i++) {
    all = all && stated_meets(number, outcome->values[i], 0);
    text_add(&text, "%s%.0f", i ? ", " : "", outcome->values[i]);
  }
  outcome->count = 0;
  outcome_words(outcome, all, "%s heads", text.data ? text.data : "no");
  outcome->evidence->failed = outcome->evidence->failed || text.failed;
  text_free(&text);
}

/* Heads of the last revision whose selectivity of a class is at least a threshold. Arguments:
 * class, "best" (the class must be the best, too) or "any", thresholds. */
void heads_of_class(const struct question *question, struct outcome *outcome)
{
  const struct revision *last = last_revision(question, outcome);
  enum head_class class = class_of_name(question_argument(question, 0));
  bool best = strcmp(question_argument(question, 1), "best") == 0;
  for (size_t k = 2; last && k < question_arguments(question); k++) {
    size_t count = 0;
    for (size_t i = 0; i < measure_heads(last); i++)
      count += last->heads[i].selectivity[class] >= question_number(question, k) &&
               (!best || last->heads[i].class == class);
    outcome_add(outcome, (double)count);
  }
}

/* The strongest head of a best class that is not taken yet; ties go to the first. */
static const struct head_row *strongest(const struct revision *revision, enum head_class class,
                                        const struct head_row *const *taken, size_t count)
{
  const struct head_row *found = NULL;
  for (size_t i = 0; i < measure_heads(revision); i++) {
    const struct head_row *head = &revision->heads[i];
    bool wanted = head->class == class;
    for (size_t k = 0; wanted && k < count; k++)
      wanted = taken[k] != head;
    if (wanted && (!found || head->selectivity[class] > found->selectivity[class]))
      found = head;
  }
  return found;
}

/* Whether a stated list of heads names these, in this order. */
static bool same_heads(const char *stated, const struct head_row *const *heads, size_t count)
{
  size_t found = 0;
  for (const char *at = stated; (at = strchr(at, 'L')); at++) {
    char name[24];
    if (found == count)
      return false;
    snprintf(name, sizeof name, "L%dH%d ", heads[found]->layer, heads[found]->head);
    if (strncmp(at, name, strlen(name)) != 0)
      return false;
    found++;
  }
  return found == count;
}

/* The five heads of a best class with the largest selectivities, and these. Argument: class. */
void heads_strongest(const struct question *question, struct outcome *outcome)
{
  const struct revision *last = last_revision(question, outcome);
  enum head_class class = class_of_name(question_argument(question, 0));
  const struct head_row *heads[5];
  struct stated_number numbers[STATED_MOST];
  const char *stated = question->assertion->stated;
  size_t count = stated_parse(stated, numbers), found = 0;
  double values[5];
  struct text text = {0};
  while (last && found < 5 && (heads[found] = strongest(last, class, heads, found)))
    found++;
  for (size_t i = 0; i < found; i++) {
    values[i] = heads[i]->selectivity[class];
    text_add(&text, "%sL%dH%d %.5g", i ? " " : "", heads[i]->layer, heads[i]->head, values[i]);
  }
  if (last)
    outcome_words(outcome,
                  same_heads(stated, heads, found) &&
                      stated_all_meet(numbers, count, values, found, outcome->slack),
                  "%s", text.data ? text.data : "");
  outcome->evidence->failed = outcome->evidence->failed || text.failed;
  text_free(&text);
}

/* How many heads two lists have in common. */
static size_t common_heads(const char *left, const char *right)
{
  struct head_id a, b;
  size_t count = 0;
  while (published_next_head(&left, &a))
    for (const char *at = right; published_next_head(&at, &b);)
      count += a.layer == b.layer && a.head == b.head;
  return count;
}

static size_t count_heads(const char *list)
{
  struct head_id id;
  size_t count = 0;
  while (published_next_head(&list, &id))
    count++;
  return count;
}

/* Pairs of circuits share some of their heads. Arguments: pairs of operands of data_heads. */
void heads_disjoint(const struct question *question, struct outcome *outcome)
{
  size_t least = SIZE_MAX, pairs = 0;
  for (size_t i = 0; i + 1 < question_arguments(question); i += 2, pairs++) {
    const char *left = data_heads(question, question_argument(question, i), outcome);
    const char *right = data_heads(question, question_argument(question, i + 1), outcome);
    size_t common = left && right ? common_heads(left, right) : 0;
    least = common < least ? common : least;
  }
  outcome_words(outcome, least > 0, "%zu heads in common in %s", least,
                pairs > 1 ? "each model" : "the model");
}

/* How many heads of a circuit have a best class on branch main. Arguments: operand, class. */
void heads_still_class(const struct question *question, struct outcome *outcome)
{
  const struct published_table *classes = published_find(question->tables, "main_classes");
  const char *list = data_heads(question, question_argument(question, 0), outcome);
  const char *class = question_argument(question, 1);
  struct head_id id, other = {-1, -1};
  size_t still = 0;
  if (!classes)
    outcome_missing(outcome, "the published table main_classes is not given");
  while (list && classes && published_next_head(&list, &id)) {
    char key[64];
    size_t row;
    snprintf(key, sizeof key, "main|%d|%d", id.layer, id.head);
    if (published_rows(classes, question->assertion->model, key, &row) == 1 &&
        data_cell_is(classes, row, "class", class))
      still++;
    else
      other = id;
  }
  outcome_add(outcome, (double)still);
  if (other.layer >= 0)
    outcome_why(outcome, "on main L%dH%d is not of class %s; selectivities of main are not there",
                other.layer, other.head, class);
}

/* What an ablation recorded, against the model's own circuit. */
struct recorded {
  size_t heads, common, own;
  double out_of_range, change;
};

static struct recorded find_recorded(const struct question *question, const char *model, size_t at,
                                     struct outcome *outcome)
{
  char operand[160];
  size_t row;
  struct recorded recorded = {0};
  snprintf(operand, sizeof operand, "task_ablations @%s %s", model,
           question_argument(question, at));
  const char *heads = data_heads(question, operand, outcome);
  const struct published_table *table = data_row(question, operand, &row, outcome);
  recorded.out_of_range = table ? published_number(table, row, "n_heads_out_of_range") : NAN;
  snprintf(operand, sizeof operand, "top1 task_ablations @%s %s", model,
           question_argument(question, at));
  double left = data_number(question, operand, outcome);
  snprintf(operand, sizeof operand, "top1 task_ablations @%s %s", model,
           question_argument(question, at + 1));
  recorded.change = left - data_number(question, operand, outcome);
  snprintf(operand, sizeof operand, "task_ablations @%s %s", model,
           question_argument(question, at + 2));
  const char *own = data_heads(question, operand, outcome);
  if (heads && own)
    recorded = (struct recorded){count_heads(heads), common_heads(heads, own), count_heads(own),
                                 recorded.out_of_range, recorded.change};
  return recorded;
}

static bool is_own(const struct recorded *recorded)
{
  return recorded->common == recorded->heads && recorded->common == recorded->own;
}

/* The change of top-1 by an ablation, which counts only where the recorded heads are the model's
 * own circuit. Arguments: keys in task_ablations of the ablation, the baseline, the own circuit. */
void heads_own_circuit(const struct question *question, struct outcome *outcome)
{
  struct recorded recorded = find_recorded(question, question->assertion->model, 0, outcome);
  if (is_own(&recorded)) {
    outcome_add(outcome, recorded.change);
    return;
  }
  outcome_words(outcome, false, "%zu of %zu heads are its own, %.0f absent", recorded.common,
                recorded.heads, recorded.out_of_range);
  outcome_why(outcome, "the recorded heads are another model's circuit");
}

/* The previous-token effect is there in OLMoE only: as heads_own_circuit for every model, or, with
 * a fourth argument "recorded", with the heads as they were recorded. An effect is at least as
 * large as half of OLMoE's. */
void heads_own_effects(const struct question *question, struct outcome *outcome)
{
  static const char *const models[MODEL_COUNT] = {PYTHIA, OLMO, OLMOE};
  bool recorded_heads = *question_argument(question, 3), all_own = true;
  double changes[MODEL_COUNT];
  for (size_t m = 0; m < MODEL_COUNT; m++) {
    struct recorded recorded = find_recorded(question, models[m], 0, outcome);
    changes[m] = recorded.change;
    all_own = all_own && is_own(&recorded);
  }
  bool only = changes[2] < 0 && changes[0] > changes[2] / 2 && changes[1] > changes[2] / 2;
  if (recorded_heads || all_own)
    outcome_words(outcome, only, "%.1f / %.1f / %.1f pp", changes[0], changes[1], changes[2]);
  else
    outcome_words(outcome, false, "two of three runs ablated another model's heads");
}

/* How many heads of a list have first_token as best class, how many it has, and their least and
 * largest selectivity. Argument: operand of data_heads. */
void heads_class_range(const struct question *question, struct outcome *outcome)
{
  const struct revision *last = last_revision(question, outcome);
  const char *list = data_heads(question, question_argument(question, 0), outcome);
  double low = INFINITY, high = -INFINITY, nearest = NAN;
  size_t count = 0, total = 0;
  struct head_id id, at = {0, 0};
  while (last && list && published_next_head(&list, &id)) {
    const struct head_row *head = find_head(last, id);
    double value = head ? head->selectivity[CLASS_FIRST_TOKEN] : NAN;
    total++;
    if (!(fabs(value - CLASS_THRESHOLD) >= fabs(nearest - CLASS_THRESHOLD))) {
      nearest = value;
      at = id;
    }
    if (!head || head->class != CLASS_FIRST_TOKEN)
      continue;
    count++;
    low = fmin(low, value);
    high = fmax(high, value);
  }
  outcome_add(outcome, (double)count);
  outcome_add(outcome, (double)total);
  outcome_add(outcome, low);
  outcome_add(outcome, high);
  outcome_why(outcome, "L%dH%d has %.6gx, the threshold is %.0fx", at.layer, at.head, nearest,
              CLASS_THRESHOLD);
}

/* Selectivities of one head. Arguments: "L4H1", classes. */
void heads_values(const struct question *question, struct outcome *outcome)
{
  const struct revision *last = last_revision(question, outcome);
  const char *name = question_argument(question, 0);
  struct head_id id;
  const struct head_row *head =
      last && published_next_head(&name, &id) ? find_head(last, id) : NULL;
  if (last && !head)
    outcome_missing(outcome, "the model has no head %s", question_argument(question, 0));
  for (size_t i = 1; head && i < question_arguments(question); i++) {
    enum head_class class = class_of_name(question_argument(question, i));
    outcome_add(outcome, class < CLASS_COUNT ? head->selectivity[class] : head->pr);
  }
}

/* The effect of a group of heads is about the sum of the effects of each (stated_about). Arguments:
 * keys in task_ablations of the baseline and of the group. */
void heads_group_sum(const struct question *question, struct outcome *outcome)
{
  const char *base_key = question_argument(question, 0), *key = question_argument(question, 1);
  char operand[160];
  snprintf(operand, sizeof operand, "task_ablations %s", key);
  const char *list = data_heads(question, operand, outcome);
  snprintf(operand, sizeof operand, "top1 task_ablations %s", base_key);
  double base = data_number(question, operand, outcome), sum = 0;
  snprintf(operand, sizeof operand, "top1 task_ablations %s", key);
  double group = data_number(question, operand, outcome) - base;
  struct head_id id;
  while (list && published_next_head(&list, &id)) {
    snprintf(operand, sizeof operand, "top1 task_ablations variable binding|single L%dH%d",
             id.layer, id.head);
    sum += data_number(question, operand, outcome) - base;
  }
  bool holds = stated_about(group, sum);
  outcome_words(outcome, holds, "%s: %+.1f pp, the sum is %+.1f pp", holds ? "yes" : "no", group,
                sum);
}

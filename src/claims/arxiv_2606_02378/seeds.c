/* Control sets drawn with several seeds. */
#include "claims/arxiv_2606_02378/assertion.h"

#include <math.h>

/* Mean top-1 over the seeds of a condition of induction_ablations. Arguments: its key, a seed that
 * is left out (may be missing). */
void seeds_mean(const struct question *question, struct outcome *outcome)
{
  const struct published_table *table = published_find(question->tables, "induction_ablations");
  const char *key = question_argument(question, 0), *without = question_argument(question, 1);
  double sum = 0, low = INFINITY, high = -INFINITY;
  size_t count = 0, above = 0;
  if (!table) {
    outcome_missing(outcome, "the published table induction_ablations is not given");
    return;
  }
  for (size_t i = 0; i < table->rows; i++) {
    if (!published_matches(table, i, question->assertion->model, key) ||
        (*without && data_cell_is(table, i, "seed", without)))
      continue;
    double top1 =
        100 * published_number(table, i, "top1_items") / published_number(table, i, "n_examples");
    sum += top1;
    low = fmin(low, top1);
    high = fmax(high, top1);
    above += top1 > 20;
    count++;
  }
  if (!count)
    outcome_missing(outcome, "table induction_ablations has no row %s", key);
  outcome_add(outcome, sum / (double)count);
  outcome_why(outcome, "%zu seeds: %.2f to %.2f %%, %zu of them above 20 %%", count, low, high,
              above);
}

struct changes {
  double mean, sd;
  size_t count, extreme; /* as far as the circuit on its side of the baseline */
};

/* Changes of top-1 by the controls of a task, in percentage points; sd with ddof 1, summed in the
 * order of the rows. */
static struct changes find_changes(const struct published_table *table, const char *model,
                                   const char *task, double base, double circuit)
{
  struct changes changes = {0};
  double sum = 0, squares = 0;
  for (int pass = 0; pass < 2; pass++) {
    changes.count = changes.extreme = 0;
    for (size_t i = 0; i < table->rows; i++) {
      if (!published_matches(table, i, model, task))
        continue;
      double items = published_number(table, i, "top1_items");
      double change = 100 * (items - base) / published_number(table, i, "n_examples");
      changes.count++;
      changes.extreme += circuit < base ? items <= circuit : items >= circuit;
      if (pass == 0)
        sum += change;
      else
        squares += (change - changes.mean) * (change - changes.mean);
    }
    changes.mean = sum / (double)changes.count;
  }
  changes.sd = sqrt(squares / (double)(changes.count - 1));
  return changes;
}

/* Mean and sd over the seeds of a task's control. Arguments: key in task_controls, key of the
 * baseline and of the circuit in task_ablations. */
void seeds_task(const struct question *question, struct outcome *outcome)
{
  const struct published_table *table = published_find(question->tables, "task_controls");
  double base = data_number(question, question_argument(question, 1), outcome);
  double circuit = data_number(question, question_argument(question, 2), outcome);
  if (!table || *outcome->missing) {
    if (!table)
      outcome_missing(outcome, "the published table task_controls is not given");
    return;
  }
  struct changes changes = find_changes(table, question->assertion->model,
                                        question_argument(question, 0), base, circuit);
  if (changes.count < 2) {
    outcome_missing(outcome, "table task_controls has no two seeds of this control");
    return;
  }
  outcome_add(outcome, changes.mean);
  outcome_add(outcome, changes.sd);
  outcome_why(outcome, "%zu seeds; p of the circuit %zu/%zu", changes.count, 1 + changes.extreme,
              1 + changes.count);
}

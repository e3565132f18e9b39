/* Calibration nulls of selectivity and of the participation ratio. */
#include "base/correlation.h"
#include "claims/arxiv_2606_02378/assertion.h"
#include "claims/arxiv_2606_02378/measure.h"

#include <math.h>
#include <stdio.h>

#define CALIBRATION "selectivity_calibration"

static double calibration(const struct question *question, const char *column,
                          struct outcome *outcome)
{
  char operand[64];
  snprintf(operand, sizeof operand, "%s " CALIBRATION, column);
  return data_number(question, operand, outcome);
}

/* The null's 99th percentile lies below a threshold. Argument: the threshold. */
void null_below(const struct question *question, struct outcome *outcome)
{
  double p99 = calibration(question, "null_p99", outcome);
  bool below = p99 < question_number(question, 0);
  outcome_words(outcome, below, "%s: p99 %.2f", below ? "yes" : "no", p99);
}

/* The percentage of heads that a column counts. Argument: the column. */
void null_share(const struct question *question, struct outcome *outcome)
{
  double heads = calibration(question, "heads", outcome);
  outcome_add(outcome,
              100 * calibration(question, question_argument(question, 0), outcome) / heads);
}

/* The largest value of the null is below the largest real one, as a noise floor's is. */
void null_is_floor(const struct question *question, struct outcome *outcome)
{
  double null = calibration(question, "null_max", outcome);
  double real = calibration(question, "real_max", outcome);
  outcome_words(outcome, null < real, "%s: %.1f against %.1f", null < real ? "yes" : "no", null,
                real);
}

static const struct published_table *null_heads(const struct question *question,
                                                struct outcome *outcome)
{
  const struct published_table *table = published_find(question->tables, "null_heads");
  if (!table)
    outcome_missing(outcome, "the published table null_heads is not given");
  return table;
}

/* Heads whose real selectivity is above the null's p99, counted head by head. */
void null_recount(const struct question *question, struct outcome *outcome)
{
  const struct published_table *table = null_heads(question, outcome);
  double p99 = calibration(question, "null_p99", outcome);
  size_t count = 0;
  for (size_t i = 0; table && i < table->rows; i++)
    count += published_matches(table, i, question->assertion->model, "") &&
             published_number(table, i, "induction") > p99;
  outcome_add(outcome, (double)count);
}

struct pr_counts {
  size_t above[4]; /* the null's maximum, p99, p95; the head's own null */
  double rule;
};

/* Heads of the last revision whose PR is above the null of random ids. */
static struct pr_counts count_pr(const struct question *question, struct outcome *outcome)
{
  static const char *const limits[] = {"null_max", "null_p99", "null_p95"};
  const struct published_table *table = null_heads(question, outcome);
  const struct trajectory *trajectory = question_trajectory(question, "", outcome);
  struct pr_counts counts = {.rule = data_number(question, "k_18_percent null_pr", outcome)};
  size_t row, next = 0;
  const struct published_table *nulls = data_row(question, "null_pr", &row, outcome);
  if (!table || !trajectory || !nulls)
    return counts;
  const struct revision *last = &trajectory->revisions[trajectory->count - 1];
  for (size_t i = 0; i < table->rows && next < measure_heads(last); i++) {
    if (!published_matches(table, i, question->assertion->model, ""))
      continue;
    double pr = last->heads[next++].pr;
    for (size_t k = 0; k < 3; k++)
      counts.above[k] += pr > published_number(nulls, row, limits[k]);
    counts.above[3] += pr > published_number(table, i, "null_pr");
  }
  if (next != measure_heads(last))
    outcome_missing(outcome, "table null_heads lacks heads of %s", question->assertion->model);
  return counts;
}

void null_pr_recount(const struct question *question, struct outcome *outcome)
{
  struct pr_counts counts = count_pr(question, outcome);
  for (size_t i = 0; i < 4; i++)
    outcome_add(outcome, (double)counts.above[i]);
}

/* Any of the four counts is the number of heads of the 18 % rule. */
void null_pr_rule(const struct question *question, struct outcome *outcome)
{
  struct pr_counts counts = count_pr(question, outcome);
  bool any = false;
  for (size_t i = 0; i < 4; i++)
    any = any || (double)counts.above[i] == counts.rule;
  outcome_words(outcome, any, "%zu, %zu, %zu, %zu heads", counts.above[0], counts.above[1],
                counts.above[2], counts.above[3]);
  outcome_why(outcome, "above the null's maximum, p99, p95, the head's own null");
}

/* A column of null_selectivity (500 draws) at the revisions in the arguments after it. */
void null_revisions(const struct question *question, struct outcome *outcome)
{
  for (size_t i = 1; i < question_arguments(question); i++) {
    char operand[128];
    snprintf(operand, sizeof operand, "%s null_selectivity %s|500", question_argument(question, 0),
             question_argument(question, i));
    outcome_add(outcome, data_number(question, operand, outcome));
  }
}

/* Least and largest of that column and, with a second argument, their ratio. */
void null_range(const struct question *question, struct outcome *outcome)
{
  const struct published_table *table = published_find(question->tables, "null_selectivity");
  double low = INFINITY, high = -INFINITY;
  if (!table) {
    outcome_missing(outcome, "the published table null_selectivity is not given");
    return;
  }
  for (size_t i = 0; i < table->rows; i++) {
    if (!published_matches(table, i, question->assertion->model, "") ||
        !data_cell_is(table, i, "draws", "500"))
      continue;
    double value = published_number(table, i, question_argument(question, 0));
    low = fmin(low, value);
    high = fmax(high, value);
  }
  outcome_add(outcome, low);
  outcome_add(outcome, high);
  if (question_arguments(question) > 1)
    outcome_add(outcome, high / low);
}

/* Spearman of the share of heads above p99 with the share of BOS heads (best class): over five
 * models in the text, of which two have no published trajectory here. */
void null_correlation(const struct question *question, struct outcome *outcome)
{
  double above[MODEL_COUNT], bos[MODEL_COUNT], r;
  struct error error = {0};
  for (size_t m = 0; m < MODEL_COUNT; m++) {
    const struct trajectory *trajectory = question->facts->models[m];
    char operand[96];
    if (!trajectory) {
      outcome_missing(outcome, "the published trajectories are not given");
      return;
    }
    const struct revision *last = &trajectory->revisions[trajectory->count - 1];
    snprintf(operand, sizeof operand, "heads_gt_null_p99 " CALIBRATION " @%s ", trajectory->model);
    above[m] = data_number(question, operand, outcome) / (double)measure_heads(last);
    bos[m] = (double)measure_bos(last, true, last->n_layers) / (double)measure_heads(last);
  }
  if (*outcome->missing)
    return;
  if (correlation_spearman(above, bos, MODEL_COUNT, TIES_AVERAGED, &r, &error))
    outcome->evidence->failed = true;
  else
    outcome_words(outcome, false, "%.2f over the three models of the tables", r);
  outcome_missing(outcome, "BOS shares of pythia-160m and pythia-410m (needs their checkpoints)");
}

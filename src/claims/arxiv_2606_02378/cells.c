/* Arithmetic on numbers of the published tables; the arguments are operands of data_number. */
#include "claims/arxiv_2606_02378/assertion.h"

#include <math.h>
#include <string.h>

static double operand(const struct question *question, size_t i, struct outcome *outcome)
{
  return data_number(question, question_argument(question, i), outcome);
}

/* Each argument is a number of its own. */
void cell_values(const struct question *question, struct outcome *outcome)
{
  for (size_t i = 0; i < question_arguments(question); i++)
    outcome_add(outcome, operand(question, i, outcome));
}

/* Half a unit of the last of the 11 bits of an fp16 number. */
static double half_open(double value)
{
  int exponent;
  frexp(value, &exponent);
  return ldexp(1, exponent - 12);
}

/* First minus second. Cross-entropies were published as fp16, which leaves half a unit of each
 * open. */
void cell_difference(const struct question *question, struct outcome *outcome)
{
  double a = operand(question, 0, outcome), b = operand(question, 1, outcome);
  outcome_add(outcome, a - b);
  if (strncmp(question_argument(question, 0), "cross_entropy ", 14) == 0) {
    double left_open = half_open(a) + half_open(b);
    outcome->slack = left_open / fabs(a - b);
    outcome_why(outcome, "fp16 leaves %.4f open", left_open);
  }
}

/* First over second. */
void cell_ratio(const struct question *question, struct outcome *outcome)
{
  double a = operand(question, 0, outcome), b = operand(question, 1, outcome);
  outcome_add(outcome, a / b);
}

/* By how many per cent of the first the second is lower. */
void cell_drop(const struct question *question, struct outcome *outcome)
{
  double base = operand(question, 0, outcome), left = operand(question, 1, outcome);
  outcome_add(outcome, 100 * (base - left) / base);
}

/* Baseline, circuit, control: what the circuit takes, what the control takes, their ratio. */
void cell_specificity(const struct question *question, struct outcome *outcome)
{
  double base = operand(question, 0, outcome);
  double circuit = base - operand(question, 1, outcome);
  double control = base - operand(question, 2, outcome);
  outcome_add(outcome, circuit);
  outcome_add(outcome, control);
  outcome_add(outcome, circuit / control);
}

/* The ratio alone; negative when the two go opposite ways. */
void cell_differential(const struct question *question, struct outcome *outcome)
{
  double base = operand(question, 0, outcome);
  double circuit = base - operand(question, 1, outcome);
  double control = base - operand(question, 2, outcome);
  outcome_add(outcome, circuit / control);
  outcome_why(outcome, "the circuit takes %.3g, the control %.3g", circuit, control);
}

/* The largest distance of the third and further numbers from the second is at most the first, a
 * plain number. */
void cell_within(const struct question *question, struct outcome *outcome)
{
  double limit = question_number(question, 0), base = operand(question, 1, outcome), largest = 0;
  for (size_t i = 2; i < question_arguments(question); i++)
    largest = fmax(largest, fabs(operand(question, i, outcome) - base));
  outcome_words(outcome, largest <= limit + 1e-12, "at most %.2f pp", largest);
}

/* One number, at most the second argument, a plain number. */
void cell_at_most(const struct question *question, struct outcome *outcome)
{
  double value = operand(question, 0, outcome);
  outcome_words(outcome, value <= question_number(question, 1), "%.6g", value);
}

/* Of each pair (baseline, other) the other is not lower. */
void cell_not_negative(const struct question *question, struct outcome *outcome)
{
  double least = INFINITY;
  for (size_t i = 0; i + 1 < question_arguments(question); i += 2)
    least = fmin(least, operand(question, i + 1, outcome) - operand(question, i, outcome));
  outcome_words(outcome, least >= 0, "%s: the lowest change is %+.2f pp", least >= 0 ? "yes" : "no",
                least);
}

/* All numbers are the same. */
void cell_equal(const struct question *question, struct outcome *outcome)
{
  double low = INFINITY, high = -INFINITY;
  for (size_t i = 0; i < question_arguments(question); i++) {
    double value = operand(question, i, outcome);
    low = fmin(low, value);
    high = fmax(high, value);
  }
  outcome_words(outcome, low == high, low == high ? "none: %.2f %%" : "from %.2f %% to %.2f %%",
                high, low);
}

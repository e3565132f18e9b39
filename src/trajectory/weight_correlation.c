#include "trajectory/weight_correlation.h"

#include "base/correlation.h"
#include "base/memory.h"
#include "base/quantile.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

const char *const weight_against_names[WEIGHT_AGAINSTS] = {"pr", "induction", "first_token"};

static size_t count_heads(const struct revision *revision)
{
  return (size_t)revision->n_layers * (size_t)revision->n_heads;
}

static double behaviour(const struct head_row *head, enum weight_against against)
{
  return against == AGAINST_PR          ? head->pr
         : against == AGAINST_INDUCTION ? head->selectivity[CLASS_INDUCTION]
                                        : head->selectivity[CLASS_FIRST_TOKEN];
}

static bool all_finite(const double *values, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (!isfinite(values[i]))
      return false;
  return true;
}

/* x[count], then y[count]. */
static int correlate(const double *x, size_t count, struct weight_correlation *c,
                     struct error *error)
{
  const double *y = x + count;
  *c = (struct weight_correlation){NAN, NAN, NAN};
  if (!all_finite(x, 2 * count))
    return 0;
  c->pearson = correlation_pearson(x, y, count);
  if (correlation_spearman(x, y, count, TIES_AS_PUBLISHED, &c->spearman, error) ||
      correlation_spearman(x, y, count, TIES_AVERAGED, &c->spearman_averaged, error))
    return error->code;
  return 0;
}

int weight_correlate(const struct head_weights *weights, const struct revision *revision,
                     int figure, enum weight_against against,
                     struct weight_correlation *correlation, struct error *error)
{
  size_t heads = count_heads(revision);
  double *x = memory_alloc(heads, 2 * sizeof *x, "correlations", error);
  if (!x)
    return EXIT_RUN;
  for (size_t i = 0; i < heads; i++) {
    x[i] = head_weight_figure(&weights[i], figure);
    x[heads + i] = behaviour(&revision->heads[i], against);
  }
  int status = correlate(x, heads, correlation, error);
  free(x);
  return status;
}

static int correlate_growth(const struct head_weights *const *weights,
                            const struct revision *const *revisions, size_t last, int figure,
                            struct weight_correlation *growth, struct error *error)
{
  size_t heads = count_heads(revisions[0]);
  double *x = memory_alloc(heads, 2 * sizeof *x, "correlations", error);
  if (!x)
    return EXIT_RUN;
  for (size_t i = 0; i < heads; i++) {
    x[i] =
        head_weight_figure(&weights[last][i], figure) - head_weight_figure(&weights[0][i], figure);
    x[heads + i] = revisions[last]->heads[i].pr - revisions[0]->heads[i].pr;
  }
  int status = correlate(x, heads, growth, error);
  free(x);
  return status;
}

/* Each head's over the revisions, to each[heads]; x has room for two series. */
static int correlate_heads(const struct head_weights *const *weights,
                           const struct revision *const *revisions, size_t count, int figure,
                           double *x, double *each, struct error *error)
{
  for (size_t i = 0; i < count_heads(revisions[0]); i++) {
    struct weight_correlation c;
    for (size_t r = 0; r < count; r++) {
      x[r] = head_weight_figure(&weights[r][i], figure);
      x[count + r] = revisions[r]->heads[i].pr;
    }
    if (correlate(x, count, &c, error))
      return error->code;
    each[i] = c.spearman;
  }
  return 0;
}

/* Of each[count], which it sorts. */
static void summarise(double *each, size_t count, struct weight_course *course)
{
  course->median = course->mean = course->share_positive = NAN;
  if (!all_finite(each, count))
    return;
  double sum = 0;
  size_t positive = 0;
  for (size_t i = 0; i < count; i++) {
    sum += each[i];
    positive += each[i] > 0;
  }
  quantile_sort(each, count);
  course->median = quantile_sorted(each, count, 0.5);
  course->mean = sum / (double)count;
  course->share_positive = (double)positive / (double)count;
}

int weight_course(const struct head_weights *const *weights,
                  const struct revision *const *revisions, size_t count, int figure,
                  struct weight_course *course, struct error *error)
{
  size_t heads = count_heads(revisions[0]);
  double *x = memory_alloc(count, 2 * sizeof *x, "correlations", error);
  double *each = x ? memory_alloc(heads, sizeof *each, "correlations", error) : NULL;
  int status = each ? correlate_heads(weights, revisions, count, figure, x, each, error) : EXIT_RUN;
  if (!status) {
    summarise(each, heads, course);
    status = correlate_growth(weights, revisions, count - 1, figure, &course->growth, error);
  }
  free(x);
  free(each);
  return status;
}

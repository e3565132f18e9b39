#include "trajectory/integral.h"

#include "base/memory.h"
#include "sleef_scalar.h"

#include <math.h>
#include <stdlib.h>

static size_t count_heads(const struct revision *revision)
{
  return (size_t)revision->n_layers * (size_t)revision->n_heads;
}

static double raised(const struct revision *revision, size_t head)
{
  double above = revision->heads[head].pr - 1;
  return above > 0 ? above : 0;
}

static int check_available(const struct trajectory *trajectory, struct error *error)
{
  for (size_t r = 0; r < trajectory->count; r++) {
    const struct revision *revision = &trajectory->revisions[r];
    for (size_t i = 0; i < count_heads(revision); i++)
      if (isnan(revision->heads[i].pr))
        return error_set(error, EXIT_INPUT,
                         "%s: revision %s, layer %d head %d has no participation ratio, which the "
                         "integral needs; screen that revision again",
                         trajectory->model, revision->name, revision->heads[i].layer,
                         revision->heads[i].head);
  }
  return 0;
}

static double log_tokens(const struct revision *revision, double floor)
{
  return Sleef_finz_logd1_u10purecfma(revision->tokens > floor ? revision->tokens : floor);
}

int integral_heads(const struct trajectory *trajectory, double floor, double *integrals,
                   struct error *error)
{
  if (check_available(trajectory, error))
    return error->code;
  size_t heads = trajectory->count ? count_heads(&trajectory->revisions[0]) : 0;
  for (size_t i = 0; i < heads; i++)
    integrals[i] = 0;
  for (size_t r = 1; r < trajectory->count; r++) {
    const struct revision *before = &trajectory->revisions[r - 1], *at = &trajectory->revisions[r];
    double width = log_tokens(at, floor) - log_tokens(before, floor);
    for (size_t i = 0; i < heads; i++)
      integrals[i] += width * (raised(at, i) + raised(before, i)) / 2;
  }
  return 0;
}

static int by_integral(const void *a, const void *b)
{
  const struct ranked_head *x = a, *y = b;
  if (x->integral != y->integral)
    return x->integral < y->integral ? 1 : -1;
  return (x->index > y->index) - (x->index < y->index);
}

int integral_rank(const struct trajectory *trajectory, double floor, struct ranked_head *ranked,
                  struct error *error)
{
  size_t heads = trajectory->count ? count_heads(&trajectory->revisions[0]) : 0;
  double *integrals = memory_alloc(heads, sizeof *integrals, "integrals of the heads", error);
  if (!integrals)
    return EXIT_RUN;
  int status = integral_heads(trajectory, floor, integrals, error);
  for (size_t i = 0; !status && i < heads; i++) {
    const struct head_row *row = &trajectory->revisions[0].heads[i];
    ranked[i] = (struct ranked_head){i, row->layer, row->head, integrals[i]};
  }
  if (!status)
    qsort(ranked, heads, sizeof *ranked, by_integral);
  free(integrals);
  return status;
}

void integral_classes(const struct revision *revision, enum head_class *classes)
{
  for (size_t i = 0; i < count_heads(revision); i++)
    classes[i] = revision->heads[i].class;
}

size_t integral_classified(const struct ranked_head *ranked, size_t k,
                           const enum head_class *classes)
{
  size_t classified = 0;
  for (size_t i = 0; i < k; i++)
    classified += classes[ranked[i].index] != CLASS_UNCLASSIFIED;
  return classified;
}

size_t integral_leave_out(struct ranked_head *ranked, size_t count, const enum head_class *classes,
                          enum head_class class)
{
  size_t kept = 0;
  for (size_t i = 0; i < count; i++)
    if (classes[ranked[i].index] != class)
      ranked[kept++] = ranked[i];
  return kept;
}

size_t integral_elbow(const struct ranked_head *ranked, size_t count)
{
  size_t elbow = 0;
  double least = INFINITY;
  for (size_t i = 0; i + 2 < count; i++) {
    double bend = ranked[i].integral - 2 * ranked[i + 1].integral + ranked[i + 2].integral;
    if (bend < least) {
      least = bend;
      elbow = i + 1;
    }
  }
  return elbow;
}

size_t integral_k18(size_t heads)
{
  size_t whole = 18 * heads / 100, rest = 18 * heads % 100;
  return whole + (rest > 50 || (rest == 50 && whole % 2));
}

void integral_class_means(const struct revision *revision, const enum head_class *classes,
                          double means[INTEGRAL_MEANS])
{
  double sums[INTEGRAL_MEANS] = {0};
  size_t counts[INTEGRAL_MEANS] = {0};
  for (size_t i = 0; i < count_heads(revision); i++)
    for (int at = 0; at < INTEGRAL_MEANS; at++)
      if (at == (int)classes[i] || at == INTEGRAL_MEANS - 1) {
        sums[at] += revision->heads[i].pr;
        counts[at]++;
      }
  for (int at = 0; at < INTEGRAL_MEANS; at++)
    means[at] = counts[at] ? sums[at] / (double)counts[at] : NAN;
}

#include "circuit/metric.h"

#include "base/memory.h"
#include "sleef_scalar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Answers of all pairs. */
static size_t answers_count(const struct task_pair *const *pairs, size_t count)
{
  size_t sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += pairs[i]->positive_count + pairs[i]->negative_count;
  return sum;
}

static bool takes_all(const struct model_config *c, enum task_metric metric, size_t answers)
{
  return metric == TASK_PROB || answers >= c->vocab;
}

uint64_t answers_floats(const struct model_config *c, enum task_metric metric,
                        const struct task_pair *const *pairs, size_t count)
{
  size_t answers = answers_count(pairs, count);
  return takes_all(c, metric, answers) ? 0 : (uint64_t)answers * (c->hidden + 1);
}

/* The rows of a pair's answers, from column `at` on. */
static void gather(struct answers *a, const struct parameter *weight, const struct parameter *bias,
                   const int32_t *ids, size_t count, size_t at)
{
  for (size_t i = 0; i < count; i++) {
    size_t id = (size_t)ids[i];
    memcpy(a->owned[0] + (at + i) * weight->columns, weight->values + id * weight->columns,
           weight->columns * sizeof(float));
    a->owned[1][at + i] = bias ? bias->values[id] : 0;
  }
}

int answers_create(const struct parameters *parameters, enum task_metric metric,
                   const struct task_pair *const *pairs, size_t count, struct answers *a,
                   struct error *error)
{
  const struct model *m = &parameters->model;
  const struct parameter *weight = parameters_of(parameters, m->lm_head.weight);
  const struct parameter *bias = parameters_of(parameters, m->lm_head.bias);
  size_t answers = answers_count(pairs, count), at = 0;
  *a = (struct answers){.pairs = pairs, .count = count, .metric = metric};
  a->all = takes_all(&m->config, metric, answers);
  a->columns = a->all ? m->config.vocab : answers;
  a->weight = weight->values;
  a->bias = bias ? bias->values : NULL;
  if (a->all)
    return 0;
  if (!(a->first = memory_alloc(count, sizeof *a->first, "answers", error)) ||
      !(a->owned[0] = memory_alloc(answers, weight->columns * sizeof(float), "answers", error)) ||
      !(a->owned[1] = memory_alloc(answers, sizeof(float), "answers", error)))
    return error->code;
  for (size_t i = 0; i < count; i++) {
    a->first[i] = at;
    gather(a, weight, bias, pairs[i]->positive, pairs[i]->positive_count, at);
    at += pairs[i]->positive_count;
    gather(a, weight, bias, pairs[i]->negative, pairs[i]->negative_count, at);
    at += pairs[i]->negative_count;
  }
  a->weight = a->owned[0];
  a->bias = bias ? a->owned[1] : NULL;
  return 0;
}

void answers_free(struct answers *a)
{
  free(a->first);
  free(a->owned[0]);
  free(a->owned[1]);
  *a = (struct answers){0};
}

/* --- measuring --- */

struct measuring {
  const struct answers *answers;
  size_t repeats, stride;
  const float *logits;
  double *metric;
  float *gradient;
};

/* Column of a pair's answer number `i`, positive ones first. */
static size_t column_of(const struct answers *a, size_t pair, size_t i)
{
  const struct task_pair *p = a->pairs[pair];
  if (!a->all)
    return a->first[pair] + i;
  return (size_t)(i < p->positive_count ? p->positive[i] : p->negative[i - p->positive_count]);
}

/* What makes probabilities of a row of logits. */
struct softmax {
  double peak, sum; /* sum 0: logits as they are */
};

static double value_at(const struct softmax *s, float logit)
{
  return s->sum > 0 ? Sleef_finz_expd1_u10purecfma((double)logit - s->peak) / s->sum
                    : (double)logit;
}

static struct softmax softmax_of(const float *logits, size_t columns)
{
  struct softmax s = {-INFINITY, 0};
  for (size_t j = 0; j < columns; j++)
    s.peak = (double)logits[j] > s.peak ? (double)logits[j] : s.peak;
  for (size_t j = 0; j < columns; j++)
    s.sum += Sleef_finz_expd1_u10purecfma((double)logits[j] - s.peak);
  return s;
}

static double difference(const struct answers *a, size_t pair, const float *logits,
                         const struct softmax *s)
{
  const struct task_pair *p = a->pairs[pair];
  double sums[2] = {0, 0};
  for (size_t i = 0; i < p->positive_count + p->negative_count; i++)
    sums[i >= p->positive_count] += value_at(s, logits[column_of(a, pair, i)]);
  return sums[0] - sums[1];
}

/* gradient[columns]: f, then p (f - M) for probabilities. */
static void differentiate(const struct answers *a, size_t pair, const float *logits,
                          const struct softmax *s, double metric, float *gradient)
{
  const struct task_pair *p = a->pairs[pair];
  memset(gradient, 0, a->columns * sizeof *gradient);
  for (size_t i = 0; i < p->positive_count + p->negative_count; i++)
    gradient[column_of(a, pair, i)] += i < p->positive_count ? 1 : -1;
  for (size_t j = 0; s->sum > 0 && j < a->columns; j++)
    gradient[j] = (float)(value_at(s, logits[j]) * ((double)gradient[j] - metric));
}

static void measure_row(void *context, size_t row, int worker)
{
  const struct measuring *m = context;
  const struct answers *a = m->answers;
  const float *logits = m->logits + row * m->stride;
  size_t pair = row / m->repeats;
  struct softmax s = {0, 0};
  (void)worker;
  if (a->metric == TASK_PROB)
    s = softmax_of(logits, a->columns);
  m->metric[row] = difference(a, pair, logits, &s);
  if (m->gradient)
    differentiate(a, pair, logits, &s, m->metric[row], m->gradient + row * a->columns);
}

void answers_measure(const struct answers *answers, size_t repeats, const float *logits,
                     size_t stride, struct threads *threads, double *metric, float *gradient)
{
  struct measuring m = {answers, repeats, stride, logits, metric, gradient};
  if (threads)
    threads_run(threads, answers->count * repeats, measure_row, &m);
  else
    for (size_t row = 0; row < answers->count * repeats; row++)
      measure_row(&m, row, 0);
}

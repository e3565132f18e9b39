/* How circuits change over training. */
#include "claims/arxiv_2407_10827/paper.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The last value of the moving average of a Jaccard similarity. Arguments: task; "similarity"
 * (started at the first value) or "change" (of 1 - J, from 0); its span: alpha = 2 / (span + 1). */
void change_average(const struct question *question, struct outcome *outcome)
{
  struct series jaccard;
  char key[64];
  bool change = strcmp(question_argument(question, 1), "change") == 0;
  double alpha = 2 / (question_number(question, 2) + 1);
  snprintf(key, sizeof key, "%s|jaccard", question_argument(question, 0));
  if (!series_read(question, "similarity", question->assertion->model, key, NULL, "value", &jaccard,
                   outcome))
    return;
  double average = change ? 0 : jaccard.value[0];
  for (size_t i = change ? 0 : 1; i < jaccard.count; i++) {
    double value = change ? 1 - jaccard.value[i] : jaccard.value[i];
    average = alpha * value + (1 - alpha) * average;
  }
  outcome_add(outcome, average);
}

/* The published averages of a model; `from` and `to` are its steps. */
struct averages {
  struct series from, to;
};

static bool read_averages(const struct question *question, const char *model, struct averages *a,
                          struct outcome *outcome)
{
  char key[64];
  snprintf(key, sizeof key, "%s|ewma_jaccard", question_argument(question, 0));
  return series_read(question, "similarity", model, key, "step_1", "value", &a->from, outcome) &&
         series_read(question, "similarity", model, key, "step_2", "value", &a->to, outcome);
}

/* The Jaccard behind average i, of alpha = 0.5: 2 s_i - s_(i-1); with weights that are adjusted to
 * a start at the first row, w_i s_i - w_(i-1) s_(i-1) / 2, w_i = 1 + 1/2 + .. 1/2^i. NAN where the
 * step before it was left out. */
static double jaccard_at(const struct averages *a, size_t i, bool adjusted)
{
  if (i == 0 || a->to.at[i - 1] != a->from.at[i])
    return NAN;
  double before = adjusted ? 2 - ldexp(1, 1 - (int)i) : 2, now = adjusted ? before / 2 + 1 : 2;
  return now * a->from.value[i] - before / 2 * a->from.value[i - 1];
}

#define ROUNDING 2e-6 /* 2 s_i - s_(i-1) of averages cut to six digits */

/* They are averages of something from 0 to 1. Arguments: task; "adjusted" weights, or nothing. */
void change_inverted(const struct question *question, struct outcome *outcome)
{
  struct averages averages;
  double low = INFINITY, high = -INFINITY;
  size_t count = 0;
  bool adjusted = strcmp(question_argument(question, 1), "adjusted") == 0;
  if (!read_averages(question, question->assertion->model, &averages, outcome))
    return;
  for (size_t i = 0; i < averages.from.count; i++) {
    double jaccard = jaccard_at(&averages, i, adjusted);
    if (isnan(jaccard))
      continue;
    low = fmin(low, jaccard);
    high = fmax(high, jaccard);
    count++;
  }
  bool holds = count > 0 && low >= -ROUNDING && high <= 1 + ROUNDING;
  outcome_words(outcome, holds, "%s: %.3f to %.3f behind %zu averages", holds ? "yes" : "no", low,
                high, count);
}

static double mean_jaccard(const struct averages *averages)
{
  double sum = 0;
  size_t count = 0;
  for (size_t i = 0; i < averages->from.count; i++) {
    double jaccard = jaccard_at(averages, i, false);
    if (isnan(jaccard))
      continue;
    sum += jaccard;
    count++;
  }
  return sum / (double)count;
}

/* The mean Jaccard of neighbouring revisions grows with the model. Arguments: task, the smallest
 * model. */
void change_by_size(const struct question *question, struct outcome *outcome)
{
  struct text words = {0};
  double before = 0;
  bool holds = true;
  const struct pythia *first = pythia_find(question_argument(question, 1));
  for (const struct pythia *p = first; p < pythias + SIZES; p++) {
    struct averages averages;
    if (!read_averages(question, p->key, &averages, outcome))
      break;
    double mean = mean_jaccard(&averages);
    holds = holds && mean >= before;
    before = mean;
    text_add(&words, "%s%.3f", p == first ? "" : " ", mean);
  }
  outcome_words(outcome, holds, "%s: %s", holds ? "yes" : "no", words.data ? words.data : "");
  text_free(&words);
}

/* The mean size in the last quarter of the checkpoints over that in the first, while the metric of
 * the task keeps within a tenth. Arguments: task, run of the metric. */
void change_edges(const struct question *question, struct outcome *outcome)
{
  const char *model = question->assertion->model;
  struct series edges, metric;
  char key[64];
  snprintf(key, sizeof key, "%s|%s", question_argument(question, 0),
           question_argument(question, 1));
  if (!series_read(question, "circuit_edges", model, question_argument(question, 0), "step",
                   "edges", &edges, outcome) ||
      !series_read(question, "task_metric", model, key, "step", "metric", &metric, outcome))
    return;
  size_t e = edges.count / 4, m = metric.count / 4;
  double grown = series_mean(&edges, edges.count - e, e) / series_mean(&edges, 0, e);
  double moved = series_mean(&metric, metric.count - m, m) / series_mean(&metric, 0, m);
  bool holds = (grown > 2 || grown < .5) && fabs(moved - 1) < .1;
  outcome_words(outcome, holds, "%s: %.2fx the edges at %.2fx the metric", holds ? "yes" : "no",
                grown, moved);
}

/* The largest size over the smallest. Argument: task. */
void change_range(const struct question *question, struct outcome *outcome)
{
  struct series edges;
  double least = INFINITY, most = 0;
  if (!series_read(question, "circuit_edges", question->assertion->model,
                   question_argument(question, 0), "step", "edges", &edges, outcome))
    return;
  for (size_t i = 0; i < edges.count; i++) {
    least = fmin(least, edges.value[i]);
    most = fmax(most, edges.value[i]);
  }
  bool holds = most > 2 * least;
  outcome_words(outcome, holds, "%s: %.0f to %.0f edges", holds ? "yes" : "no", least, most);
}

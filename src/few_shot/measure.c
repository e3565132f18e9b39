#include "few_shot/measure.h"

#include "sleef_scalar.h"

#include <string.h>

const char *const few_score_names[FEW_SCORES] = {"loss",
                                                 "acc",
                                                 "in_context_acc",
                                                 "out_context_acc",
                                                 "prob",
                                                 "in_context_prob",
                                                 "out_context_prob",
                                                 "use_context_prob"};

void few_scores_list(const struct few_scores *s, double values[FEW_SCORES])
{
  const double list[FEW_SCORES] = {s->loss,
                                   s->acc,
                                   s->in_context_acc,
                                   s->out_context_acc,
                                   s->prob,
                                   s->in_context_prob,
                                   s->out_context_prob,
                                   s->use_context_prob};
  memcpy(values, list, sizeof list);
}

/* Softmax in double of a sequence's logits. */
static void probabilities(const float *logits, size_t labels, double *p)
{
  double top = (double)logits[0], sum = 0;
  for (size_t i = 1; i < labels; i++)
    top = (double)logits[i] > top ? (double)logits[i] : top;
  for (size_t i = 0; i < labels; i++) {
    p[i] = Sleef_finz_expd1_u10purecfma((double)logits[i] - top);
    sum += p[i];
  }
  for (size_t i = 0; i < labels; i++)
    p[i] /= sum;
}

/* The highest of the logits that are not left out, the first among equals. */
static size_t highest(const float *logits, size_t labels, const int32_t *left_out, size_t count)
{
  size_t best = labels;
  for (size_t i = 0; i < labels; i++) {
    bool out = false;
    for (size_t k = 0; k < count; k++)
      out |= (size_t)left_out[k] == i;
    if (!out && (best == labels || logits[i] > logits[best]))
      best = i;
  }
  return best;
}

static void add_sequence(const struct few_model *m, size_t labels, const struct few_sequence *s,
                         size_t i, struct few_scores *sum)
{
  const float *logits = few_model_logits(m, i);
  const size_t target = (size_t)s->labels[s->query], other = (size_t)s->labels[!s->query];
  const int32_t distractor = (int32_t)other;
  double p[FEW_MOST_LABELS], outside = 0;
  probabilities(logits, labels, p);
  for (size_t l = 0; l < labels; l++)
    outside += l == target || l == other ? 0 : p[l];
  bool lower = target < other;
  sum->loss += few_model_loss(m, i);
  sum->acc += highest(logits, labels, NULL, 0) == target;
  sum->in_context_acc += lower ? logits[target] >= logits[other] : logits[target] > logits[other];
  sum->out_context_acc += highest(logits, labels, &distractor, 1) == target;
  sum->prob += p[target];
  sum->in_context_prob += p[target] / (p[target] + p[other]);
  sum->out_context_prob += p[target] / (p[target] + outside);
  sum->use_context_prob += p[target] + p[other];
}

static void divide(struct few_scores *sum, double count)
{
  sum->loss /= count;
  sum->acc /= count;
  sum->in_context_acc /= count;
  sum->out_context_acc /= count;
  sum->prob /= count;
  sum->in_context_prob /= count;
  sum->out_context_prob /= count;
  sum->use_context_prob /= count;
}

int few_measure(struct few_model *model, const struct few_table *table,
                const struct few_sequence *sequences, size_t count, few_seen *seen, void *context,
                struct few_scores *scores, struct error *error)
{
  size_t batch = few_model_batch(model), labels = few_model_sizes(model)->labels;
  struct few_scores sum = {0};
  for (size_t first = 0; first < count; first += batch) {
    size_t n = count - first < batch ? count - first : batch;
    const struct few_sequence *part = sequences + first;
    if (few_model_forward(model, table, part, n, error) ||
        (seen && seen(context, model, part, first, n, error)))
      return error->code;
    for (size_t i = 0; i < n && scores; i++)
      add_sequence(model, labels, &part[i], i, &sum);
  }
  if (scores) {
    divide(&sum, count ? (double)count : 1);
    *scores = sum;
  }
  return 0;
}

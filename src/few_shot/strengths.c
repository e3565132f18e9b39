#include "few_shot/strengths.h"

#include <math.h>
#include <string.h>

struct sums {
  const struct few_sizes *sizes;
  struct few_strengths *strengths;
  few_seen *seen;
  void *context;
};

/* Label positions are 1 and 3; query 0 asks for the first class's. */
static double induction_of(const struct few_model *model, size_t head,
                           const struct few_sequence *sequence, size_t i)
{
  double first = (double)few_model_pattern(model, 1, head, 4, 1)[i];
  double second = (double)few_model_pattern(model, 1, head, 4, 3)[i];
  return sequence->query ? second - first : first - second;
}

static int add(void *context, const struct few_model *model, const struct few_sequence *sequences,
               size_t first, size_t count, struct error *error)
{
  struct sums *sums = context;
  struct few_strengths *s = sums->strengths;
  for (size_t h = 0; h < sums->sizes->heads; h++)
    for (size_t i = 0; i < count; i++) {
      double before[FEW_POSITIONS] = {0};
      for (size_t t = 1; t < FEW_POSITIONS; t++)
        before[t] = (double)few_model_pattern(model, 0, h, t, t - 1)[i];
      s->induction[h] += induction_of(model, h, &sequences[i], i);
      s->previous_labels[h] += (before[1] + before[3]) / 2;
      s->previous_tokens[h] += (before[1] + before[2] + before[3] + before[4]) / 4;
    }
  return sums->seen ? sums->seen(sums->context, model, sequences, first, count, error) : 0;
}

int few_strengths_of(struct few_model *model, const struct few_sizes *sizes,
                     const struct few_table *table, const struct few_sequence *sequences,
                     size_t count, few_seen *seen, void *context, struct few_strengths *strengths,
                     struct error *error)
{
  struct sums sums = {sizes, strengths, seen, context};
  memset(strengths, 0, sizeof *strengths);
  if (few_measure(model, table, sequences, count, add, &sums, NULL, error))
    return error->code;
  for (size_t h = 0; h < sizes->heads; h++) {
    strengths->induction[h] /= (double)count;
    strengths->previous_labels[h] /= (double)count;
    strengths->previous_tokens[h] /= (double)count;
  }
  return 0;
}

/* Frobenius norm of a block of rows and columns of a matrix with `stride` columns. */
static double norm_of(const float *block, size_t rows, size_t columns, size_t stride)
{
  double sum = 0;
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns; c++)
      sum += (double)block[r * stride + c] * (double)block[r * stride + c];
  return sqrt(sum);
}

double few_composition(const struct few_sizes *sizes, const float *parameters, size_t u, size_t v,
                       enum few_part part)
{
  size_t hidden = sizes->hidden, width = hidden / sizes->heads;
  const float *output = parameters + few_place(sizes, FEW_WO0).offset + u * width;
  const float *input = parameters + few_place(sizes, FEW_WQKV1).offset +
                       ((size_t)part * hidden + v * width) * hidden;
  double sum = 0;
  for (size_t r = 0; r < width; r++)
    for (size_t c = 0; c < width; c++) {
      double entry = 0;
      for (size_t k = 0; k < hidden; k++)
        entry += (double)input[r * hidden + k] * (double)output[k * hidden + c];
      sum += entry * entry;
    }
  double norms = norm_of(input, width, hidden, hidden) * norm_of(output, hidden, width, hidden);
  return norms > 0 ? sqrt(sum) / norms : NAN;
}

/* The few-shot model once more, in plain double loops, for tests: patterns, values and logits of
 * one sequence, with heads removed and with patterns or values given. */
#ifndef ATTEST_TESTS_PLAIN_FEW_H
#define ATTEST_TESTS_PLAIN_FEW_H

#include "few_shot/model.h"

#include <math.h>
#include <string.h>

#ifndef PLAIN_HEADS
#define PLAIN_HIDDEN 16
#define PLAIN_HEADS 8
#endif
#define PLAIN_HEAD (PLAIN_HIDDEN / PLAIN_HEADS)
#define PLAIN_LABELS 5

struct plain_trace {
  double pattern[FEW_LAYERS][PLAIN_HEADS][FEW_POSITIONS][FEW_POSITIONS];
  double value[FEW_LAYERS][FEW_POSITIONS][PLAIN_HIDDEN];
  double logits[PLAIN_LABELS];
};

struct plain_change {
  uint64_t removed[FEW_LAYERS];                /* heads whose values are 0 */
  const struct plain_trace *patterns, *values; /* given; NULL: computed */
};

struct plain {
  const struct few_sizes *sizes;
  const float *parameters;
};

static inline const float *plain_at(const struct plain *p, enum few_tensor tensor)
{
  return p->parameters + few_place(p->sizes, tensor).offset;
}

static inline void plain_norm(const double *x, const float *gain, const float *bias, double *out)
{
  double mean = 0, square = 0;
  for (int i = 0; i < PLAIN_HIDDEN; i++)
    mean += x[i] / PLAIN_HIDDEN;
  for (int i = 0; i < PLAIN_HIDDEN; i++)
    square += (x[i] - mean) * (x[i] - mean) / PLAIN_HIDDEN;
  for (int i = 0; i < PLAIN_HIDDEN; i++)
    out[i] = (x[i] - mean) / sqrt(square + 1e-5) * (double)gain[i] + (double)bias[i];
}

static inline void plain_product(const float *matrix, int rows, int columns, const double *x,
                                 double *out)
{
  for (int r = 0; r < rows; r++) {
    out[r] = 0;
    for (int c = 0; c < columns; c++)
      out[r] += (double)matrix[r * columns + c] * x[c];
  }
}

/* Rotates the interleaved pairs of every head for position t. */
static inline void plain_rotate(double *x, int t)
{
  for (int h = 0; h < PLAIN_HEADS; h++)
    for (int i = 0; i < PLAIN_HEAD / 2; i++) {
      double *pair = x + h * PLAIN_HEAD + 2 * i, a = t * pow(10000, -2.0 * i / PLAIN_HEAD);
      double first = pair[0] * cos(a) - pair[1] * sin(a);
      pair[1] = pair[0] * sin(a) + pair[1] * cos(a);
      pair[0] = first;
    }
}

static inline void plain_softmax(double *x, int count)
{
  double sum = 0;
  for (int i = 0; i < count; i++)
    sum += exp(x[i]);
  for (int i = 0; i < count; i++)
    x[i] = exp(x[i]) / sum;
}

static inline void plain_patterns(double qkv[FEW_POSITIONS][3 * PLAIN_HIDDEN],
                                  double pattern[PLAIN_HEADS][FEW_POSITIONS][FEW_POSITIONS])
{
  for (int h = 0; h < PLAIN_HEADS; h++)
    for (int t = 0; t < FEW_POSITIONS; t++) {
      for (int j = 0; j <= t; j++) {
        pattern[h][t][j] = 0;
        for (int i = h * PLAIN_HEAD; i < (h + 1) * PLAIN_HEAD; i++)
          pattern[h][t][j] += qkv[t][i] * qkv[j][PLAIN_HIDDEN + i] / sqrt(PLAIN_HEAD);
      }
      plain_softmax(pattern[h][t], t + 1);
    }
}

static inline void plain_layer(const struct plain *p, int l, const struct plain_change *change,
                               double h[FEW_POSITIONS][PLAIN_HIDDEN], struct plain_trace *trace)
{
  double qkv[FEW_POSITIONS][3 * PLAIN_HIDDEN], n[PLAIN_HIDDEN];
  enum few_tensor g = l ? FEW_G1 : FEW_G0, b = l ? FEW_B1 : FEW_B0;
  for (int t = 0; t < FEW_POSITIONS; t++) {
    plain_norm(h[t], plain_at(p, g), plain_at(p, b), n);
    plain_product(plain_at(p, l ? FEW_WQKV1 : FEW_WQKV0), 3 * PLAIN_HIDDEN, PLAIN_HIDDEN, n,
                  qkv[t]);
    plain_rotate(qkv[t], t);
    plain_rotate(qkv[t] + PLAIN_HIDDEN, t);
    memcpy(trace->value[l][t], qkv[t] + 2 * PLAIN_HIDDEN, sizeof trace->value[l][t]);
  }
  plain_patterns(qkv, trace->pattern[l]);
  if (change->patterns)
    memcpy(trace->pattern[l], change->patterns->pattern[l], sizeof trace->pattern[l]);
  if (change->values)
    memcpy(trace->value[l], change->values->value[l], sizeof trace->value[l]);
  for (int t = 0; t < FEW_POSITIONS; t++) {
    double z[PLAIN_HIDDEN] = {0}, out[PLAIN_HIDDEN];
    for (int i = 0; i < PLAIN_HIDDEN; i++)
      for (int j = 0; j <= t && !(change->removed[l] >> (i / PLAIN_HEAD) & 1); j++)
        z[i] += trace->pattern[l][i / PLAIN_HEAD][t][j] * trace->value[l][j][i];
    plain_product(plain_at(p, l ? FEW_WO1 : FEW_WO0), PLAIN_HIDDEN, PLAIN_HIDDEN, z, out);
    for (int i = 0; i < PLAIN_HIDDEN; i++)
      h[t][i] += out[i];
  }
}

static inline void plain_run(const struct plain *p, const float *items,
                             const struct few_sequence *s, const struct plain_change *change,
                             struct plain_trace *trace)
{
  double h[FEW_POSITIONS][PLAIN_HIDDEN], n[PLAIN_HIDDEN];
  size_t width = p->sizes->width;
  memset(trace, 0, sizeof *trace);
  for (int t = 0; t < FEW_POSITIONS; t++)
    for (int i = 0; i < PLAIN_HIDDEN; i++) {
      h[t][i] = t % 2 ? (double)plain_at(p, FEW_LE)[i * PLAIN_LABELS + s->labels[t / 2]]
                      : (double)plain_at(p, FEW_BE)[i];
      for (size_t k = 0; k < width && t % 2 == 0; k++)
        h[t][i] += (double)plain_at(p, FEW_WE)[(size_t)i * width + k] *
                   (double)items[(size_t)s->items[t / 2] * width + k];
    }
  for (int l = 0; l < FEW_LAYERS; l++)
    plain_layer(p, l, change, h, trace);
  plain_norm(h[4], plain_at(p, FEW_GF), plain_at(p, FEW_BF), n);
  plain_product(plain_at(p, FEW_WU), PLAIN_LABELS, PLAIN_HIDDEN, n, trace->logits);
  for (int i = 0; i < PLAIN_LABELS; i++)
    trace->logits[i] += (double)plain_at(p, FEW_BU)[i];
}

static inline bool plain_right(const struct plain_trace *trace, const struct few_sequence *s)
{
  int best = 0;
  for (int i = 1; i < PLAIN_LABELS; i++)
    if (trace->logits[i] > trace->logits[best])
      best = i;
  return best == s->labels[s->query];
}

#endif

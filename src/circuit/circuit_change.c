#include "circuit/circuit_change.h"

#include <math.h>

#define ALPHA .5

double circuit_jaccard(const unsigned char *a, const unsigned char *b, size_t count)
{
  size_t both = 0, either = 0;
  for (size_t i = 0; i < count; i++) {
    both += a[i] && b[i];
    either += a[i] || b[i];
  }
  return either ? (double)both / (double)either : NAN;
}

static double weighted_jaccard(const struct scored_circuit *before,
                               const struct scored_circuit *now, size_t edges)
{
  double least = 0, most = 0;
  for (size_t e = 0; e < edges; e++) {
    double a = before->kept[e] ? fabs(before->scores[e]) : 0;
    double b = now->kept[e] ? fabs(now->scores[e]) : 0;
    least += fmin(a, b);
    most += fmax(a, b);
  }
  return most > 0 ? least / most : NAN;
}

static void add_edits(const struct scored_circuit *before, const struct scored_circuit *now,
                      size_t edges, struct circuit_change *change)
{
  for (size_t e = 0; e < edges; e++) {
    if (before->kept[e] == now->kept[e])
      continue;
    double score = now->kept[e] ? now->scores[e] : before->scores[e];
    change->added += now->kept[e];
    change->removed += before->kept[e];
    change->signed_edits += score;
    change->absolute_edits += fabs(score);
  }
}

void circuit_change(const struct scored_circuit *before, const struct scored_circuit *now,
                    size_t edges, struct circuit_change *change)
{
  *change = (struct circuit_change){.jaccard = circuit_jaccard(before->kept, now->kept, edges),
                                    .weighted_jaccard = weighted_jaccard(before, now, edges)};
  add_edits(before, now, edges, change);
  for (size_t e = 0; e < edges; e++) {
    double gain = now->scores[e] - before->scores[e];
    if (gain > 0)
      change->score_gain += gain;
    else
      change->score_loss -= gain;
  }
}

struct circuit_average circuit_average_start(void)
{
  return (struct circuit_average){0, NAN};
}

void circuit_average_add(struct circuit_average *average, double similarity)
{
  if (isnan(similarity))
    return;
  average->change = ALPHA * (1 - similarity) + (1 - ALPHA) * average->change;
  average->similarity = isnan(average->similarity)
                            ? similarity
                            : ALPHA * similarity + (1 - ALPHA) * average->similarity;
}

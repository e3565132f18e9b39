#include "claims/arxiv_2606_02378/measure.h"

#include <math.h>

size_t measure_heads(const struct revision *revision)
{
  return (size_t)revision->n_layers * (size_t)revision->n_heads;
}

bool measure_is_bos(const struct head_row *head, bool best_class)
{
  if (best_class)
    return head_class_best(head->selectivity) == CLASS_FIRST_TOKEN;
  return head->selectivity[CLASS_FIRST_TOKEN] >= BOS_THRESHOLD;
}

size_t measure_bos(const struct revision *revision, bool best_class, int layers)
{
  size_t count = 0, heads = measure_heads(revision);
  for (size_t i = 0; i < heads; i++)
    count += revision->heads[i].layer < layers && measure_is_bos(&revision->heads[i], best_class);
  return count;
}

size_t measure_bos_onset(const struct trajectory *trajectory, bool best_class, size_t percent)
{
  size_t r = 0;
  while (r < trajectory->count) {
    const struct revision *revision = &trajectory->revisions[r];
    if (100 * measure_bos(revision, best_class, revision->n_layers) >=
        percent * measure_heads(revision))
      break;
    r++;
  }
  return r;
}

size_t measure_induction(const struct revision *revision, double threshold)
{
  size_t count = 0, heads = measure_heads(revision);
  for (size_t i = 0; i < heads; i++)
    count += revision->heads[i].selectivity[CLASS_INDUCTION] >= threshold;
  return count;
}

size_t measure_induction_onset(const struct trajectory *trajectory, double threshold)
{
  size_t r = 0;
  while (r < trajectory->count &&
         measure_induction(&trajectory->revisions[r], threshold) < CIRCUIT_HEADS)
    r++;
  return r;
}

struct recall measure_recall(const struct trajectory *trajectory, size_t revision, double screen,
                             double final_set)
{
  const struct revision *last = &trajectory->revisions[trajectory->count - 1];
  const struct revision *at = &trajectory->revisions[revision];
  struct recall recall = {0, 0};
  size_t heads = measure_heads(last);
  for (size_t i = 0; i < heads; i++)
    if (last->heads[i].selectivity[CLASS_INDUCTION] >= final_set) {
      recall.total++;
      recall.found += at->heads[i].selectivity[CLASS_INDUCTION] >= screen;
    }
  return recall;
}

struct nearest measure_nearest(const struct trajectory *trajectory, size_t first, size_t last,
                               int layers, enum head_class class, double threshold)
{
  struct nearest nearest = {first, NULL, NAN, INFINITY};
  for (size_t r = first; r <= last; r++) {
    const struct revision *revision = &trajectory->revisions[r];
    size_t heads = measure_heads(revision);
    for (size_t i = 0; i < heads && revision->heads[i].layer < layers; i++) {
      double value = revision->heads[i].selectivity[class];
      double distance = fabs(value - threshold) / threshold;
      if (distance < nearest.distance)
        nearest = (struct nearest){r, &revision->heads[i], value, distance};
    }
  }
  return nearest;
}

json_t *evidence_nearest(const struct trajectory *trajectory, const struct nearest *nearest,
                         enum head_class class, double threshold)
{
  if (!nearest->head)
    return json_null();
  return json_pack("{s:s, s:i, s:i, s:s, s:f, s:f, s:f}", "revision",
                   trajectory->revisions[nearest->revision].name, "layer", nearest->head->layer,
                   "head", nearest->head->head, "selectivity", head_class_name(class), "value",
                   nearest->value, "threshold", threshold, "relative_distance", nearest->distance);
}

#include "trajectory/trajectory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Bits in the order of the numbers: negative ones reversed below the positive ones. */
static uint64_t ordered_bits(double value)
{
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

uint64_t trajectory_ulp_distance(double a, double b)
{
  uint64_t x = ordered_bits(a), y = ordered_bits(b);
  if (x == y)
    return 0;
  if (isnan(a) || isnan(b))
    return UINT64_MAX;
  return x > y ? x - y : y - x;
}

/* "revision step562, " or nothing for a lone file. */
static int describe_revision(char *out, size_t capacity, const struct revision *revision)
{
  if (!*revision->name)
    return 0;
  return snprintf(out, capacity, "revision %.255s, ", revision->name);
}

static void describe_figure(char *out, size_t capacity, double value)
{
  if (isnan(value))
    snprintf(out, capacity, "not available");
  else
    snprintf(out, capacity, "%.17g", value);
}

/* Any NaN is "not available": a missing figure equals only a missing figure. */
static bool differ(const struct revision *revision, const struct head_row *row,
                   const char *quantity, double a, double b,
                   struct trajectory_difference *difference)
{
  uint64_t distance = trajectory_ulp_distance(a, b);
  if (distance == 0 || (isnan(a) && isnan(b)))
    return false;
  char left[32], right[32], ulp[40] = "";
  describe_figure(left, sizeof left, a);
  describe_figure(right, sizeof right, b);
  if (distance != UINT64_MAX)
    snprintf(ulp, sizeof ulp, ", %llu ULP", (unsigned long long)distance);
  char *where = difference->where;
  size_t capacity = sizeof difference->where;
  size_t used = (size_t)describe_revision(where, capacity, revision);
  snprintf(where + used, capacity - used, "layer %d, head %d, %s: %s against %s%s", row->layer,
           row->head, quantity, left, right, ulp);
  difference->found = true;
  return true;
}

static bool compare_heads(const struct revision *revision, const struct head_row *a,
                          const struct head_row *b, struct trajectory_difference *difference)
{
  for (int c = 0; c < CLASS_COUNT; c++)
    if (differ(revision, a, head_class_name((enum head_class)c), a->selectivity[c],
               b->selectivity[c], difference))
      return true;
  return differ(revision, a, "baseline", a->baseline, b->baseline, difference) ||
         differ(revision, a, "pr", a->pr, b->pr, difference);
}

/* The class follows from the selectivities, so it needs no comparison of its own. */
void trajectory_compare_revisions(const struct revision *a, const struct revision *b,
                                  struct trajectory_difference *difference)
{
  *difference = (struct trajectory_difference){0};
  if (a->n_layers != b->n_layers || a->n_heads != b->n_heads) {
    char *where = difference->where;
    size_t used = (size_t)describe_revision(where, sizeof difference->where, a);
    difference->found = true;
    snprintf(where + used, sizeof difference->where - used, "shape: %s of %s against %s of %s",
             text_counted((size_t)a->n_layers, "layer").text,
             text_counted((size_t)a->n_heads, "head").text,
             text_counted((size_t)b->n_layers, "layer").text,
             text_counted((size_t)b->n_heads, "head").text);
    return;
  }
  size_t count = (size_t)a->n_layers * (size_t)a->n_heads;
  for (size_t i = 0; i < count; i++)
    if (compare_heads(a, &a->heads[i], &b->heads[i], difference))
      return;
}

static bool compare_labels(const struct revision *a, const struct revision *b, size_t index,
                           struct trajectory_difference *difference)
{
  char *where = difference->where;
  size_t capacity = sizeof difference->where;
  if (strcmp(a->name, b->name) != 0)
    snprintf(where, capacity, "revision %zu: name %.200s against %.200s", index, a->name, b->name);
  else if (a->step != b->step)
    snprintf(where, capacity, "revision %.255s: step %llu against %llu", a->name,
             (unsigned long long)a->step, (unsigned long long)b->step);
  else if (trajectory_ulp_distance(a->tokens, b->tokens) != 0)
    snprintf(where, capacity, "revision %.255s: tokens %.17g against %.17g", a->name, a->tokens,
             b->tokens);
  else
    return false;
  difference->found = true;
  return true;
}

void trajectory_compare(const struct trajectory *a, const struct trajectory *b,
                        struct trajectory_difference *difference)
{
  *difference = (struct trajectory_difference){0};
  if (strcmp(a->model, b->model) != 0)
    snprintf(difference->where, sizeof difference->where, "model %.200s against %.200s", a->model,
             b->model);
  else if (a->count != b->count)
    snprintf(difference->where, sizeof difference->where, "%zu revisions against %zu", a->count,
             b->count);
  if (*difference->where) {
    difference->found = true;
    return;
  }
  for (size_t i = 0; i < a->count && !difference->found; i++)
    if (!compare_labels(&a->revisions[i], &b->revisions[i], i, difference))
      trajectory_compare_revisions(&a->revisions[i], &b->revisions[i], difference);
}

void trajectory_compare_provenance(const struct trajectory *a, const struct trajectory *b,
                                   struct trajectory_difference *difference)
{
  const char *const names[] = {"kind", "source", "caveat"};
  const char *const left[] = {trajectory_kind_name(a->kind), a->source, a->caveat};
  const char *const right[] = {trajectory_kind_name(b->kind), b->source, b->caveat};
  *difference = (struct trajectory_difference){0};
  for (size_t i = 0; i < 3 && !difference->found; i++) {
    difference->found = strcmp(left[i], right[i]) != 0;
    if (difference->found)
      snprintf(difference->where, sizeof difference->where, "%s: \"%.150s\" against \"%.150s\"",
               names[i], left[i], right[i]);
  }
}

#include "circuit/ablation.h"

#include "base/memory.h"
#include "circuit/ablation_state.h"

#include <stdlib.h>

uint64_t ablation_bytes(size_t conditions, size_t n)
{
  uint64_t each = sizeof(struct ablated) + sizeof(size_t) + (uint64_t)n * sizeof(struct target);
  return sizeof(struct ablation) + (uint64_t)(conditions + 1) * each;
}

void ablation_free(struct ablation *ablation)
{
  if (!ablation)
    return;
  free(ablation->sets);
  free(ablation->set_of);
  free(ablation->targets);
  free(ablation);
}

static bool same(const struct head_set *a, const struct head_set *b)
{
  if (a->count != b->count)
    return false;
  for (size_t i = 0; i < a->count; i++)
    if (!head_set_has(b, a->list[i].layer, a->list[i].head))
      return false;
  return true;
}

/* The set of these heads, made if it is new. */
static size_t find(struct ablation *a, const struct head_set *heads)
{
  size_t i = 1, layer = SIZE_MAX;
  if (!heads->count)
    return 0;
  while (i < a->set_count && !same(a->sets[i].heads, heads))
    i++;
  for (size_t k = 0; k < heads->count; k++)
    layer = heads->list[k].layer < layer ? heads->list[k].layer : layer;
  if (i == a->set_count)
    a->sets[a->set_count++] = (struct ablated){heads, layer, 0};
  return i;
}

static int by_layer(const void *a, const void *b)
{
  const struct ablated *x = a, *y = b;
  if (x->first_layer != y->first_layer)
    return x->first_layer < y->first_layer ? -1 : 1;
  return (x->heads > y->heads) - (x->heads < y->heads); /* in the order of the conditions */
}

static void make_sets(struct ablation *a)
{
  const struct conditions *conditions = a->conditions;
  a->sets[a->set_count++] = (struct ablated){0};
  for (size_t i = 0; i < conditions->count; i++)
    if (condition_runs(&conditions->list[i]))
      (void)find(a, &conditions->list[i].heads);
  qsort(a->sets + 1, a->set_count - 1, sizeof *a->sets, by_layer);
  for (size_t i = 0; i < conditions->count; i++)
    a->set_of[i] =
        condition_runs(&conditions->list[i]) ? find(a, &conditions->list[i].heads) : SIZE_MAX;
}

static int allocate(struct ablation *a, struct error *error)
{
  size_t most = a->conditions->count + 1, n = (size_t)a->batch->n;
  if (!(a->sets = memory_alloc(most, sizeof *a->sets, "conditions", error)) ||
      !(a->set_of = memory_alloc(a->conditions->count, sizeof *a->set_of, "conditions", error)))
    return error->code;
  make_sets(a);
  a->targets = memory_zeroed(a->set_count, n * sizeof *a->targets, "conditions", error);
  for (size_t i = 0; a->targets && i < a->set_count * n; i++)
    target_start(&a->targets[i], a->batch->b[i % n]);
  return a->targets ? 0 : error->code;
}

int ablation_create(const struct conditions *conditions, const struct batch *batch,
                    struct ablation **ablation, struct error *error)
{
  struct ablation *a = memory_zeroed(1, sizeof *a, "conditions", error);
  *ablation = NULL;
  if (!a)
    return error->code;
  a->conditions = conditions;
  a->batch = batch;
  if (allocate(a, error))
    ablation_free(a);
  else
    *ablation = a;
  return error->code;
}

size_t ablation_done(const struct ablation *a)
{
  size_t done = (size_t)a->batch->n;
  for (size_t i = 0; i < a->set_count; i++)
    done = a->sets[i].done < done ? a->sets[i].done : done;
  return done;
}

const struct target *ablation_target(const struct ablation *a, size_t condition, size_t sequence)
{
  size_t set = a->set_of[condition];
  return set == SIZE_MAX ? NULL : &a->targets[set * (size_t)a->batch->n + sequence];
}

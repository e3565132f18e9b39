#include "study/selection.h"

#include "base/memory.h"
#include "trajectory/integral.h"

#include <stdlib.h>

bool selection_screens(const struct selection *selection)
{
  return !selection->heads && !selection->screened;
}

/* Induction heads whatever their best class, as published; of other classes, by their best. */
static int add_circuits(const struct selection *s, const struct revision *screened,
                        struct conditions *conditions, struct error *error)
{
  for (size_t i = 0; i < s->circuit_count; i++) {
    const struct threshold_circuit *c = &s->circuits[i];
    const struct circuit_rule rule = {screened->heads,
                                      (size_t)screened->n_layers * (size_t)screened->n_heads,
                                      c->class, c->class != CLASS_INDUCTION};
    if (conditions_add_threshold(conditions, &rule, c->threshold, s->published, &s->controls,
                                 error))
      return error->code;
  }
  return 0;
}

static int check_beyond(const struct conditions *conditions, struct error *error)
{
  size_t i = conditions_find_beyond(conditions);
  char name[HEAD_NAME_SIZE];
  if (i == conditions->count)
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: the model has no such head, but %zu layers of %zu, counted from 0; with "
                   "--as-published it is skipped silently",
                   head_name_format(&conditions->list[i].beyond.list[0], name),
                   conditions->grid.layers, conditions->grid.heads);
}

int selection_conditions(const struct selection *s, const struct head_grid *grid,
                         const struct revision *own, struct conditions *conditions,
                         struct error *error)
{
  *conditions = (struct conditions){.grid = *grid};
  if (conditions_add_baseline(conditions, error))
    return error->code;
  if (s->heads ? conditions_add_circuit(conditions, s->name, s->heads, &s->controls, error)
               : add_circuits(s, s->screened ? s->screened : own, conditions, error))
    return error->code;
  return s->as_published ? 0 : check_beyond(conditions, error);
}

int selection_top(const struct trajectory *t, size_t k, double floor, struct head_set *heads,
                  struct error *error)
{
  size_t count = t->count ? (size_t)t->revisions[0].n_layers * (size_t)t->revisions[0].n_heads : 0;
  if (k > count)
    return error_set(error, EXIT_INPUT, "--top-integral %zu: the trajectory has %zu heads", k,
                     count);
  struct ranked_head *ranked = memory_alloc(count, sizeof *ranked, "ranking", error);
  if (ranked && !integral_rank(t, floor, ranked, error) && !head_set_create(k, heads, error)) {
    for (size_t i = 0; i < k; i++)
      head_set_add(heads, (size_t)ranked[i].layer, (size_t)ranked[i].head);
    head_set_group(heads);
  }
  free(ranked);
  return error->code;
}

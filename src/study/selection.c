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
                   "%s: the model has no such head, but %s of %zu, counted from 0; with "
                   "--as-published it is skipped silently",
                   head_name_format(&conditions->list[i].beyond.list[0], name),
                   text_counted(conditions->grid.layers, "layer").text, conditions->grid.heads);
}

/* Figures name no checkpoint; what they do say is the shape of their model. */
static int check_shape(const struct selection *s, const struct head_grid *grid, struct error *error)
{
  const struct revision *r = s->screened;
  if (!r || s->as_published ||
      ((size_t)r->n_layers == grid->layers && (size_t)r->n_heads == grid->heads))
    return 0;
  return error_set(error, EXIT_INPUT,
                   "has %s of %s, and the model whose figures choose heads (%s) %d "
                   "of %d: it is another one; with --as-published heads that are missing here are "
                   "skipped silently",
                   text_counted(grid->layers, "layer").text, text_counted(grid->heads, "head").text,
                   *r->name ? r->name : "a CSV file", r->n_layers, r->n_heads);
}

int selection_conditions(const struct selection *s, const struct head_grid *grid,
                         const struct revision *own, struct conditions *conditions,
                         struct error *error)
{
  *conditions = (struct conditions){.grid = *grid};
  if (check_shape(s, grid, error) || conditions_add_baseline(conditions, error))
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
    return error_set(error, EXIT_INPUT, "--top-integral %zu: the trajectory has %s", k,
                     text_counted(count, "head").text);
  struct ranked_head *ranked = memory_alloc(count, sizeof *ranked, "ranking", error);
  if (ranked && !integral_rank(t, floor, ranked, error) && k && !(ranked[k - 1].integral > 0))
    error_set(
        error, EXIT_INPUT,
        "--top-integral %zu: fewer heads have an integral above 0, and the order of the others "
        "says nothing; the last revision has seen %.0f tokens: a --floor below that, or a "
        "smaller number",
        k, 1e9 * t->revisions[t->count - 1].tokens);
  if (ranked && !error->code && !head_set_create(k, heads, error)) {
    for (size_t i = 0; i < k; i++)
      head_set_add(heads, (size_t)ranked[i].layer, (size_t)ranked[i].head);
    head_set_group(heads);
  }
  free(ranked);
  return error->code;
}

#include "circuit/control.h"

#include "base/memory.h"

#include <stdlib.h>

const double control_stream_thresholds[CONTROL_STREAM_THRESHOLDS] = {2, 10, 30, 50, 100};

int control_stream_index(double threshold, size_t *index, struct error *error)
{
  for (*index = 0; *index < CONTROL_STREAM_THRESHOLDS; ++*index)
    if (control_stream_thresholds[*index] == threshold)
      return 0;
  return error_set(error, EXIT_INPUT,
                   "threshold %.15g: the published stream is drawn for 2, 10, 30, 50 and 100",
                   threshold);
}

const char *control_name(enum control control)
{
  static const char *const names[CONTROLS] = {"baseline", "circuit", "matched-random", "any-layer",
                                              "upper-bound"};
  return names[control];
}

bool control_is_random(enum control control)
{
  return control == CONTROL_MATCHED_RANDOM || control == CONTROL_ANY_LAYER;
}

int circuit_choose(const struct circuit_rule *rule, double threshold, struct head_set *circuit,
                   struct error *error)
{
  if (head_set_create(rule->count, circuit, error))
    return error->code;
  for (size_t i = 0; i < rule->count; i++) {
    const struct head_row *row = &rule->rows[i];
    if (row->selectivity[rule->class] >= threshold && (!rule->best || row->class == rule->class))
      head_set_add(circuit, (size_t)row->layer, (size_t)row->head);
  }
  return 0;
}

/* NumPy's legacy choice(eligible, size, replace=False): the first of a permutation. The chosen ones
 * are added in ascending order. */
static int choose(struct random *stream, const struct head_set *eligible, size_t size,
                  struct head_set *control, struct error *error)
{
  size_t first = control->count;
  int32_t *order = memory_alloc(eligible->count, sizeof *order, "controls", error);
  if (!order)
    return error->code;
  random_permutation(stream, order, (int32_t)eligible->count);
  for (size_t i = 0; i < size; i++)
    control->list[control->count++] = eligible->list[order[i]];
  free(order);
  head_set_sort(control, first);
  return 0;
}

/* Adds the heads of a layer that are not in the set. */
static void add_others(const struct head_set *set, const struct head_grid *grid, size_t layer,
                       struct head_set *others)
{
  for (size_t head = 0; layer < grid->layers && head < grid->heads; head++)
    if (!head_set_has(set, layer, head))
      head_set_add(others, layer, head);
}

static size_t picked_of(const struct head_set *circuit, size_t layer)
{
  size_t picked = 0;
  for (size_t i = 0; i < circuit->count; i++)
    picked += circuit->list[i].layer == layer;
  return picked;
}

int control_matched_random(const struct head_set *circuit, const struct head_grid *grid,
                           struct random *stream, struct head_set *control, struct error *error)
{
  struct head_set eligible = {0};
  int status = head_set_create(circuit->count, control, error) ||
               head_set_create(grid->heads, &eligible, error);
  for (size_t i = 0; i < circuit->count && !status; i++) {
    size_t layer = circuit->list[i].layer, picked = picked_of(circuit, layer);
    if (!head_set_new_layer(circuit, i))
      continue;
    eligible.count = 0;
    add_others(circuit, grid, layer, &eligible);
    if (eligible.count)
      status = choose(stream, &eligible, picked < eligible.count ? picked : eligible.count, control,
                      error);
  }
  head_set_free(&eligible);
  return status ? error->code : 0;
}

int control_any_layer(const struct head_set *circuit, const struct head_grid *grid,
                      struct random *stream, struct head_set *control, struct error *error)
{
  struct head_set eligible = {0};
  int status = head_set_create(circuit->count, control, error) ||
               head_set_create(grid->layers * grid->heads, &eligible, error);
  for (size_t layer = 0; layer < grid->layers && !status; layer++)
    add_others(circuit, grid, layer, &eligible);
  if (!status && circuit->count && circuit->count <= eligible.count)
    status = choose(stream, &eligible, circuit->count, control, error);
  head_set_free(&eligible);
  return status ? error->code : 0;
}

int control_upper_bound(const struct head_set *circuit, const struct head_grid *grid,
                        struct head_set *control, struct error *error)
{
  const struct head_set none = {0};
  if (head_set_create(grid->layers * grid->heads, control, error))
    return error->code;
  for (size_t i = 0; i < circuit->count; i++)
    if (head_set_new_layer(circuit, i))
      add_others(&none, grid, circuit->list[i].layer, control);
  head_set_sort(control, 0);
  return 0;
}

int control_published(const struct circuit_rule *rule, const struct head_grid *grid, size_t index,
                      uint32_t seed, struct head_set *control, struct error *error)
{
  struct random stream;
  random_seed(&stream, seed);
  for (size_t i = 0; i <= index && !error->code; i++) {
    struct head_set circuit = {0};
    head_set_free(control);
    if (!circuit_choose(rule, control_stream_thresholds[i], &circuit, error))
      control_matched_random(&circuit, grid, &stream, control, error);
    head_set_free(&circuit);
  }
  return error->code;
}

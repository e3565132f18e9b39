#include "circuit/condition.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

bool condition_runs(const struct condition *condition)
{
  return condition->control == CONTROL_BASELINE || condition->heads.count ||
         condition->beyond.count;
}

static void condition_free(struct condition *condition)
{
  free(condition->name);
  head_set_free(&condition->heads);
  head_set_free(&condition->beyond);
}

void conditions_free(struct conditions *conditions)
{
  for (size_t i = 0; i < conditions->count; i++)
    condition_free(&conditions->list[i]);
  free(conditions->list);
  *conditions = (struct conditions){.grid = conditions->grid};
}

static int make_room(struct conditions *all, struct error *error)
{
  struct condition *list =
      memory_grow(all->list, all->count + 1, &all->capacity, sizeof *list, "conditions", error);
  if (!list)
    return error->code;
  all->list = list;
  return 0;
}

/* Parts what the model has from what it lacks. */
static int sort_out(const struct head_set *set, const struct head_grid *grid,
                    struct condition *condition, struct error *error)
{
  if (head_set_create(set->count, &condition->heads, error) ||
      head_set_create(set->count, &condition->beyond, error))
    return error->code;
  for (size_t i = 0; i < set->count; i++) {
    const struct head_name *head = &set->list[i];
    bool there = head->layer < grid->layers && head->head < grid->heads;
    head_set_add(there ? &condition->heads : &condition->beyond, head->layer, head->head);
  }
  return 0;
}

/* Adds `like` with a copy of its name and with these heads. */
static int add(struct conditions *all, const struct condition *like, const struct head_set *heads,
               struct error *error)
{
  struct condition condition = *like;
  size_t length = strlen(like->name) + 1;
  if (make_room(all, error) || !(condition.name = memory_alloc(length, 1, "conditions", error)))
    return error->code;
  memcpy(condition.name, like->name, length);
  if (sort_out(heads, &all->grid, &condition, error))
    condition_free(&condition);
  else
    all->list[all->count++] = condition;
  return error->code;
}

int conditions_add_baseline(struct conditions *conditions, struct error *error)
{
  static char none[] = "none";
  return add(conditions, &(struct condition){.name = none}, &(struct head_set){0}, error);
}

/* A circuit on its way in. */
struct arrival {
  struct conditions *all;
  char *name;
  const struct head_set *circuit;
  const struct circuit_rule *published; /* controls come from the published stream; NULL = fresh */
  size_t index;                         /* of the threshold there */
};

static int draw(const struct arrival *a, const struct condition *like, struct head_set *control,
                struct error *error)
{
  const struct head_grid *grid = &a->all->grid;
  struct random stream;
  random_seed(&stream, like->seed);
  if (like->published)
    return control_published(a->published, grid, a->index, like->seed, control, error);
  if (like->control == CONTROL_MATCHED_RANDOM)
    return control_matched_random(a->circuit, grid, &stream, control, error);
  if (like->control == CONTROL_ANY_LAYER)
    return control_any_layer(a->circuit, grid, &stream, control, error);
  return control_upper_bound(a->circuit, grid, control, error);
}

static int add_control(const struct arrival *a, enum control control, uint32_t seed,
                       struct error *error)
{
  const struct condition like = {.name = a->name,
                                 .control = control,
                                 .seed = seed,
                                 .published = control == CONTROL_MATCHED_RANDOM && a->published};
  struct head_set heads = {0};
  if (!draw(a, &like, &heads, error))
    add(a->all, &like, &heads, error);
  head_set_free(&heads);
  return error->code;
}

static int add_all(const struct arrival *a, const struct control_choice *choice,
                   struct error *error)
{
  const struct condition circuit = {.name = a->name, .control = CONTROL_CIRCUIT};
  int status = add(a->all, &circuit, a->circuit, error);
  for (int control = CONTROL_MATCHED_RANDOM; control < CONTROLS && !status; control++) {
    size_t times = control_is_random((enum control)control) ? choice->seed_count : 1;
    for (size_t i = 0; choice->wanted[control] && i < times && !status; i++)
      status = add_control(a, (enum control)control,
                           control_is_random((enum control)control) ? choice->seeds[i] : 0, error);
  }
  return status;
}

int conditions_add_circuit(struct conditions *conditions, const char *name,
                           const struct head_set *circuit, const struct control_choice *choice,
                           struct error *error)
{
  char shown[80];
  text_escape(shown, sizeof shown, name);
  return add_all(&(struct arrival){.all = conditions, .name = shown, .circuit = circuit}, choice,
                 error);
}

int conditions_add_threshold(struct conditions *conditions, const struct circuit_rule *rule,
                             double threshold, bool published, const struct control_choice *choice,
                             struct error *error)
{
  struct head_set circuit = {0};
  struct text name = {0};
  size_t index = 0;
  text_add(&name, "%s>=%.15g", head_class_name(rule->class), threshold);
  if (name.failed)
    error_set(error, EXIT_RUN, "conditions: out of memory");
  else if ((!published || !control_stream_index(threshold, &index, error)) &&
           !circuit_choose(rule, threshold, &circuit, error))
    add_all(&(struct arrival){conditions, name.data, &circuit, published ? rule : NULL, index},
            choice, error);
  head_set_free(&circuit);
  text_free(&name);
  return error->code;
}

size_t conditions_find_beyond(const struct conditions *conditions)
{
  size_t i = 0;
  while (i < conditions->count && !conditions->list[i].beyond.count)
    i++;
  return i;
}

/* The asserted figures of arXiv 2606.02378 and the trajectories that they are about. */
#include "claims/arxiv_2606_02378/assertion.h"

#include <string.h>

static const struct assertion *const lists[] = {ablation_assertions,    tasks_assertions,
                                                calibration_assertions, integral_assertions,
                                                sinks_assertions,       emergence_assertions};

static const struct trajectory *find_model(const struct facts *facts, const char *model)
{
  for (size_t i = 0; i < MODEL_COUNT; i++)
    if (facts->models[i] && strcmp(facts->models[i]->model, model) == 0)
      return facts->models[i];
  return NULL;
}

int claim_assertions(const struct subject *subject, const struct published_tables *tables)
{
  static const char *const models[MODEL_COUNT] = {PYTHIA, OLMO, OLMOE};
  struct facts facts = {{NULL}};
  const struct claim_list *list = subject->list;
  for (size_t m = 0; m < MODEL_COUNT; m++)
    for (size_t i = 0; i < list->trajectory_count; i++)
      if (list->trajectories[i].kind == TRAJECTORY_PUBLISHED &&
          strcmp(list->trajectories[i].model, models[m]) == 0)
        facts.models[m] = &list->trajectories[i];
  const struct assertion_set set = {.lists = lists,
                                    .count = sizeof lists / sizeof *lists,
                                    .tables = tables,
                                    .facts = &facts,
                                    .find = find_model};
  return assertions_add(subject, &set);
}

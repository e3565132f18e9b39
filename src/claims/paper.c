#include "claims/paper.h"

#include <string.h>

const struct paper_model *paper_find_model(const struct paper *paper, const char *key)
{
  for (size_t i = 0; i < paper->model_count; i++)
    if (strcmp(paper->models[i].key, key) == 0)
      return &paper->models[i];
  return NULL;
}

const struct asserted *paper_find_asserted(const struct paper *paper, const char *model,
                                           const char *figure, const char *revision)
{
  for (const struct asserted *a = paper->asserted; a->id; a++)
    if (strcmp(a->figure, figure) == 0 && strcmp(a->revision, revision) == 0 &&
        (strcmp(a->model, model) == 0 || strcmp(a->model, ANY_MODEL) == 0))
      return a;
  return NULL;
}

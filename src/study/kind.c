#include "study/kind.h"

static const struct study_kind *const kinds[] = {&kind_tables, &kind_screens, &kind_circuits,
                                                 &kind_formation};

/* Every content of a manifest has a row above. */
const struct study_kind *kind_of(const struct manifest *manifest)
{
  size_t i = 0;
  while (kinds[i]->content != manifest->content)
    i++;
  return kinds[i];
}

#include "trajectory/trajectory.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"published", "trained", "real", "synthetic"};

const char *trajectory_kind_name(enum trajectory_kind kind)
{
  return kinds[kind];
}

int trajectory_kind_parse(const char *name, enum trajectory_kind *kind)
{
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(name, kinds[i]) == 0) {
      *kind = (enum trajectory_kind)i;
      return 0;
    }
  return EXIT_INPUT;
}

size_t trajectory_find(const struct trajectory *trajectory, const char *name)
{
  size_t r = 0;
  while (r < trajectory->count && strcmp(trajectory->revisions[r].name, name) != 0)
    r++;
  return r;
}

void trajectory_revision_free(struct revision *revision)
{
  free(revision->name);
  free(revision->heads);
  *revision = (struct revision){0};
}

void trajectory_free(struct trajectory *trajectory)
{
  for (size_t i = 0; i < trajectory->count; i++)
    trajectory_revision_free(&trajectory->revisions[i]);
  free(trajectory->revisions);
  free(trajectory->model);
  free(trajectory->source);
  free(trajectory->caveat);
  *trajectory = (struct trajectory){0};
}

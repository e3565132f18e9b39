#include "study/curves.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static int out_of_memory(struct error *error)
{
  return error_set(error, EXIT_RUN, "out of memory for curves");
}

/* Points of a curve mostly come one after the other: the last one is looked at first. */
static struct study_curve *find(const struct study_curves *curves, const char *model,
                                const char *figure, const char *name)
{
  for (size_t i = curves->count; i-- > 0;) {
    struct study_curve *curve = &curves->curves[i];
    if (strcmp(curve->name, name) == 0 && strcmp(curve->figure, figure) == 0 &&
        strcmp(curve->model, model) == 0)
      return curve;
  }
  return NULL;
}

static struct study_curve *begin(struct study_curves *curves, const char *model, const char *figure,
                                 const char *name)
{
  struct study_curve *more = realloc(curves->curves, (curves->count + 1) * sizeof *more);
  if (!more)
    return NULL;
  curves->curves = more;
  struct study_curve *curve = &more[curves->count++];
  *curve = (struct study_curve){strdup(model), strdup(figure), strdup(name), 0, 0, NULL};
  return curve->model && curve->figure && curve->name ? curve : NULL;
}

int study_curves_add(struct study_curves *curves, const char *model, const char *figure,
                     const char *name, double x, double y, struct error *error)
{
  struct study_curve *curve = find(curves, model, figure, name);
  if (!curve)
    curve = begin(curves, model, figure, name);
  if (!curve)
    return out_of_memory(error);
  double(*points)[2] =
      memory_room(curve->points, curve->count + 1, &curve->capacity, sizeof *points);
  if (!points)
    return out_of_memory(error);
  curve->points = points;
  curve->points[curve->count][0] = x;
  curve->points[curve->count++][1] = y;
  return 0;
}

void study_curves_free(struct study_curves *curves)
{
  for (size_t i = 0; i < curves->count; i++) {
    free(curves->curves[i].model);
    free(curves->curves[i].figure);
    free(curves->curves[i].name);
    free(curves->curves[i].points);
  }
  free(curves->curves);
  *curves = (struct study_curves){0};
}

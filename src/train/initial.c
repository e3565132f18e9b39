#include "train/initial.h"

#include <math.h>

static bool is_router(const struct parameters *p, const struct parameter *parameter)
{
  for (size_t i = 0; i < p->model.config.layers; i++)
    if (parameters_of(p, p->model.layers[i].router.weight) == parameter)
      return true;
  return false;
}

/* Of a layer's matrix, which some families store [in][out]. */
static size_t inputs_of(const struct parameters *p, const struct parameter *parameter)
{
  bool input_major = p->model.config.input_major;
  return input_major ? parameter->rows : parameter->columns;
}

static double deviation(const struct initial *initial, const struct parameters *p,
                        const struct parameter *parameter)
{
  double wide = initial->matrix / sqrt((double)inputs_of(p, parameter));
  if (parameters_of(p, p->model.embedding) == parameter ||
      parameters_of(p, p->model.positions) == parameter)
    return initial->embedding;
  if (parameters_of(p, p->model.lm_head.weight) == parameter)
    return initial->head;
  if (is_router(p, parameter))
    return initial->router;
  return parameter->kind == INVENTORY_RESIDUAL ? wide / sqrt(2.0 * (double)p->model.config.layers)
                                               : wide;
}

void initial_fill(const struct initial *initial, struct random *random, const struct parameters *p)
{
  for (size_t i = 0; i < p->count; i++) {
    const struct parameter *parameter = &p->list[i];
    bool drawn = parameter->kind == INVENTORY_MATRIX || parameter->kind == INVENTORY_RESIDUAL;
    double sd = drawn ? deviation(initial, p, parameter) : 0;
    for (size_t j = 0; j < parameter->elements; j++)
      parameter->values[j] = drawn ? (float)(sd * random_normal(random))
                             : parameter->kind == INVENTORY_NORM ? 1.0f
                                                                 : 0.0f;
  }
}

#include "few_shot/adam.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

int few_adam_create(double rate, double beta1, double beta2, double eps, size_t count,
                    struct few_adam *a, struct error *error)
{
  *a = (struct few_adam){.rate = rate, .beta1 = beta1, .beta2 = beta2, .eps = eps, .count = count};
  few_adam_resume(a, 0);
  a->m = memory_zeroed(count, 2 * sizeof *a->m, "moments", error);
  a->v = a->m ? a->m + count : NULL;
  return a->m ? 0 : error->code;
}

void few_adam_free(struct few_adam *a)
{
  free(a->m);
  *a = (struct few_adam){.count = 0};
}

void few_adam_resume(struct few_adam *a, uint64_t steps)
{
  a->power1 = a->power2 = 1;
  for (a->steps = 0; a->steps < steps; a->steps++) {
    a->power1 *= a->beta1;
    a->power2 *= a->beta2;
  }
}

void few_adam_step(struct few_adam *a, const struct kernels *kernels, const float *gradients,
                   float *parameters)
{
  a->steps++;
  a->power1 *= a->beta1;
  a->power2 *= a->beta2;
  const struct update update = {.clip = 1,
                                .keep = 1,
                                .rate = (float)(a->rate / (1 - a->power1)),
                                .b1 = (float)a->beta1,
                                .b1_rest = (float)(1 - a->beta1),
                                .b2 = (float)a->beta2,
                                .b2_rest = (float)(1 - a->beta2),
                                .root = (float)sqrt(1 - a->power2),
                                .eps = (float)a->eps};
  kernels->adam(&update, gradients, parameters, a->m, a->v, a->count);
}

double few_gradient_norm(const struct kernels *kernels, const struct few_sizes *sizes,
                         const float *gradients)
{
  double sum = 0;
  for (int i = 0; i < FEW_TENSORS; i++) {
    struct few_place place = few_place(sizes, (enum few_tensor)i);
    sum += kernels->square_sum(gradients + place.offset, place.rows * place.columns);
  }
  return sqrt(sum);
}

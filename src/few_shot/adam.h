/* Adam over a flat vector: the step of docs/TRAINING.md, without clip and decay. */
#ifndef ATTEST_FEW_SHOT_ADAM_H
#define ATTEST_FEW_SHOT_ADAM_H

#include "few_shot/layout.h"
#include "kernels.h"

struct few_adam {
  double rate, beta1, beta2, eps;
  size_t count;
  uint64_t steps;
  double power1, power2; /* beta^steps, by multiplication */
  float *m, *v;          /* [count]; m is owned, v stands behind it */
};

/* Moments are 0. Owner: the caller, few_adam_free. Errors: EXIT_RUN. */
int few_adam_create(double rate, double beta1, double beta2, double eps, size_t count,
                    struct few_adam *adam, struct error *error);
void few_adam_free(struct few_adam *adam);

/* Goes on after `steps` steps; m and v are for the caller to fill. */
void few_adam_resume(struct few_adam *adam, uint64_t steps);

/* One step: kernels.h, with rate / (1 - beta1^t) and sqrt(1 - beta2^t) in double, rounded once. */
void few_adam_step(struct few_adam *adam, const struct kernels *kernels, const float *gradients,
                   float *parameters);

/* The norm of all gradients: square_sum of each tensor, added in order, in double. */
double few_gradient_norm(const struct kernels *kernels, const struct few_sizes *sizes,
                         const float *gradients);

#endif

/* Optimizers: from gradients to new parameters, one step at a time.
 *
 * Step t: norm = sqrt of the sum of squares of all gradients, coefficient = min(1, clip / (norm +
 * 1e-6)); then for each element, as the kernels adam and sgd state it (simd/kernels.h): the
 * gradient is multiplied by the coefficient, the parameter by 1 - rate * decay if it decays
 * (model/parameters.h), and
 *   Adam, AdamW: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, both from 0;
 *     p = p - (rate / (1 - b1^t)) m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 *     (Kingma and Ba, arXiv 1412.6980; Loshchilov and Hutter, arXiv 1711.05101: decay apart).
 *     Adam is AdamW without decay.
 *   SGD: p = p - rate g.
 * Scalars are computed in double, b^t by t - 1 multiplications, and rounded once. The sum of
 * squares is in double: a row of a parameter by the kernel square_sum, rows added in order from +0,
 * the parameters in the order of their list. Neither threads nor instruction set changes a bit. */
#ifndef ATTEST_TRAIN_OPTIMIZER_H
#define ATTEST_TRAIN_OPTIMIZER_H

#include "base/threads.h"
#include "kernels.h"
#include "model/parameters.h"

enum optimizer_method { METHOD_ADAMW, METHOD_ADAM, METHOD_SGD };

struct optimizer_settings {
  enum optimizer_method method;
  double beta1, beta2, eps; /* not of SGD */
  double weight_decay;      /* not of Adam */
  double clip;              /* of the gradients' norm; 0 = none */
};

struct optimizer {
  struct optimizer_settings settings;
  const struct kernels *kernels;
  struct threads *threads;
  struct parameters *parameters;
  uint64_t steps;                 /* done */
  double power1, power2;          /* b1^steps, b2^steps */
  float *m, *v;                   /* moments, laid out as the parameters' values; NULL for SGD */
  struct optimizer_piece *pieces; /* what a thread takes at a time */
  size_t piece_count;
  double *squares; /* of every row */
};

/* Kernels, threads and parameters are borrowed. Moments are 0. Owner: the caller, optimizer_free,
 * also after an error. Errors: EXIT_RUN. */
int optimizer_create(const struct optimizer_settings *settings, const struct kernels *kernels,
                     struct threads *threads, struct parameters *parameters,
                     struct optimizer *optimizer, struct error *error);
void optimizer_free(struct optimizer *optimizer);

/* Bytes that optimizer_create takes for moments and sums. */
uint64_t optimizer_bytes(const struct optimizer_settings *settings,
                         const struct model_config *config);

/* Goes on after `steps` steps; m and v are for the caller to fill. */
void optimizer_resume(struct optimizer *optimizer, uint64_t steps);

/* The moments of a parameter, [elements]; not of SGD. */
float *optimizer_m(const struct optimizer *optimizer, const struct parameter *parameter);
float *optimizer_v(const struct optimizer *optimizer, const struct parameter *parameter);

/* The norm of all gradients, which is not finite exactly when one of them is not. */
double optimizer_norm(const struct optimizer *optimizer);

/* One step from the gradients, whose norm this is. Whether the parameters stayed finite is for the
 * caller to see. */
void optimizer_step(struct optimizer *optimizer, double rate, double norm);

/* min(1, clip / (norm + 1e-6)); 1 without clip. */
double optimizer_coefficient(const struct optimizer_settings *settings, double norm);

#endif

/* Rotary position embedding: tables of cos and sin. */
#ifndef ATTEST_PASS_ROPE_H
#define ATTEST_PASS_ROPE_H

#include "base/error.h"
#include "model/config.h"

#include <stddef.h>

struct rope {
  size_t half;          /* rotated pairs = rotary dimensions / 2; 0 = no rotation */
  float *cosine, *sine; /* [positions][half], one buffer owned by `cosine` */
};

/* angle(position, i) = position * frequency(i), i < dims / 2, computed in double with SLEEF's
 * reproducible functions; cosines and sines, times yarn's attention factor, are rounded once to
 * fp32. frequency(i) = base^(-2i / dims), changed by the type of scaling as transformers does:
 *   dynamic  not at all, up to the model's context
 *   linear   / factor
 *   llama3   / factor where the wave is longer than original_context / low_freq, unchanged where it
 *            is shorter than original_context / high_freq, mixed between
 *   yarn     / factor for slow dimensions, unchanged for fast ones, a ramp between the dimensions
 *            that turn beta_fast and beta_slow times over the original context (Peng et al. 2023,
 *            arXiv 2309.00071); attention factor 0.1 ln(factor) + 1, or as stated
 * Owner: the caller, rope_free. Errors: EXIT_INPUT (dynamic, past the context), EXIT_RUN. */
int rope_create(struct rope *rope, const struct model_config *config, size_t positions,
                struct error *error);
void rope_free(struct rope *rope);

/* The frequencies [rotary_dims / 2] in radians a position; returns the attention factor. */
double rope_frequencies(const struct model_config *config, double *frequencies);

#endif

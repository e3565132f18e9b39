/* Rotary position embedding: tables of cos and sin. */
#ifndef ATTEST_PASS_ROPE_H
#define ATTEST_PASS_ROPE_H

#include "base/error.h"

#include <stddef.h>

struct rope {
  size_t half;          /* rotated pairs = rotary dimensions / 2 */
  float *cosine, *sine; /* [positions][half], one buffer owned by `cosine` */
};

/* angle(position, i) = position * base^(-2i / dims), i < dims / 2, computed in double with SLEEF's
 * reproducible pow, sin and cos and rounded once to fp32. Owner: the caller, rope_free. Errors:
 * EXIT_RUN. */
int rope_create(struct rope *rope, size_t positions, size_t dims, double base, struct error *error);
void rope_free(struct rope *rope);

#endif

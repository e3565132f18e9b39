/* What logits say of one token: its rank among the first five, its logit, the cross-entropy. */
#ifndef ATTEST_CIRCUIT_TARGET_H
#define ATTEST_CIRCUIT_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET_TOP 5

/* Of the logits seen so far. */
struct target {
  double peak, sum; /* the largest, and sum exp(logit - peak) */
  float logit;      /* the token's own */
  int32_t token;
  float top[TARGET_TOP]; /* the largest, descending; of equal ones the lower token first */
  int32_t top_token[TARGET_TOP];
};

void target_start(struct target *target, int32_t token);

/* Adds the logits of tokens [first, first + count), in ascending order. The sum in double, one
 * logit after the other: of a new peak, sum = fma(sum, exp(old peak - logit), 1), of any other
 * sum += exp(logit - peak); exp is SLEEF's finz purecfma, so the bits do not depend on the cut. */
void target_add(struct target *target, size_t first, size_t count, const float *logits);

/* Tokens with a larger logit, and lower ones with the same; TARGET_TOP when there are as many or
 * more. */
int32_t target_rank(const struct target *target);

/* peak + ln(sum exp(logit - peak)) - the token's logit. */
double target_cross_entropy(const struct target *target);

#endif

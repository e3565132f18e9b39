/* What the parts of the check share. */
#ifndef ATTEST_SIMD_CHECK_PART_H
#define ATTEST_SIMD_CHECK_PART_H

#include "cases.h"
#include "check.h"

struct check {
  const struct kernels *k;
  uint64_t state; /* of the random numbers */
  struct kernels_outcome outcome;
};

uint32_t check_random(struct check *check);

/* A number from `least` to `most`. */
size_t check_size(struct check *check, size_t least, size_t most);

/* Tame numbers are uniform within +-4. The others are, too, for the most part, but now and then
 * tiny, large, zero or minus zero; never so large that a sum overflows. */
void check_fill(struct check *check, bool tame, float *x, size_t n);

/* Counts a comparison. */
void check_count(struct check *check, bool good);

/* Whether a result is as close to the one in double precision as the outcome's bound says. */
bool check_error(struct check *check, float result, double want, double size);

/* A case of a product. Returns false without memory. */
bool check_product(struct check *check, const struct product_case *product);

#endif

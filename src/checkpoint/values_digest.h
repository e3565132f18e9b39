/* The digest of a tensor's values, as they are or rounded. */
#ifndef ATTEST_CHECKPOINT_VALUES_DIGEST_H
#define ATTEST_CHECKPOINT_VALUES_DIGEST_H

#include "base/digest.h"
#include "base/error.h"
#include "checkpoint/checkpoint.h"

struct values_digest {
  uint8_t bytes[DIGEST_XXH3_BYTES]; /* of the fp32 values in row-major order */
  bool constant;                    /* all elements are equal (0 and -0 are) */
  bool finite;
  uint64_t not_finite; /* the first element that is not a number, where not all are finite */
};

/* Of a tensor of F64, F32, BF16 or F16 with elements, its values rounded to `as`: DTYPE_F32 (which
 * changes only those of F64), DTYPE_F16 or DTYPE_BF16. Not finite is what the tensor holds, not
 * what rounding makes of it. Errors: EXIT_RUN. */
int values_digest(const struct tensor *tensor, enum dtype as, struct values_digest *digest,
                  struct error *error);

#endif

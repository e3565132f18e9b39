/* The inside of an ablation, shared by its files. */
#ifndef ATTEST_CIRCUIT_ABLATION_STATE_H
#define ATTEST_CIRCUIT_ABLATION_STATE_H

#include "circuit/ablation.h"

/* Distinct heads that conditions ablate. The first set is empty: the baseline, computed anyway. The
 * others ascend by their first layer. */
struct ablated {
  const struct head_set *heads; /* a condition's; NULL for the baseline */
  size_t first_layer;
  size_t done; /* sequences */
};

struct ablation {
  const struct conditions *conditions;
  const struct batch *batch;
  struct ablated *sets;   /* [set_count] */
  size_t *set_of;         /* [conditions->count]; SIZE_MAX = not run */
  struct target *targets; /* [set_count][batch->n] */
  size_t set_count;
};

#endif

/* The parameters of a screen (docs/PROTOCOL.md). */
#ifndef ATTEST_PROBE_PROTOCOL_H
#define ATTEST_PROBE_PROTOCOL_H

#include <stdint.h>

struct protocol {
  int64_t n;        /* sequences */
  int64_t seq_len;  /* T, tokens a sequence */
  int64_t vocab_lo; /* token ids are drawn from [vocab_lo, vocab_hi) */
  int64_t vocab_hi;
  int64_t seed;       /* of the batch, 0 .. 2^32-1 */
  int64_t pr_n;       /* sequences that enter the participation ratio: min(pr_n, n) */
  int64_t baseline_n; /* baseline positions */
  int64_t bos;        /* token id put at position 0, -1 = none (as published) */
};

/* n 2000, T 256, ids [100, 10000), seed 42, PR over 500, 50 baseline positions, no BOS. */
#define PROTOCOL_PUBLISHED ((struct protocol){2000, 256, 100, 10000, 42, 500, 50, -1})

#endif

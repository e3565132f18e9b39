/* Fused multiply-adds from registers alone: what no kernel of an instruction set can exceed. */
#ifndef ATTEST_SIMD_PEAK_H
#define ATTEST_SIMD_PEAK_H

#include "kernels.h"

struct peak {
  double flop; /* a step's floating-point operations; a fused multiply-add counts as two */
  /* Takes `steps` steps of many independent chains x = fma(x, 1/2, 1), enough of them to hide the
   * latency of the unit. Reads and writes no memory in between. Returns the sum of the chains, so
   * that no compiler leaves them out. */
  float (*run)(size_t steps);
};

extern const struct peak peak_scalar, peak_avx2, peak_avx512, peak_neon;

/* The peak loop of kernels that this CPU can run (kernels_available). */
const struct peak *peak_of(const struct kernels *kernels);

#endif

#include "peak.h"

const struct peak *peak_of(const struct kernels *kernels)
{
  switch (kernels->isa) {
#if defined(__x86_64__)
  case ISA_AVX2:
    return &peak_avx2;
  case ISA_AVX512:
    return &peak_avx512;
#endif
#if defined(__aarch64__)
  case ISA_NEON:
    return &peak_neon;
#endif
  default:
    return &peak_scalar;
  }
}

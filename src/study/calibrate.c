#include "study/calibrate.h"

#include "base/memory.h"
#include "base/progress.h"
#include "gemm.h"

#include <stdlib.h>

#define SIDE 512

double calibrate_gflops(const struct runtime *runtime, double seconds)
{
  struct error ignored;
  const struct kernels *k = runtime->kernels;
  float *a =
      memory_zeroed(gemm_packed_floats(SIDE, SIDE, k->mr), sizeof *a, "calibration", &ignored);
  float *b = memory_zeroed(gemm_packed_floats(SIDE, SIDE, gemm_nr(k, SIDE)), sizeof *b,
                           "calibration", &ignored);
  float *c = memory_zeroed(SIDE * SIDE, sizeof *c, "calibration", &ignored);
  double work = 0, start = progress_clock(), elapsed = 0;
  while (a && b && c && elapsed < seconds) {
    gemm_run(&(struct gemm){.kernels = k,
                            .m = SIDE,
                            .n = SIDE,
                            .k = SIDE,
                            .a = a,
                            .b = b,
                            .b_n = SIDE,
                            .b_k = SIDE,
                            .c = c,
                            .ldc = SIDE},
             runtime->threads);
    work += 2e-9 * SIDE * SIDE * SIDE;
    elapsed = progress_clock() - start;
  }
  free(a);
  free(b);
  free(c);
  return elapsed > 0 ? work / elapsed : 0;
}

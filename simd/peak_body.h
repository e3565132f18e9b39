/* The peak loop, written once; a file that includes this has defined the vector and its operations,
 * PEAK_CHAINS of them at a time and the name of the table entry. The chains converge to 2, far from
 * overflow and subnormal numbers. */
#include <stddef.h>

#define PEAK_REPEATS 8 /* multiply-adds a chain and step: hides the loop's own instructions */

static float peak_run(size_t steps)
{
  PEAK_VECTOR chain[PEAK_CHAINS], half = PEAK_SET1(0.5f), one = PEAK_SET1(1.0f);
  float out[PEAK_LANES], sum = 0.0f;
#pragma GCC unroll 32
  for (int i = 0; i < PEAK_CHAINS; i++)
    chain[i] = PEAK_SET1((float)i);
  for (size_t step = 0; step < steps; step++) {
#pragma GCC unroll 8
    for (int repeat = 0; repeat < PEAK_REPEATS; repeat++)
#pragma GCC unroll 32
      for (int i = 0; i < PEAK_CHAINS; i++)
        chain[i] = PEAK_FMA(chain[i], half, one);
  }
#pragma GCC unroll 32
  for (int i = 0; i < PEAK_CHAINS; i++) {
    PEAK_STORE(out, chain[i]);
    for (int lane = 0; lane < PEAK_LANES; lane++)
      sum += out[lane];
  }
  return sum;
}

const struct peak PEAK_NAME = {2.0 * PEAK_REPEATS * PEAK_CHAINS * PEAK_LANES, peak_run};

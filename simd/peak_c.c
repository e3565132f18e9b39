/* What the compiler makes of plain C: it may use vectors here as it does in kernels_c.c. */
#include "peak.h"

#include <math.h>

#define CHAINS 64

static float run(size_t steps)
{
  float chain[CHAINS], sum = 0.0f;
  for (int i = 0; i < CHAINS; i++)
    chain[i] = (float)i;
  for (size_t step = 0; step < steps; step++)
    for (int i = 0; i < CHAINS; i++)
      chain[i] = fmaf(chain[i], 0.5f, 1.0f);
  for (int i = 0; i < CHAINS; i++)
    sum += chain[i];
  return sum;
}

const struct peak peak_scalar = {2.0 * CHAINS, run};

/* Partial vectors by way of memory, where an instruction set has no masked load and store. Included
 * after v16_load and v16_store. */
#include <string.h>

static inline v16 v16_load_part(const float *p, size_t n, v16 fill)
{
  float lanes[16];
  v16_store(lanes, fill);
  memcpy(lanes, p, n * sizeof *p);
  return v16_load(lanes);
}
static inline void v16_store_part(float *p, size_t n, v16 x)
{
  float lanes[16];
  v16_store(lanes, x);
  memcpy(p, lanes, n * sizeof *p);
}

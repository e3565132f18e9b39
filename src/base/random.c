#include "base/random.h"

#include "sleef_scalar.h"

#include <math.h>

#define SHIFT 397 /* the m of MT19937 */

void random_seed(struct random *random, uint32_t seed)
{
  for (uint32_t i = 0; i < RANDOM_WORDS; i++) {
    random->state[i] = seed;
    seed = 1812433253u * (seed ^ (seed >> 30)) + i + 1;
  }
  random->next = RANDOM_WORDS;
  random->has_normal = false;
}

static uint32_t twist(uint32_t upper, uint32_t lower, uint32_t far)
{
  uint32_t y = (upper & 0x80000000u) | (lower & 0x7fffffffu);
  return far ^ (y >> 1) ^ (0x9908b0dfu & (0u - (lower & 1u)));
}

static void renew(struct random *random)
{
  uint32_t *s = random->state;
  int i = 0;
  for (; i < RANDOM_WORDS - SHIFT; i++)
    s[i] = twist(s[i], s[i + 1], s[i + SHIFT]);
  for (; i < RANDOM_WORDS - 1; i++)
    s[i] = twist(s[i], s[i + 1], s[i + SHIFT - RANDOM_WORDS]);
  s[i] = twist(s[i], s[0], s[SHIFT - 1]);
  random->next = 0;
}

uint32_t random_u32(struct random *random)
{
  if (random->next == RANDOM_WORDS)
    renew(random);
  uint32_t y = random->state[random->next++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

uint32_t random_interval(struct random *random, uint32_t max)
{
  if (max == 0)
    return 0;
  uint32_t mask = UINT32_MAX >> __builtin_clz(max), value;
  do
    value = random_u32(random) & mask;
  while (value > max);
  return value;
}

int64_t random_integer(struct random *random, int64_t low, int64_t high)
{
  return low + (int64_t)random_interval(random, (uint32_t)(high - low - 1));
}

double random_uniform(struct random *random)
{
  uint32_t high = random_u32(random) >> 5, low = random_u32(random) >> 6;
  return ((double)high * 0x1p26 + (double)low) * 0x1p-53;
}

double random_normal(struct random *random)
{
  double x, y, square;
  if (random->has_normal) {
    random->has_normal = false;
    return random->normal;
  }
  do {
    x = 2.0 * random_uniform(random) - 1.0;
    y = 2.0 * random_uniform(random) - 1.0;
    square = x * x + y * y;
  } while (square >= 1.0 || square == 0.0);
  double factor = sqrt(-2.0 * Sleef_finz_logd1_u10purecfma(square) / square);
  random->has_normal = true;
  random->normal = factor * x;
  return factor * y;
}

double random_exponential(struct random *random)
{
  return -Sleef_finz_logd1_u10purecfma(1.0 - random_uniform(random));
}

void random_permutation(struct random *random, int32_t *out, int32_t n)
{
  for (int32_t i = 0; i < n; i++)
    out[i] = i;
  for (int32_t i = n - 1; i > 0; i--) {
    uint32_t j = random_interval(random, (uint32_t)i);
    int32_t last = out[i];
    out[i] = out[j];
    out[j] = last;
  }
}

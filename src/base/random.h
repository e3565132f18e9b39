/* NumPy's legacy generator RandomState(seed), draw for draw: MT19937 (Matsumoto and Nishimura
 * 1998) with the bounded integers of NumPy's legacy distributions (masked rejection), its uniform
 * doubles, normals and exponentials. */
#ifndef ATTEST_BASE_RANDOM_H
#define ATTEST_BASE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#define RANDOM_WORDS 624

struct random {
  uint32_t state[RANDOM_WORDS];
  int next; /* word to hand out; RANDOM_WORDS = make new ones first */
  bool has_normal;
  double normal; /* the second of a pair, for the next call of random_normal */
};

/* RandomState(seed): init_genrand. */
void random_seed(struct random *random, uint32_t seed);

/* The next 32-bit output. */
uint32_t random_u32(struct random *random);

/* Uniform in [0, max]: 32-bit outputs under the smallest mask 2^k - 1 >= max until one fits;
 * max = 0 draws nothing. This is the step of a legacy permutation. */
uint32_t random_interval(struct random *random, uint32_t max);

/* randint(low, high): uniform in [low, high), 0 < high - low <= 2^32. */
int64_t random_integer(struct random *random, int64_t low, int64_t high);

/* random_sample(): uniform in [0, 1), a multiple of 2^-53, from two outputs. */
double random_uniform(struct random *random);

/* randn(): standard normal by Marsaglia's polar method, which makes two at a time. Its logarithm is
 * Sleef_finz_logd1_u10purecfma; NumPy's is the C library's, which may differ in the last bit, and
 * so may the number. What is drawn from the stream is the same. */
double random_normal(struct random *random);

/* standard_exponential(): of mean 1. Its logarithm as above. */
double random_exponential(struct random *random);

/* permutation(n): Fisher-Yates from the last position down. out[n], n >= 0. */
void random_permutation(struct random *random, int32_t *out, int32_t n);

#endif

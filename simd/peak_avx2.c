/* Twelve chains: two units with a latency of four to five cycles, and sixteen registers. */
#include "peak.h"

#include <immintrin.h>

#define PEAK_VECTOR __m256
#define PEAK_LANES 8
#define PEAK_CHAINS 12
#define PEAK_SET1(x) _mm256_set1_ps(x)
#define PEAK_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define PEAK_STORE(p, x) _mm256_storeu_ps(p, x)
#define PEAK_NAME peak_avx2
#include "peak_body.h"

/* Twenty-four chains, as many as the tile of the matrix product has. */
#include "peak.h"

#include <immintrin.h>

#define PEAK_VECTOR __m512
#define PEAK_LANES 16
#define PEAK_CHAINS 24
#define PEAK_SET1(x) _mm512_set1_ps(x)
#define PEAK_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define PEAK_STORE(p, x) _mm512_storeu_ps(p, x)
#define PEAK_NAME peak_avx512
#include "peak_body.h"

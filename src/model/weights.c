#include "model/weights.h"

#include "sleef_scalar.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

/* Standard deviation of the sum of four uniform 16-bit numbers: sqrt((65536^2 - 1) / 3). */
#define SUM_DEVIATION 37837.22723720648
#define SUM_MEAN 131070

/* What makes a parameter of a random sum. */
struct source {
  uint64_t key;
  float factor, offset;
};

static inline float draw(const struct source *source, uint64_t index)
{
  uint64_t z = source->key + (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  uint64_t pairs = (z & 0x0000FFFF0000FFFFu) + (z >> 16 & 0x0000FFFF0000FFFFu);
  int32_t sum = (int32_t)((pairs & 0xFFFFFFFFu) + (pairs >> 32)) - SUM_MEAN;
  return source->offset + source->factor * (float)sum;
}

static inline uint32_t bits_of(float x)
{
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline uint16_t to_bf16(float x)
{
  uint32_t bits = bits_of(x);
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* |x| <= 65504. Numbers below 2^-14 are multiples of 2^-24 in F16, which is what a sum with 0.5
 * rounds them to. */
static inline uint16_t to_f16(float x)
{
  uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000, size = bits & 0x7FFFFFFF;
  if (size < 0x38800000)
    return (uint16_t)(sign | (bits_of(0.5f + fabsf(x)) - 0x3F000000));
  size -= 0x38000000; /* the exponents' biases are 127 and 15 */
  return (uint16_t)(sign | ((size + 0xFFF + (size >> 13 & 1)) >> 13));
}

static void store(enum dtype dtype, float value, size_t at, void *to)
{
  if (dtype == DTYPE_F32)
    ((float *)to)[at] = value;
  else
    ((uint16_t *)to)[at] = dtype == DTYPE_BF16 ? to_bf16(value) : to_f16(value);
}

static void fill_parameter(const struct source *source, enum dtype dtype, uint64_t first,
                           size_t count, void *to)
{
  float *floats = to;
  uint16_t *halves = to;
  if (dtype == DTYPE_F32)
    for (size_t i = 0; i < count; i++)
      floats[i] = draw(source, first + i);
  else if (dtype == DTYPE_BF16)
    for (size_t i = 0; i < count; i++)
      halves[i] = to_bf16(draw(source, first + i));
  else
    for (size_t i = 0; i < count; i++)
      halves[i] = to_f16(draw(source, first + i));
}

static struct source source_of(const struct model_config *config, uint64_t seed,
                               const struct tensor *tensor, enum inventory_kind kind)
{
  double deviation = kind == INVENTORY_BIAS ? 0.002 : 0.02;
  if (kind == INVENTORY_RESIDUAL)
    deviation /= sqrt(2.0 * (double)config->layers);
  return (struct source){XXH3_64bits_withSeed(tensor->name, strlen(tensor->name), seed),
                         (float)(deviation / SUM_DEVIATION), kind == INVENTORY_NORM ? 1.0f : 0.0f};
}

/* Row q of the mask lets query q see the keys up to itself. */
static void fill_mask(size_t context, uint64_t first, size_t count, uint8_t *to)
{
  uint64_t query = first / context, key = first % context;
  for (size_t i = 0; i < count; i++) {
    to[i] = key <= query;
    if (++key == context) {
      key = 0;
      query++;
    }
  }
}

static void fill_frequencies(const struct model_config *config, enum dtype dtype, uint64_t first,
                             size_t count, void *to)
{
  for (size_t i = 0; i < count; i++) {
    double power = -2.0 * (double)(first + i) / (double)config->rotary_dims;
    store(dtype, (float)Sleef_finz_powd1_u10purecfma(config->rope_base, power), i, to);
  }
}

void weights_fill(const struct model_config *config, uint64_t seed, const struct tensor *tensor,
                  enum inventory_kind kind, uint64_t first, size_t count, void *to)
{
  if (kind == INVENTORY_MASK) {
    fill_mask(config->context, first, count, to);
  } else if (kind == INVENTORY_MASKED_BIAS) {
    store(tensor->dtype, -65504.0f, 0, to); /* a scalar */
  } else if (kind == INVENTORY_FREQUENCIES) {
    fill_frequencies(config, tensor->dtype, first, count, to);
  } else {
    struct source source = source_of(config, seed, tensor, kind);
    fill_parameter(&source, tensor->dtype, first, count, to);
  }
}

#include "checkpoint/values_digest.h"

#include "checkpoint/tensor_pages.h"
#include "pack_c.h"

#include <math.h>
#include <string.h>

#define PIECE 4096                       /* elements widened at a time */
#define STRETCH ((uint64_t)1024 * PIECE) /* elements after which pages are dropped */

static bool widen(const struct tensor *tensor, uint64_t first, size_t count, float *to)
{
  const uint8_t *from = (const uint8_t *)tensor->data + first * dtype_size(tensor->dtype);
  bool finite = true;
  if (tensor->dtype != DTYPE_F64)
    return widen_c(tensor->dtype == DTYPE_F32    ? GEMM_F32
                   : tensor->dtype == DTYPE_BF16 ? GEMM_BF16
                                                 : GEMM_F16,
                   from, count, to);
  for (size_t i = 0; i < count; i++) {
    double value;
    memcpy(&value, from + 8 * i, sizeof value);
    to[i] = (float)value;
    finite = finite && isfinite(value);
  }
  return finite;
}

static float round_bf16(float value)
{
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0x7FFFu + (bits >> 16 & 1)) & 0xFFFF0000u;
  memcpy(&value, &bits, sizeof bits);
  return value;
}

/* Normal halves have 10 bits of fraction; below 2^-14 they are multiples of 2^-24, which is the
 * spacing of floats between 0.5 and 1. */
static float round_f16(float value)
{
  uint32_t bits;
  if (fabsf(value) < 0x1p-14f)
    return copysignf((fabsf(value) + 0.5f) - 0.5f, value);
  memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0xFFFu + (bits >> 13 & 1)) & ~0x1FFFu;
  memcpy(&value, &bits, sizeof bits);
  return fabsf(value) < 0x1p16f ? value : copysignf(INFINITY, value);
}

static void round_all(float *values, size_t count, enum dtype as)
{
  for (size_t i = 0; as == DTYPE_F16 && i < count; i++)
    values[i] = round_f16(values[i]);
  for (size_t i = 0; as == DTYPE_BF16 && i < count; i++)
    values[i] = round_bf16(values[i]);
}

static bool all_equal(const float *values, size_t count, float to)
{
  bool equal = true;
  for (size_t i = 0; i < count; i++)
    equal &= values[i] == to;
  return equal;
}

static int add_all(const struct tensor *tensor, enum dtype as, struct digest_stream *stream,
                   struct values_digest *digest, struct error *error)
{
  float values[PIECE], start = 0;
  uint64_t dropped = 0;
  for (uint64_t first = 0; first < tensor->elements; first += PIECE) {
    uint64_t left = tensor->elements - first;
    size_t count = left < PIECE ? (size_t)left : PIECE;
    if (!widen(tensor, first, count, values) && digest->finite) {
      size_t bad = 0;
      while (isfinite(values[bad]))
        bad++;
      digest->finite = false;
      digest->not_finite = first + bad;
    }
    round_all(values, count, as);
    if (first == 0)
      start = values[0];
    digest->constant = digest->constant && all_equal(values, count, start);
    if (digest_stream_add(stream, values, count * sizeof *values, error))
      return error->code;
    if (first + count - dropped >= STRETCH) {
      tensor_drop_part(tensor, dropped, first + count - dropped);
      dropped = first + count;
    }
  }
  return 0;
}

int values_digest(const struct tensor *tensor, enum dtype as, struct values_digest *digest,
                  struct error *error)
{
  struct digest_stream *stream;
  if (digest_stream_start(&stream, error))
    return error->code;
  *digest = (struct values_digest){.constant = true, .finite = true};
  int status = add_all(tensor, as, stream, digest, error);
  tensor_drop(tensor);
  digest_stream_finish(stream, digest->bytes);
  return status;
}

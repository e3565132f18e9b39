#include "pass/rope.h"

#include "base/memory.h"
#include "sleef_scalar.h"

#include <math.h>
#include <stdlib.h>

#define TWO_PI 6.283185307179586

static double log_of(double x)
{
  return Sleef_finz_logd1_u10purecfma(x);
}

static double llama3(const struct rope_scaling *r, double frequency)
{
  double wave = TWO_PI / frequency, context = (double)r->original_context;
  if (wave < context / r->high_freq)
    return frequency;
  if (wave > context / r->low_freq)
    return frequency / r->factor;
  double smooth = (context / wave - r->low_freq) / (r->high_freq - r->low_freq);
  return (1 - smooth) * frequency / r->factor + smooth * frequency;
}

/* The dimension, of `dims`, that turns so many times over the original context. */
static double turning(const struct model_config *c, double turns)
{
  return (double)c->rotary_dims * log_of((double)c->rope.original_context / (turns * TWO_PI)) /
         (2 * log_of(c->rope_base));
}

static double yarn(const struct model_config *c, size_t pair, double frequency)
{
  const struct rope_scaling *r = &c->rope;
  double low = turning(c, r->beta_fast), high = turning(c, r->beta_slow);
  low = fmax(r->truncate ? floor(low) : low, 0);
  high = fmin(r->truncate ? ceil(high) : high, (double)c->rotary_dims - 1);
  high += low == high ? 0.001 : 0;
  double ramp = fmin(fmax(((double)pair - low) / (high - low), 0), 1);
  return frequency / r->factor * ramp + frequency * (1 - ramp);
}

static double mscale(double factor, double scale)
{
  return factor <= 1 ? 1 : 0.1 * scale * log_of(factor) + 1;
}

static double attention_factor(const struct rope_scaling *r)
{
  if (r->type != ROPE_YARN || r->attention_factor > 0)
    return r->type == ROPE_YARN ? r->attention_factor : 1;
  if (r->mscale > 0 && r->mscale_all > 0)
    return mscale(r->factor, r->mscale) / mscale(r->factor, r->mscale_all);
  return mscale(r->factor, 1);
}

double rope_frequencies(const struct model_config *c, double *frequencies)
{
  for (size_t i = 0; i < c->rotary_dims / 2; i++) {
    double power = -2.0 * (double)i / (double)c->rotary_dims;
    double frequency = Sleef_finz_powd1_u10purecfma(c->rope_base, power);
    frequencies[i] = c->rope.type == ROPE_LINEAR   ? frequency / c->rope.factor
                     : c->rope.type == ROPE_LLAMA3 ? llama3(&c->rope, frequency)
                     : c->rope.type == ROPE_YARN   ? yarn(c, i, frequency)
                                                   : frequency;
  }
  return attention_factor(&c->rope);
}

static void fill(struct rope *rope, const double *frequencies, double factor, size_t positions)
{
  for (size_t position = 0; position < positions; position++)
    for (size_t i = 0; i < rope->half; i++) {
      double angle = (double)position * frequencies[i];
      size_t at = position * rope->half + i;
      rope->cosine[at] = (float)(factor * Sleef_finz_cosd1_u10purecfma(angle));
      rope->sine[at] = (float)(factor * Sleef_finz_sind1_u10purecfma(angle));
    }
}

int rope_create(struct rope *rope, const struct model_config *c, size_t positions,
                struct error *error)
{
  size_t half = c->rotary_dims / 2;
  *rope = (struct rope){.half = half};
  if (c->rope.type == ROPE_DYNAMIC && positions > c->context)
    return error_set(
        error, EXIT_INPUT,
        "sequences of %zu tokens are longer than the context of %zu, past which rotary "
        "positions of type \"dynamic\" are not supported",
        positions, c->context);
  if (!half)
    return 0;
  double *frequencies = memory_alloc(half, sizeof *frequencies, "rotary table", error);
  rope->cosine =
      frequencies ? memory_alloc(2 * positions * half, sizeof(float), "rotary table", error) : NULL;
  if (rope->cosine) {
    rope->sine = rope->cosine + positions * half;
    double factor = rope_frequencies(c, frequencies);
    fill(rope, frequencies, factor, positions);
  }
  free(frequencies);
  return rope->cosine ? 0 : error->code;
}

void rope_free(struct rope *rope)
{
  free(rope->cosine);
  *rope = (struct rope){0};
}

#include "pass/rope.h"

#include "base/memory.h"
#include "sleef_scalar.h"

#include <stdlib.h>

int rope_create(struct rope *rope, size_t positions, size_t dims, double base, struct error *error)
{
  rope->half = dims / 2;
  size_t entries = positions * rope->half;
  rope->cosine = memory_alloc(2 * entries, sizeof(float), "rotary table", error);
  if (!rope->cosine)
    return error->code;
  rope->sine = rope->cosine + entries;
  for (size_t i = 0; i < rope->half; i++) {
    double frequency = Sleef_finz_powd1_u10purecfma(base, -2.0 * (double)i / (double)dims);
    for (size_t position = 0; position < positions; position++) {
      double angle = (double)position * frequency;
      rope->cosine[position * rope->half + i] = (float)Sleef_finz_cosd1_u10purecfma(angle);
      rope->sine[position * rope->half + i] = (float)Sleef_finz_sind1_u10purecfma(angle);
    }
  }
  return 0;
}

void rope_free(struct rope *rope)
{
  free(rope->cosine);
  *rope = (struct rope){0};
}

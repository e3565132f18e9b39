#include "few_shot/toy.h"

#include "base/random.h"

#include <string.h>

#define ENTRIES ((double)TOY_LENGTH * TOY_LENGTH * TOY_LENGTH)

void toy_draw(uint32_t seed, struct toy *toy)
{
  struct random random;
  random_seed(&random, seed);
  for (size_t f = 0; f < TOY_FACTORS; f++)
    for (size_t i = 0; i < TOY_LENGTH; i++)
      toy->truth[f][i] = random_normal(&random);
  for (size_t f = 0; f < TOY_FACTORS; f++)
    for (size_t i = 0; i < TOY_LENGTH; i++)
      toy->estimate[f][i] = random_normal(&random);
}

static void clamp(struct toy *toy, unsigned clamped)
{
  for (size_t f = 0; f < TOY_FACTORS; f++)
    if (clamped >> f & 1)
      memcpy(toy->estimate[f], toy->truth[f], sizeof toy->estimate[f]);
}

/* The sum of squares of the errors, and the sums of the gradients. */
static double add_errors(const struct toy *toy, double sums[TOY_FACTORS][TOY_LENGTH])
{
  const double *a = toy->estimate[0], *b = toy->estimate[1], *c = toy->estimate[2];
  double squares = 0;
  for (size_t i = 0; i < TOY_LENGTH; i++)
    for (size_t j = 0; j < TOY_LENGTH; j++) {
      double ab = a[i] * b[j], truth = toy->truth[0][i] * toy->truth[1][j];
      for (size_t k = 0; k < TOY_LENGTH; k++) {
        double error = ab * c[k] - truth * toy->truth[2][k];
        squares += error * error;
        sums[0][i] += error * (b[j] * c[k]);
        sums[1][j] += error * (a[i] * c[k]);
        sums[2][k] += error * ab;
      }
    }
  return squares;
}

void toy_descend(struct toy *toy, unsigned clamped, double rate, size_t steps, double *losses)
{
  clamp(toy, clamped);
  for (size_t step = 0; step < steps; step++) {
    double sums[TOY_FACTORS][TOY_LENGTH] = {{0}};
    losses[step] = 0.5 * (add_errors(toy, sums) / ENTRIES);
    for (size_t f = 0; f < TOY_FACTORS; f++)
      for (size_t i = 0; i < TOY_LENGTH && !(clamped >> f & 1); i++)
        toy->estimate[f][i] -= rate * (sums[f][i] / ENTRIES);
  }
}

double toy_plateau_loss(const struct toy *toy)
{
  double sums[TOY_FACTORS][TOY_LENGTH] = {{0}};
  struct toy zero = *toy;
  memset(zero.estimate, 0, sizeof zero.estimate);
  return 0.5 * (add_errors(&zero, sums) / ENTRIES);
}

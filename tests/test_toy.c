/* The toy product model against the losses of an independent implementation, and what clamping
 * does to its plateau. */
#include "fixture_csv.h"
#include "npy_read.h"
#include "support.h"

#include "base/digest.h"
#include "few_shot/toy.h"

#include <math.h>

#define STEPS 1000
#define CONDITIONS 3

static const unsigned clamps[CONDITIONS] = {0, 1U << 2, 1U << 1 | 1U << 2}; /* none, c, b and c */

/* 120 doubles in an archive's .npy: true a, b, c, then the initial ones. */
static struct toy read_vectors(void)
{
  struct error error = {0};
  struct fileset *set;
  const struct fileset_file *file = NULL;
  struct toy toy;
  if (fileset_open("tests/fixtures/toy.tar.zst:", &set, &error) ||
      fileset_get(set, "vectors.npy", &file, &error))
    fail_msg("%s", error.text);
  struct npy npy = npy_of_bytes((const char *)file->blob.data, file->blob.size);
  assert_int_equal(npy.count, 2 * TOY_FACTORS * TOY_LENGTH);
  memcpy(toy.truth, npy.data, sizeof toy.truth);
  memcpy(toy.estimate, npy.data + TOY_FACTORS * TOY_LENGTH, sizeof toy.estimate);
  free(npy.data);
  fileset_close(set);
  return toy;
}

/* The reference prints 13 digits, and rounding grows while the saddle is left. */
static void test_reference(void **state)
{
  (void)state;
  struct fixture expected = fixture_read("tests/fixtures/toy.tar.zst:", "losses.csv");
  static double losses[STEPS];
  assert_int_equal(expected.rows, STEPS);
  for (size_t c = 0; c < CONDITIONS; c++) {
    struct toy toy = read_vectors();
    toy_descend(&toy, clamps[c], 1, STEPS, losses);
    for (size_t i = 0; i < STEPS; i++) {
      double wanted = strtod(expected.cells[(i + 1) * expected.columns + 1 + c], NULL);
      if (!(fabs(losses[i] - wanted) <= 1e-12))
        fail_msg("condition %zu, step %zu: %.17g, not %.17g", c, i, losses[i], wanted);
    }
  }
  fixture_free(&expected);
}

/* One hash of all losses: the order of adding is part of the definition. */
static void test_bits(void **state)
{
  (void)state;
  static double losses[CONDITIONS][STEPS];
  char hash[33];
  for (size_t c = 0; c < CONDITIONS; c++) {
    struct toy toy = read_vectors();
    toy_descend(&toy, clamps[c], 1, STEPS, losses[c]);
  }
  digest_xxh3(losses, sizeof losses, hash);
  assert_string_equal(hash, "4bddd1952efe226c0c26f8325a45d121");
}

/* The plateau's level is half the mean square of the truth: here of ones, and of one entry. */
static void test_plateau(void **state)
{
  (void)state;
  struct toy toy = {.truth = {{0}}};
  for (size_t f = 0; f < TOY_FACTORS; f++)
    for (size_t i = 0; i < TOY_LENGTH; i++)
      toy.truth[f][i] = toy.estimate[f][i] = 1;
  assert_true(toy_plateau_loss(&toy) == 0.5);
  for (size_t i = 1; i < TOY_LENGTH; i++)
    toy.truth[0][i] = 0;
  assert_true(toy_plateau_loss(&toy) == 0.025);
  assert_true(toy.estimate[0][0] == 1);
}

static size_t steps_until(const double *losses, double share)
{
  size_t i = 0;
  while (i < STEPS && losses[i] >= share * losses[0])
    i++;
  return i;
}

/* What is clamped stays the truth, what is not moves, and the more is clamped the sooner half of
 * the loss is gone. */
static void test_clamps(void **state)
{
  (void)state;
  size_t half[CONDITIONS];
  for (size_t c = 0; c < CONDITIONS; c++) {
    struct toy toy, first;
    double losses[STEPS];
    toy_draw(1, &first);
    toy = first;
    toy_descend(&toy, clamps[c], 1, STEPS, losses);
    for (size_t f = 0; f < TOY_FACTORS; f++) {
      bool clamped = clamps[c] >> f & 1;
      assert_int_equal(memcmp(toy.estimate[f], first.truth[f], sizeof first.truth[f]) == 0,
                       clamped);
      assert_true(clamped || memcmp(toy.estimate[f], first.estimate[f], sizeof first.truth[f]));
    }
    half[c] = steps_until(losses, 0.5);
  }
  assert_true(half[0] > half[1] && half[1] > half[2]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reference),
      cmocka_unit_test(test_bits),
      cmocka_unit_test(test_plateau),
      cmocka_unit_test(test_clamps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* NumPy's legacy stream: uniform doubles exactly, normals and exponentials but for the last bit of
 * a logarithm. Figures from numpy.random.RandomState. */
#include "support.h"

#include "base/random.h"

#include <math.h>

/* The logarithm is within 1 ulp here and in a good C library; what is made of it adds little. */
static void assert_close(double found, double expected)
{
  if (!(fabs(found - expected) <= 4 * 0x1p-53 * fabs(expected)))
    fail_msg("%.17g, NumPy has %.17g", found, expected);
}

static void uniform_doubles_are_those_of_numpy(void **state)
{
  struct random random;
  (void)state;
  random_seed(&random, 0);
  assert_true(random_uniform(&random) == 0.5488135039273248);
  assert_true(random_uniform(&random) == 0.7151893663724195);
  random_seed(&random, 42);
  assert_true(random_uniform(&random) == 0.3745401188473625);
  assert_true(random_uniform(&random) == 0.9507143064099162);
  assert_true(random_uniform(&random) == 0.7319939418114051);
}

static void normals_are_those_of_numpy(void **state)
{
  static const double expected[] = {0.4967141530112327, -0.13826430117118466, 0.6476885381006925,
                                    1.5230298564080254, -0.23415337472333597};
  struct random random;
  (void)state;
  random_seed(&random, 42);
  for (int i = 0; i < 5; i++)
    assert_close(random_normal(&random), expected[i]);
}

/* The second of a pair is kept over other draws, and forgotten by a new seed. */
static void second_normal_of_a_pair(void **state)
{
  struct random random;
  (void)state;
  random_seed(&random, 7);
  for (int i = 0; i < 100000; i++)
    (void)random_normal(&random);
  assert_close(random_normal(&random), -0.040355389114829734);
  assert_int_equal(random_integer(&random, 0, 1000), 330);
  assert_close(random_normal(&random), 0.6604610674013014);
  random_seed(&random, 42);
  (void)random_normal(&random);
  random_seed(&random, 42);
  assert_close(random_normal(&random), 0.4967141530112327);
}

static void exponentials_are_those_of_numpy(void **state)
{
  static const double expected[] = {0.4692680899768591, 3.010121430917521, 1.3167456935454493};
  struct random random;
  (void)state;
  random_seed(&random, 42);
  for (int i = 0; i < 3; i++)
    assert_close(random_exponential(&random), expected[i]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(uniform_doubles_are_those_of_numpy),
      cmocka_unit_test(normals_are_those_of_numpy),
      cmocka_unit_test(second_normal_of_a_pair),
      cmocka_unit_test(exponentials_are_those_of_numpy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The whole program on the conformance models, against float64 results of an independent
 * implementation (tests/fixtures/conformance/README.md), within ten times the error that the
 * unmodified float32 modeling code showed there; and one hash a model for every instruction set,
 * thread count, memory budget, sharding, file format, compiler and architecture
 * (tests/fixtures/hashes.tsv: our own bit-exact results). */
#include "fixture_models.h"
#include "reference.h"
#include "support.h"

static void test_reference(void **state)
{
  (void)state;
  for (size_t i = 0; i < CONFORMANCE_MODELS; i++)
    reference_check(CONFORMANCE, conformance_models[i], "expected", true);
}

/* More sequences than enter the participation ratio. */
static void test_reference_600(void **state)
{
  (void)state;
  if (support_emulated())
    skip(); /* minutes under emulation; the hashes below cover it */
  reference_check(CONFORMANCE, "olmo-f32", "expected-n600", false);
}

static void test_one_hash(void **state)
{
  (void)state;
  for (size_t i = 0; i < CONFORMANCE_MODELS; i++)
    reference_one_hash(CONFORMANCE, conformance_models[i], "1500K");
  reference_hash(CONFORMANCE, "olmo-f32", CONFORMANCE "olmo-f32/model-2shards", "auto", "2", NULL);
  reference_hash(CONFORMANCE, "gpt_neox-smooth-f32", CONFORMANCE "gpt_neox-smooth-f32/model-bin",
                 "auto", "2", NULL);
  reference_hash(CONFORMANCE, "gpt_neox-parallel-f16",
                 CONFORMANCE "gpt_neox-parallel-f16/model-bin-2shards", "auto", "2", NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reference),
      cmocka_unit_test(test_reference_600),
      cmocka_unit_test(test_one_hash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

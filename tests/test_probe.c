/* Random numbers and batches against NumPy 1.24.2: tests/fixtures/conformance/batches. */
#include "support.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/random.h"
#include "probe/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFORMANCE "tests/fixtures/conformance/"

static struct error error;

static json_t *read_json(const char *path)
{
  json_t *object;
  assert_int_equal(json_read_object(path, 1 << 20, &object, &error), 0);
  return object;
}

static long long integer(const json_t *object, const char *key)
{
  const json_t *value = json_object_get(object, key);
  assert_true(json_is_integer(value));
  return json_integer_value(value);
}

static long long element(const json_t *array, size_t i)
{
  assert_true(json_is_array(array) && i < json_array_size(array));
  return json_integer_value(json_array_get(array, i));
}

static void assert_outputs(struct random *random, const json_t *expected)
{
  for (size_t i = 0; i < json_array_size(expected); i++)
    assert_int_equal(random_u32(random), element(expected, i));
}

static void assert_integers(struct random *random, int64_t low, int64_t high,
                            const json_t *expected)
{
  for (size_t i = 0; i < json_array_size(expected); i++)
    assert_int_equal(random_integer(random, low, high), element(expected, i));
}

static void assert_permutation(uint32_t seed, int32_t n, const json_t *expected)
{
  struct random random;
  int32_t out[16];
  random_seed(&random, seed);
  random_permutation(&random, out, n);
  assert_int_equal(json_array_size(expected), n);
  for (int32_t i = 0; i < n; i++)
    assert_int_equal(out[i], element(expected, (size_t)i));
}

static void random_primitives(void **state)
{
  (void)state;
  static int32_t permutation[9900];
  json_t *root = read_json(CONFORMANCE "batches/batches.json");
  const json_t *p = json_object_get(root, "primitives");
  struct random random;
  random_seed(&random, 42);
  assert_outputs(&random, json_object_get(p, "RandomState(42) first 8 raw 32-bit outputs"));
  random_seed(&random, 42);
  assert_integers(&random, 100, 10000,
                  json_object_get(p, "RandomState(42): randint(100,10000,size=16)"));
  random_permutation(&random, permutation, 9900);
  const json_t *choice = json_object_get(p, "then choice(arange(100,10000),2,replace=False)");
  assert_int_equal(100 + permutation[0], element(choice, 0));
  assert_int_equal(100 + permutation[1], element(choice, 1));
  assert_int_equal(random_integer(&random, 20, 128), integer(p, "then randint(20,128)"));
  assert_int_equal(random_integer(&random, 100, 10000), integer(p, "then randint(100,10000)"));
  assert_outputs(&random, json_object_get(p, "then 4 raw 32-bit outputs"));
  assert_permutation(42, 10, json_object_get(p, "RandomState(42): permutation(10)"));
  assert_permutation(42, 1, json_object_get(p, "RandomState(42): permutation(1)"));
  random_seed(&random, 7);
  assert_integers(
      &random, 5, 6,
      json_object_get(p, "RandomState(7): randint(5,6) three times (range of one value)"));
  assert_outputs(&random, json_object_get(p, "then RandomState(7) 2 raw 32-bit outputs"));
  static const uint32_t seeds[] = {0, 1, 1234567, UINT32_MAX};
  for (size_t i = 0; i < 4; i++) {
    char key[64];
    snprintf(key, sizeof key, "RandomState(%u): randint(0,1000,size=5)", seeds[i]);
    assert_int_equal(json_array_size(json_object_get(p, key)), 5);
    random_seed(&random, seeds[i]);
    assert_integers(&random, 0, 1000, json_object_get(p, key));
  }
  json_decref(root);
}

static void random_full_range(void **state)
{
  (void)state;
  struct random plain, bounded;
  random_seed(&plain, 3);
  random_seed(&bounded, 3);
  for (int i = 0; i < 2000; i++)
    assert_int_equal(random_integer(&bounded, 0, INT64_C(1) << 32), random_u32(&plain));
}

static void baseline_positions(void **state)
{
  (void)state;
  json_t *root = read_json(CONFORMANCE "batches/batches.json");
  const char *key;
  json_t *expected;
  json_object_foreach(json_object_get(root, "baseline_positions"), key, expected)
  {
    int32_t positions[50];
    int64_t seq_len = strtoll(key + strlen("T="), NULL, 10);
    assert_int_equal(batch_baseline_positions(seq_len, 50, positions, &error), 0);
    assert_int_equal(json_array_size(expected), 50);
    for (size_t i = 0; i < 50; i++)
      assert_int_equal(positions[i], element(expected, i));
  }
  json_decref(root);
}

/* Compares values[count] with the reference: the numbers, or digests of them as int64. */
static void assert_same(const int32_t *values, size_t count, const json_t *expected)
{
  const json_t *plain = json_object_get(expected, "values");
  if (plain) {
    assert_int_equal(json_array_size(plain), count);
    for (size_t i = 0; i < count; i++)
      assert_int_equal(values[i], element(plain, i));
    return;
  }
  int64_t *wide = malloc(count * sizeof *wide);
  assert_non_null(wide);
  uint64_t sum = 0, weighted = 0, fnv = 0xcbf29ce484222325u;
  for (size_t i = 0; i < count; i++) {
    wide[i] = values[i];
    sum += (uint64_t)wide[i];
    weighted += (i + 1) * (uint64_t)wide[i];
  }
  const uint8_t *bytes = (const uint8_t *)wide;
  for (size_t i = 0; i < count * sizeof *wide; i++)
    fnv = (fnv ^ bytes[i]) * 0x100000001b3u;
  char hex[17];
  snprintf(hex, sizeof hex, "%016llx", (unsigned long long)fnv);
  struct digest digest;
  assert_int_equal(digest_of(wide, count * sizeof *wide, &digest, &error), 0);
  assert_string_equal(digest.sha256, json_string_value(json_object_get(expected, "sha256")));
  assert_string_equal(hex, json_string_value(json_object_get(expected, "fnv1a64_of_bytes")));
  assert_int_equal(sum, integer(expected, "sum"));
  assert_int_equal(weighted, integer(expected, "weighted_sum_mod_2_64"));
  free(wide);
}

static struct protocol protocol_of(const json_t *entry)
{
  struct protocol protocol = PROTOCOL_PUBLISHED;
  protocol.n = integer(entry, "n");
  protocol.seq_len = integer(entry, "T");
  protocol.vocab_lo = integer(entry, "lo");
  protocol.vocab_hi = integer(entry, "hi");
  protocol.seed = integer(entry, "seed");
  if (protocol.baseline_n > protocol.seq_len - 7)
    protocol.baseline_n = protocol.seq_len - 7;
  return protocol;
}

static void assert_validity(const struct batch *batch, const json_t *entry)
{
  const json_t *invalid = json_object_get(entry, "invalid_examples");
  size_t found = 0;
  for (int64_t i = 0; i < batch->n; i++)
    if (batch->b_position[i] < 0)
      assert_int_equal(element(invalid, found++), i);
  assert_int_equal(found, json_array_size(invalid));
  assert_int_equal(batch->n - (int64_t)found, integer(entry, "n_valid"));
}

static void batch_digests(void **state)
{
  (void)state;
  json_t *root = read_json(CONFORMANCE "batches/batches.json");
  const json_t *entries = json_object_get(root, "batches");
  assert_int_equal(json_array_size(entries), 7);
  for (size_t k = 0; k < json_array_size(entries); k++) {
    const json_t *entry = json_array_get(entries, k);
    struct protocol protocol = protocol_of(entry);
    struct batch batch;
    assert_int_equal(batch_create(&protocol, &batch, &error), 0);
    size_t n = (size_t)batch.n;
    assert_same(batch.tokens, n * (size_t)batch.seq_len, json_object_get(entry, "tokens"));
    assert_same(batch.b, n, json_object_get(entry, "targets"));
    assert_same(batch.a, n, json_object_get(entry, "a"));
    assert_same(batch.ab, n, json_object_get(entry, "ab"));
    assert_same(batch.b_position, n, json_object_get(entry, "b_position_or_minus1"));
    assert_validity(&batch, entry);
    batch_free(&batch);
  }
  json_decref(root);
}

/* The next integer of a CSV text; *p goes behind it and its separator. */
static int64_t next_number(const char **p)
{
  char *end;
  int64_t value = strtoll(*p, &end, 10);
  assert_ptr_not_equal(*p, end);
  *p = end + (*end != 0);
  return value;
}

static void assert_targets(const char *path, const struct batch *batch)
{
  size_t size;
  char *text = support_read(path, &size);
  const char *p = strchr(text, '\n') + 1;
  for (int64_t i = 0; i < batch->n; i++) {
    assert_int_equal(next_number(&p), i);
    assert_int_equal(next_number(&p), batch->a[i]);
    assert_int_equal(next_number(&p), batch->b[i]);
    assert_int_equal(next_number(&p), batch->ab[i]);
    assert_int_equal(next_number(&p), batch->b_position[i]);
  }
  assert_int_equal(*p, 0);
  free(text);
}

static void published_targets(void **state)
{
  (void)state;
  struct protocol protocol = PROTOCOL_PUBLISHED;
  struct batch batch;
  assert_int_equal(batch_create(&protocol, &batch, &error), 0);
  assert_targets(CONFORMANCE "batches/paper_ab_targets.csv", &batch);
  batch_free(&batch);
}

/* Compares a file of nothing but integers. */
static void assert_numbers(const char *path, const int32_t *values, size_t count)
{
  size_t size;
  char *text = support_read(path, &size);
  const char *p = text;
  for (size_t i = 0; i < count; i++)
    assert_int_equal(next_number(&p), values[i]);
  assert_int_equal(*p, 0);
  free(text);
}

static void model_batches(void **state)
{
  (void)state;
  static const char *const folders[] = {"gpt_neox-parallel-f32/expected", "olmo-tied-bf16/expected",
                                        "olmo-smooth-f32/expected", "olmoe-f32/expected",
                                        "olmo-f32/expected-n600"};
  for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
    char path[256];
    snprintf(path, sizeof path, CONFORMANCE "%s/meta.json", folders[k]);
    json_t *meta = read_json(path);
    struct protocol protocol = protocol_of(json_object_get(meta, "batch"));
    struct batch batch;
    int32_t positions[50];
    assert_int_equal(batch_create(&protocol, &batch, &error), 0);
    assert_int_equal(batch_baseline_positions(batch.seq_len, 50, positions, &error), 0);
    snprintf(path, sizeof path, CONFORMANCE "%s/batch.csv", folders[k]);
    assert_targets(path, &batch);
    snprintf(path, sizeof path, CONFORMANCE "%s/baseline_positions.csv", folders[k]);
    assert_numbers(path, positions, 50);
    snprintf(path, sizeof path, CONFORMANCE "%s/tokens.csv", folders[k]);
    if (!strstr(path, "n600")) /* that batch comes without its tokens */
      assert_numbers(path, batch.tokens, (size_t)(batch.n * batch.seq_len));
    batch_free(&batch);
    json_decref(meta);
  }
}

static void bos_replaces_position_0(void **state)
{
  (void)state;
  struct protocol protocol = {64, 64, 10, 40, 42, 500, 50, -1};
  struct batch plain, bos;
  assert_int_equal(batch_create(&protocol, &plain, &error), 0);
  protocol.bos = plain.b[0]; /* so that the first sequence holds b twice */
  assert_int_equal(batch_create(&protocol, &bos, &error), 0);
  assert_true(plain.b_position[0] > 0);
  assert_int_equal(bos.b_position[0], -1);
  for (int64_t i = 0; i < plain.n * plain.seq_len; i++)
    assert_int_equal(bos.tokens[i], i % plain.seq_len ? plain.tokens[i] : protocol.bos);
  assert_memory_equal(plain.a, bos.a, 64 * sizeof *plain.a);
  assert_memory_equal(plain.ab, bos.ab, 64 * sizeof *plain.ab);
  batch_free(&plain);
  batch_free(&bos);
}

static void refusals(void **state)
{
  (void)state;
  static const struct {
    struct protocol protocol;
    const char *words;
  } cases[] = {
      {{0, 256, 100, 10000, 42, 500, 50, -1}, "n = 0"},
      {{-1, 256, 100, 10000, 42, 500, 50, -1}, "n = -1"},
      {{INT64_MAX, 256, 100, 10000, 42, 500, 50, -1}, "n = 9223372036854775807"},
      {{8, 41, 100, 10000, 42, 500, 10, -1}, "seq_len = 41 is not in [42, "},
      {{8, INT64_MAX, 100, 10000, 42, 500, 50, -1}, "seq_len"},
      {{8, 256, -1, 10000, 42, 500, 50, -1}, "vocab_lo = -1"},
      {{8, 256, INT64_MAX, 10000, 42, 500, 50, -1}, "vocab_lo"},
      {{8, 256, 100, 101, 42, 500, 50, -1}, "[100, 101) are fewer"},
      {{8, 256, 100, 50, 42, 500, 50, -1}, "[100, 50) are fewer"},
      {{8, 256, 100, INT64_MIN, 42, 500, 50, -1}, "vocab_hi"},
      {{8, 256, 100, INT64_MAX, 42, 500, 50, -1}, "vocab_hi"},
      {{1 << 20, 256, 100, 1 << 24, 42, 500, 50, -1}, "take too long"},
      {{8, 256, 100, 10000, -1, 500, 50, -1}, "seed = -1"},
      {{8, 256, 100, 10000, INT64_C(1) << 32, 500, 50, -1}, "seed = 4294967296"},
      {{8, 256, 100, 10000, 42, 0, 50, -1}, "pr_n = 0"},
      {{8, 256, 100, 10000, 42, 500, 0, -1}, "baseline_n = 0"},
      {{8, 256, 100, 10000, 42, 500, 250, -1}, "at most 249"},
      {{8, 56, 100, 10000, 42, 500, 50, -1}, "at most 49"},
      {{8, 256, 100, 10000, 42, 500, 50, -2}, "bos = -2"},
      {{8, 256, 100, 10000, 42, 500, 50, INT64_MAX}, "bos"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct batch batch;
    assert_int_equal(batch_create(&cases[i].protocol, &batch, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
    assert_null(batch.tokens);
    batch_free(&batch);
  }
  int32_t none;
  assert_int_equal(batch_baseline_positions(7, 1, &none, &error), EXIT_INPUT);
  assert_int_equal(batch_baseline_positions(INT64_MIN, 1, &none, &error), EXIT_INPUT);
  assert_int_equal(batch_baseline_positions(8, 1, &none, &error), 0);
  assert_int_equal(none, 1);
}

/* The shortest sequences, the smallest vocabulary and every baseline position there is. */
static void smallest_protocol(void **state)
{
  (void)state;
  struct protocol protocol = {3, 42, 5, 7, 0, 1, 35, -1};
  struct batch batch;
  int32_t positions[35];
  unsigned char seen[42] = {0};
  assert_int_equal(batch_create(&protocol, &batch, &error), 0);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(batch.ab[i], 20);
    assert_int_equal(batch.a[i] + batch.b[i], 5 + 6);
  }
  batch_free(&batch);
  assert_int_equal(batch_baseline_positions(42, 35, positions, &error), 0);
  for (int i = 0; i < 35; i++)
    seen[positions[i]]++;
  for (int k = 0; k < 42; k++)
    assert_int_equal(seen[k], k >= 1 && k <= 35);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_primitives),       cmocka_unit_test(random_full_range),
      cmocka_unit_test(baseline_positions),      cmocka_unit_test(batch_digests),
      cmocka_unit_test(published_targets),       cmocka_unit_test(model_batches),
      cmocka_unit_test(bos_replaces_position_0), cmocka_unit_test(refusals),
      cmocka_unit_test(smallest_protocol),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

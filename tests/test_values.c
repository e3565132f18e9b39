/* Tensors that revisions have in common: what counts as the same, what says nothing, and how
 * verify, pin and reproduce speak of it. */
#include "verifying.h"

#include "checkpoint/in_memory.h"
#include "checkpoint/values.h"

#define MOST 40

/* What values_report said. */
static struct values_shared shared[MOST];
static char names[MOST][2][40];
static size_t shared_count;

static void keep_shared(void *context, const struct values_shared *pair)
{
  (void)context;
  assert_true(shared_count < MOST);
  snprintf(names[shared_count][0], 40, "%s", pair->left);
  snprintf(names[shared_count][1], 40, "%s", pair->right);
  shared[shared_count++] = *pair;
}

static struct tensor tensor_of(const char *name, enum dtype dtype, int64_t elements,
                               const void *data)
{
  return (struct tensor){.name = name,
                         .dtype = dtype,
                         .rank = 2,
                         .shape = {1, elements},
                         .elements = (uint64_t)elements,
                         .bytes = (uint64_t)elements * dtype_size(dtype),
                         .data = data};
}

static struct checkpoint *checkpoint_of(const struct tensor *tensors, size_t count)
{
  struct checkpoint *checkpoint;
  struct error error = {0};
  assert_int_equal(checkpoint_of_tensors("r", "{}", tensors, count, &checkpoint, &error), 0);
  return checkpoint;
}

/* One tensor a revision: what they have in common, and the counts. */
static struct values_count compare(const struct tensor *tensors, size_t revisions)
{
  struct values *values;
  struct values_count count;
  struct error error = {0};
  char first[1024];
  shared_count = 0;
  assert_int_equal(values_new(&values, &error), 0);
  for (size_t i = 0; i < revisions; i++) {
    struct checkpoint *checkpoint = checkpoint_of(&tensors[i], 1);
    assert_int_equal(values_add(values, i, checkpoint, first, &error), 0);
    checkpoint_close(checkpoint);
  }
  for (size_t i = 0; i < revisions; i++)
    if (values_needs_rounding(values, i)) {
      struct checkpoint *checkpoint = checkpoint_of(&tensors[i], 1);
      assert_int_equal(values_round(values, i, checkpoint, &error), 0);
      checkpoint_close(checkpoint);
    }
  values_counts(values, &count);
  assert_int_equal(values_report(values, keep_shared, NULL, &error), 0);
  values_free(values);
  return count;
}

static void expect_pair(size_t i, size_t before, size_t after, bool rounded)
{
  assert_true(i < shared_count);
  assert_int_equal(shared[i].before, before);
  assert_int_equal(shared[i].after, after);
  assert_int_equal(shared[i].rounded, rounded);
}

/* Two tensors in two revisions: whether they are the same, and whether by rounding. */
static void expect_two(struct tensor left, struct tensor right, bool same, bool rounded)
{
  for (int turn = 0; turn < 2; turn++) {
    const struct tensor tensors[] = {turn ? right : left, turn ? left : right};
    compare(tensors, 2);
    assert_int_equal(shared_count, same);
    if (same)
      expect_pair(0, 0, 1, rounded);
  }
}

/* 1, -2.5 and the least of F16, in every type that holds them. */
static void test_types(void **state)
{
  static const float f32[] = {1, -2.5F, 0x1p-24F}, changed[] = {1, -2.5F, 0x1.8p-24F};
  static const double f64[] = {1, -2.5, 0x1p-24};
  static const uint16_t f16[] = {0x3c00, 0xc100, 0x0001}, bf16[] = {0x3f80, 0xc020, 0x3380};
  const struct tensor tensors[] = {
      tensor_of("w", DTYPE_F32, 3, f32), tensor_of("w", DTYPE_F64, 3, f64),
      tensor_of("w", DTYPE_F16, 3, f16), tensor_of("w", DTYPE_BF16, 3, bf16)};
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    for (size_t k = 0; k < 4; k++)
      expect_two(tensors[i], tensors[k], true, false);
    expect_two(tensors[i], tensor_of("w", DTYPE_F32, 2, f32), false, false);
  }
  expect_two(tensors[0], tensor_of("w", DTYPE_F32, 3, changed), false, false);
}

/* To nearest, ties to even, from every wider type; not to another neighbour. */
static void test_rounding(void **state)
{
  static const float wide[] = {0x1.002p0F,      0x1.006p0F, 0x1.0021p0F, -0x1.8p-25F,
                               0x1.000002p-15F, 65519.0F,   0x1p-26F,    -1};
  static const double wider[] = {0x1.002p0,      0x1.006p0, 0x1.0021p0, -0x1.8p-25,
                                 0x1.000002p-15, 65519.0,   0x1p-26,    -1};
  static const uint16_t f16[] = {0x3c00, 0x3c02, 0x3c01, 0x8001, 0x0200, 0x7bff, 0, 0xbc00};
  static const float fine[] = {0x1.01p0F, 0x1.03p0F, 0x1.010002p0F, -1};
  static const uint16_t bf16[] = {0x3f80, 0x3f82, 0x3f81, 0xbf80};
  static const uint16_t half[] = {0x3c04, 0x3c0c, 0xbc00}, brain[] = {0x3f80, 0x3f82, 0xbf80};
  (void)state;
  expect_two(tensor_of("w", DTYPE_F32, 8, wide), tensor_of("w", DTYPE_F16, 8, f16), true, true);
  expect_two(tensor_of("w", DTYPE_F64, 8, wider), tensor_of("w", DTYPE_F16, 8, f16), true, true);
  expect_two(tensor_of("w", DTYPE_F32, 4, fine), tensor_of("w", DTYPE_BF16, 4, bf16), true, true);
  expect_two(tensor_of("w", DTYPE_F16, 3, half), tensor_of("w", DTYPE_BF16, 3, brain), true, true);
  for (size_t i = 0; i < 8; i++) {
    uint16_t other[8];
    memcpy(other, f16, sizeof other);
    other[i] ^= 1;
    expect_two(tensor_of("w", DTYPE_F32, 8, wide), tensor_of("w", DTYPE_F16, 8, other), false,
               false);
  }
  /* Two that round to the same are not the same. */
  float other[8];
  memcpy(other, wide, sizeof other);
  other[7] = nextafterf(-1, 0);
  expect_two(tensor_of("w", DTYPE_F32, 8, wide), tensor_of("w", DTYPE_F32, 8, other), false, false);
  const struct tensor three[] = {tensor_of("w", DTYPE_F32, 8, wide),
                                 tensor_of("w", DTYPE_F32, 8, other),
                                 tensor_of("w", DTYPE_F16, 8, f16)};
  compare(three, 3);
  assert_int_equal(shared_count, 2);
  expect_pair(0, 0, 2, true);
  expect_pair(1, 1, 2, true);
}

/* What revisions have in common by right. */
static void test_no_evidence(void **state)
{
  static const float zeros[] = {0, -0.0F, 0}, ones[] = {1, 1, 1}, numbers[] = {1, 2, 3};
  static const int8_t bytes[] = {1, 2, 3};
  struct tensor mask = tensor_of("attention.bias", DTYPE_F32, 3, numbers);
  struct tensor scalar = tensor_of("masked_bias", DTYPE_F32, 1, numbers);
  (void)state;
  mask.rank = 4;
  mask.shape[0] = mask.shape[1] = mask.shape[2] = 1;
  mask.shape[3] = 3;
  scalar.rank = 0;
  const struct tensor tensors[] = {
      tensor_of("bias", DTYPE_F32, 3, zeros),
      tensor_of("norm", DTYPE_F32, 3, ones),
      tensor_of("rotary_emb.inv_freq", DTYPE_F32, 3, numbers),
      mask,
      scalar,
  };
  for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
    const struct tensor twice[] = {tensors[i], tensors[i]};
    struct values_count count = compare(twice, 2);
    assert_true(shared_count == 0 && count.revisions == 2);
    assert_true(count.compared == 0 && count.left_out == 2 && count.unpaired == 0);
  }
  const struct tensor integers[] = {tensor_of("w", DTYPE_I8, 3, bytes),
                                    tensor_of("w", DTYPE_I8, 3, bytes)};
  struct values_count count = compare(integers, 2);
  assert_true(shared_count == 0 && count.other == 2 && count.left_out == 0);
}

/* Vectors and fused experts count as matrices do; names and shapes are none of the values. */
static void test_ranks_and_names(void **state)
{
  static const float numbers[] = {1, 2, 3, 4};
  struct tensor vector = tensor_of("a", DTYPE_F32, 4, numbers), cube = vector;
  (void)state;
  vector.rank = 1;
  vector.shape[0] = 4;
  cube.name = "module.a";
  cube.rank = 3;
  cube.shape[0] = cube.shape[1] = 2;
  cube.shape[2] = 1;
  expect_two(vector, vector, true, false);
  expect_two(vector, cube, true, false);
  const struct tensor both[] = {vector, cube};
  struct values_count count = compare(both, 2);
  assert_true(count.compared == 2 && count.unpaired == 2 && count.unpaired_neighbours == 1);
  assert_string_equal(names[0][0], "a");
  assert_string_equal(names[0][1], "module.a");
}

/* All revisions with all, also far apart; of a group, neighbours. Larger than any piece. */
static void test_all_pairs(void **state)
{
  static float data[5][10001];
  struct tensor tensors[5];
  (void)state;
  for (size_t i = 0; i < 5; i++) {
    for (size_t k = 0; k < 10001; k++)
      data[i][k] = (float)(i % 3 * 20000 + k);
    tensors[i] = tensor_of("w", DTYPE_F32, 10001, data[i]);
  }
  data[1][10000] = 0; /* 1 is not 4, but for its last element */
  compare(tensors, 5);
  assert_int_equal(shared_count, 1);
  expect_pair(0, 0, 3, false);
  data[1][10000] = data[4][10000];
  data[2][0] = -1;
  tensors[2] = tensors[0];
  compare(tensors, 5);
  assert_int_equal(shared_count, 3);
  expect_pair(0, 0, 2, false);
  expect_pair(1, 1, 4, false);
  expect_pair(2, 2, 3, false);
}

static void test_not_finite(void **state)
{
  static float numbers[5000];
  const struct tensor tensor = tensor_of("w", DTYPE_F32, 5000, numbers);
  struct checkpoint *checkpoint = checkpoint_of(&tensor, 1);
  struct values *values;
  struct values_count count;
  struct error error = {0};
  char first[1024];
  (void)state;
  numbers[4500] = INFINITY;
  assert_int_equal(values_new(&values, &error), 0);
  assert_int_equal(values_add(values, 0, checkpoint, first, &error), 0);
  assert_string_equal(first, "r: tensor \"w\": element 4500 is not finite");
  values_counts(values, &count);
  assert_true(count.not_finite == 1 && count.compared == 0);
  values_free(values);
  checkpoint_close(checkpoint);
}

/* --- from the outside -------------------------------------------------------------------------*/

#define REVISIONS 4

/* Four revisions of matrices "a" and "b" of 4 elements each, all different. */
static float weights[REVISIONS][8];

static void write_revision(const char *place, size_t i, enum dtype dtype, const void *data)
{
  char name[8];
  snprintf(name, sizeof name, "r%zu", i);
  const struct tensor tensors[] = {
      tensor_of("a", dtype, 4, data),
      tensor_of("b", dtype, 4, (const char *)data + 4 * dtype_size(dtype))};
  workshop_shell("mkdir -p %s/c/%s", place, name);
  support_write(revision_path(place, name, "config.json"), "{}", 2);
  revision_write_tensors(revision_path(place, name, WEIGHTS), tensors, 2);
}

static const char *four(const char *name)
{
  const char *place = revisions_make(name, false);
  json_t *manifest = revisions_manifest(place, false);
  for (size_t i = 0; i < REVISIONS; i++) {
    for (size_t k = 0; k < 8; k++)
      weights[i][k] = (float)(100 * i + k) + 0.5F;
    write_revision(place, i, DTYPE_F32, weights[i]);
    if (i < 2)
      continue;
    json_t *copy = json_deep_copy(json_array_get(json_object_get(manifest, "revisions"), 0));
    char label[8];
    snprintf(label, sizeof label, "r%zu", i);
    json_object_set_new(copy, "name", json_string(label));
    json_object_set_new(copy, "directory", json_string(label));
    json_object_set_new(copy, "step", json_integer((json_int_t)i));
    json_object_set_new(copy, "tokens", json_real((double)i));
    json_array_append_new(json_object_get(manifest, "revisions"), copy);
  }
  revisions_save(place, manifest);
  return place;
}

/* What verify and pin say of the four; both fail. */
static void expect_said(const char *place, const char *words)
{
  for (int pin = 0; pin < 2; pin++) {
    char *text = workshop_run(EXIT_CHECK,
                              pin ? "pin %s/m.json" : "verify %s/m.json --allow-unpinned", place);
    workshop_contains(text, words);
    workshop_contains(text, pin ? "1 failure: nothing is pinned; 8 tensors of 4 revisions compared"
                                : "1 failure; UNPINNED: 8 files; 8 tensors of 4 revisions");
    free(text);
  }
}

/* One tensor, then both, of a revision that is not a neighbour. */
static void test_another_revision(void **state)
{
  (void)state;
  const char *place = four("another");
  free(workshop_run(EXIT_HELD, "verify %s/m.json --allow-unpinned", place));
  memcpy(weights[1] + 4, weights[3] + 4, 4 * sizeof **weights);
  write_revision(place, 1, DTYPE_F32, weights[1]);
  expect_said(place, "tensor \"b\" is the same in revisions \"r1\" and \"r3\"; one of them");
  memcpy(weights[1], weights[3] + 4, 4 * sizeof **weights);
  write_revision(place, 1, DTYPE_F32, weights[1]);
  expect_said(place, "tensor \"a\" is the same in revisions \"r1\" and \"r3\", there as \"b\"");
}

/* The same weights as F16, exactly and rounded. */
static void test_another_type(void **state)
{
  static const uint16_t exact[] = {0x5b28, 0x5b2a, 0x5b2c, 0x5b2e, 0x5b30, 0x5b32, 0x5b34, 0x5b36};
  (void)state;
  const char *place = four("type");
  for (size_t k = 0; k < 8; k++)
    weights[3][k] = 229 + 0.25F * (float)k;
  write_revision(place, 3, DTYPE_F32, weights[3]);
  write_revision(place, 0, DTYPE_F16, exact);
  expect_said(place, "\"a\" is the same in revisions \"r0\" and \"r3\", as F16 and F32, and so are "
                     "1 more tensors; one of them");
  for (size_t k = 0; k < 8; k++)
    weights[3][k] = nextafterf(weights[3][k], 300);
  write_revision(place, 3, DTYPE_F32, weights[3]);
  expect_said(place, "as F16 and F32, equal when rounded, and so are 1 more");
}

/* The last line says what was looked at, and what could not be compared. */
static void test_last_line(void **state)
{
  static const float ones[] = {1, 1, 1, 1};
  static const int8_t bytes[] = {1, 2, 3, 4};
  (void)state;
  const char *place = four("last");
  const struct tensor tensors[] = {tensor_of("a", DTYPE_F32, 4, weights[1]),
                                   tensor_of("n", DTYPE_F32, 4, ones),
                                   tensor_of("q", DTYPE_I8, 4, bytes)};
  revision_write_tensors(revision_path(place, "r1", WEIGHTS), tensors, 3);
  char *text = workshop_run(EXIT_HELD, "verify %s/m.json --allow-unpinned", place);
  workshop_contains(text, "  8 files of 4 revisions: 0 failures; UNPINNED: 8 files; 7 tensors of 4 "
                          "revisions compared, each with all others; not compared: 1 tensor that "
                          "may be alike (constants, masks, frequencies), 1 tensor of types that "
                          "are not floating-point; moves not known in 2 pairs of neighbouring "
                          "revisions: 4 tensors have no partner of the same name and shape\n");
  free(text);
  text = workshop_run(EXIT_HELD, "pin %s/m.json --revision r2", place);
  workshop_contains(text, "m.json; its tensors were not compared with those of other revisions\n");
  free(text);
  text = workshop_run(EXIT_HELD, "pin %s/m.json", place);
  workshop_contains(text, "8 files pinned in ");
  workshop_contains(text, "m.json; 7 tensors of 4 revisions compared");
  free(text);
  workshop_shell("rm %s", revision_path(place, "r2", WEIGHTS));
  text = workshop_run(EXIT_CHECK, "verify %s/m.json", place);
  workshop_contains(text, "; 5 tensors of 3 revisions compared, each with all others; not "
                          "compared: 1 revision whose files failed verification, ");
  free(text);
}

/* SHA-256 alone is a pin. */
static void test_by_sha256(void **state)
{
  (void)state;
  const char *place = four("sha256");
  free(workshop_run(EXIT_HELD, "pin %s/m.json", place));
  char path[600];
  snprintf(path, sizeof path, "%s/m.json", place);
  json_t *manifest = workshop_json(path);
  json_object_set_new(revision_file(manifest, 1, 1), "xxh3_128", json_null());
  json_object_set_new(revision_file(manifest, 1, 1), "bytes", json_null());
  workshop_json_write(path, manifest);
  char *text = workshop_run(EXIT_HELD, "verify %s", path);
  workshop_contains(text, "0 failures; pinned by SHA-256, without size or XXH3-128: 1 file; 8 ");
  assert_null(strstr(text, "UNPINNED"));
  free(text);
  json_object_set_new(revision_file(manifest, 1, 1), "sha256", json_null());
  workshop_json_write(path, manifest);
  json_decref(manifest);
  text = workshop_run(EXIT_CHECK, "verify %s", path);
  workshop_contains(text, "UNPINNED: 1 of 2 files");
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_types),
      cmocka_unit_test(test_rounding),
      cmocka_unit_test(test_no_evidence),
      cmocka_unit_test(test_ranks_and_names),
      cmocka_unit_test(test_all_pairs),
      cmocka_unit_test(test_not_finite),
      cmocka_unit_test(test_another_revision),
      cmocka_unit_test(test_another_type),
      cmocka_unit_test(test_last_line),
      cmocka_unit_test(test_by_sha256),
  };
  return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}

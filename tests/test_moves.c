/* How far weights moved: which matrices are compared, the figures to the bit, and the refusals. */
#include "support.h"

#include "checkpoint/in_memory.h"
#include "manifest/moves.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 5001 /* elements: some blocks and a part of one */

static struct tensor tensor_of(const char *name, enum dtype dtype, int64_t rows, int64_t columns,
                               const void *data)
{
  uint64_t elements = (uint64_t)rows * (uint64_t)columns;
  return (struct tensor){.name = name,
                         .dtype = dtype,
                         .rank = 2,
                         .shape = {rows, columns},
                         .elements = elements,
                         .bytes = elements * dtype_size(dtype),
                         .data = data};
}

static int try_compare(const struct tensor *before, size_t before_count, const struct tensor *after,
                       size_t after_count, struct move_list *moves, struct error *error)
{
  struct checkpoint *left, *right;
  *error = (struct error){0};
  assert_int_equal(checkpoint_of_tensors("r0", "{}", before, before_count, &left, error), 0);
  assert_int_equal(checkpoint_of_tensors("r1", "{}", after, after_count, &right, error), 0);
  int status = moves_compare(left, right, moves, error);
  checkpoint_close(left);
  checkpoint_close(right);
  return status;
}

/* The caller: moves_free. The names stay valid when the checkpoints are closed. */
static struct move_list compare(const struct tensor *before, size_t before_count,
                                const struct tensor *after, size_t after_count)
{
  struct move_list moves;
  struct error error;
  if (try_compare(before, before_count, after, after_count, &moves, &error))
    fail_msg("%s", error.text);
  return moves;
}

static void expect_one(enum dtype dtype, const void *before, const void *after, int64_t elements,
                       double norm, bool identical)
{
  struct tensor left = tensor_of("w", dtype, 1, elements, before);
  struct tensor right = tensor_of("w", dtype, 1, elements, after);
  struct move_list moves = compare(&left, 1, &right, 1);
  assert_int_equal(moves.count, 1);
  assert_int_equal(moves.not_comparable, 0);
  assert_string_equal(moves.moves[0].tensor, "w");
  assert_memory_equal(&moves.moves[0].norm, &norm, sizeof norm);
  assert_int_equal(moves.moves[0].identical, identical);
  assert_false(moves.moves[0].not_comparable);
  moves_free(&moves);
  moves_free(&moves);
}

/* From (3, 4) to (6, 8): 5 / 5, and back: 5 / 10. */
static void test_exact(void **state)
{
  static const float f32[] = {3, 4}, f32_after[] = {6, 8};
  static const uint16_t bf16[] = {0x4040, 0x4080}, bf16_after[] = {0x40c0, 0x4100};
  static const uint16_t f16[] = {0x4200, 0x4400}, f16_after[] = {0x4600, 0x4800};
  static const uint16_t subnormal[] = {0x8003, 0x0004}, subnormal_after[] = {0x8006, 0x0008};
  (void)state;
  expect_one(DTYPE_F32, f32, f32_after, 2, 1, false);
  expect_one(DTYPE_F32, f32_after, f32, 2, 0.5, false);
  expect_one(DTYPE_BF16, bf16, bf16_after, 2, 1, false);
  expect_one(DTYPE_BF16, bf16_after, bf16, 2, 0.5, false);
  expect_one(DTYPE_F16, f16, f16_after, 2, 1, false);
  expect_one(DTYPE_F16, f16_after, f16, 2, 0.5, false);
  expect_one(DTYPE_F16, subnormal, subnormal_after, 2, 1, false);
}

/* The ends of the range of F32: no square leaves that of doubles. */
static void test_range(void **state)
{
  static const float large[] = {0x1p127f, -0x1p127f}, larger[] = {-0x1p127f, 0x1p127f};
  static const float small[] = {0x1p-149f}, smaller[] = {-0x1p-149f};
  (void)state;
  expect_one(DTYPE_F32, large, larger, 2, 2, false);
  expect_one(DTYPE_F32, small, smaller, 1, 2, false);
  expect_one(DTYPE_F32, small, large, 1, 0x1p276, false);
}

static float draw(uint64_t *seed)
{
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return ldexpf((float)(int32_t)(*seed >> 33) - 0x1p30f, -30 - (int)(*seed >> 60));
}

/* The same bits as one sum after the other of rounded squares; sums with fma would give others, and
 * so would sums in parts. Data lie at an odd address. */
static void test_order(void **state)
{
  static float before[MANY], after[MANY];
  static char left[1 + sizeof before], right[1 + sizeof after];
  double moved = 0, size = 0, fused = 0, halves[2] = {0, 0};
  long double exact_moved = 0, exact_size = 0;
  uint64_t seed = 1;
  (void)state;
  for (size_t i = 0; i < MANY; i++) {
    before[i] = draw(&seed);
    after[i] = draw(&seed);
    double d = (double)after[i] - (double)before[i], square = d * d;
    moved += square;
    halves[i & 1] += square;
    fused = fma(d, d, fused);
    size += (double)before[i] * (double)before[i];
    exact_moved += (long double)d * (long double)d;
    exact_size += (long double)before[i] * (long double)before[i];
  }
  memcpy(left + 1, before, sizeof before);
  memcpy(right + 1, after, sizeof after);
  assert_true(moved != fused && moved != halves[0] + halves[1]);
  double norm = sqrt(moved) / sqrt(size);
  assert_true(fabsl((long double)norm / sqrtl(exact_moved / exact_size) - 1) < 1e-13L);
  expect_one(DTYPE_F32, left + 1, right + 1, MANY, norm, false);
}

/* One element of many, the last or the first, differs by its last bit. */
static void test_identical(void **state)
{
  static float before[MANY], after[MANY];
  uint32_t last = 0x3f800001;
  (void)state;
  before[MANY - 1] = after[MANY - 1] = 1;
  expect_one(DTYPE_F32, before, after, MANY, 0, true);
  expect_one(DTYPE_F32, before, before, MANY, 0, true);
  memcpy(after + MANY - 1, &last, sizeof last);
  expect_one(DTYPE_F32, before, after, MANY, 0x1p-23, false);
  expect_one(DTYPE_F32, after, after, MANY, 0, true);
  before[0] = after[0] = before[MANY - 1] = after[MANY - 1] = 0;
  before[0] = 1;
  memcpy(after, &last, sizeof last);
  expect_one(DTYPE_F32, before, after, MANY, 0x1p-23, false);
}

static void test_zeros(void **state)
{
  static const float zeros[] = {0, 0}, other[] = {0, -0.0f}, one[] = {0, 1};
  (void)state;
  expect_one(DTYPE_F32, zeros, zeros, 2, 0, true);
  expect_one(DTYPE_F32, zeros, other, 2, 0, false);
  expect_one(DTYPE_F32, zeros, one, 2, INFINITY, false);
  expect_one(DTYPE_F32, one, zeros, 2, 1, false);
}

static void expect_not_finite(enum dtype dtype, const void *before, const void *after,
                              const char *words)
{
  struct tensor left = tensor_of("w", dtype, MANY, 1, before), right = left;
  struct error error;
  struct move_list moves;
  left.file = "r0/a.bin";
  right.file = "r1/b.bin";
  right.data = after;
  assert_int_equal(try_compare(&left, 1, &right, 1, &moves, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
  assert_int_equal(moves.count, 0);
  assert_null(moves.moves);
}

static void test_not_finite(void **state)
{
  static float good[MANY], bad[MANY];
  static uint16_t halves[MANY], brains[MANY], zeros[MANY];
  (void)state;
  bad[1500] = INFINITY;
  bad[1501] = NAN;
  expect_not_finite(DTYPE_F32, bad, good, "r0/a.bin: tensor \"w\": element 1500 is not finite");
  expect_not_finite(DTYPE_F32, good, bad, "r1/b.bin: tensor \"w\": element 1500 is not finite");
  halves[MANY - 1] = 0xfc00;
  expect_not_finite(DTYPE_F16, zeros, halves, "r1/b.bin: tensor \"w\": element 5000 is not finite");
  brains[0] = 0x7fc1;
  expect_not_finite(DTYPE_BF16, brains, zeros, "r0/a.bin: tensor \"w\": element 0 is not finite");
}

/* Compares the first n of these with themselves; the names of those that are compared. */
static void expect_choice(const struct tensor *tensors, size_t n, const char *names)
{
  struct move_list moves = compare(tensors, n, tensors, n);
  char got[256] = "";
  for (size_t i = 0; i < moves.count; i++)
    snprintf(got + strlen(got), sizeof got - strlen(got), "%s ", moves.moves[i].tensor);
  assert_string_equal(got, names);
  assert_int_equal(moves.not_comparable, 0);
  moves_free(&moves);
}

/* Spread over the order of names, whatever order they were found in. */
static void test_choice(void **state)
{
  static const float data[] = {1, 2};
  struct tensor tensors[20];
  char names[20][4];
  (void)state;
  for (size_t i = 0; i < 20; i++)
    snprintf(names[i], sizeof names[i], "%02zu", i);
  for (size_t i = 0; i < 20; i++)
    tensors[i] = tensor_of(names[i * 7 % 20], DTYPE_F32, 2, 1, data);
  expect_choice(tensors, 20, "00 03 07 11 15 19 ");
  expect_choice(tensors, 1, "00 ");
  expect_choice(tensors, 0, "");
  expect_choice(tensors, 6, "00 01 07 08 14 15 ");
  expect_choice(tensors, 7, "00 01 02 07 08 15 "); /* 14 is skipped */
}

/* Only floating matrices with elements count; of others nothing is read. */
static void test_others(void **state)
{
  static const double data[] = {1, 2};
  struct tensor tensors[] = {
      tensor_of("a", DTYPE_F64, 1, 2, data), tensor_of("b", DTYPE_I64, 1, 2, data),
      tensor_of("c", DTYPE_U8, 1, 2, data),  tensor_of("d", DTYPE_BOOL, 2, 1, data),
      tensor_of("e", DTYPE_F32, 0, 2, data), tensor_of("f", DTYPE_F32, 2, 1, data),
      tensor_of("g", DTYPE_F32, 1, 2, data), tensor_of("h", DTYPE_F16, 1, 2, data),
      tensor_of("i", DTYPE_U16, 1, 2, data),
  };
  (void)state;
  tensors[5].rank = 1;
  tensors[6].rank = 3;
  tensors[6].shape[2] = 1;
  expect_choice(tensors, 9, "h ");
  struct move_list moves = compare(tensors, 7, tensors + 8, 1);
  assert_true(moves.count == 0 && moves.not_comparable == 0);
  moves_free(&moves);
}

static void test_not_comparable(void **state)
{
  static const float data[] = {1, 2, 3, 4};
  static const char *const names[] = {"a", "b", "e", "f", "g", "h"};
  const struct tensor before[] = {
      tensor_of("a", DTYPE_F32, 1, 2, data), tensor_of("b", DTYPE_F32, 1, 2, data),
      tensor_of("c", DTYPE_F32, 1, 2, data), tensor_of("d", DTYPE_F16, 1, 2, data),
      tensor_of("e", DTYPE_F32, 2, 2, data), tensor_of("f", DTYPE_F32, 2, 2, data),
      tensor_of("h", DTYPE_F32, 1, 2, data),
  };
  const struct tensor after[] = {
      tensor_of("b", DTYPE_F32, 2, 1, data),  tensor_of("c", DTYPE_F32, 1, 2, data + 2),
      tensor_of("d", DTYPE_BF16, 1, 2, data), tensor_of("e", DTYPE_F32, 1, 2, data),
      tensor_of("f", DTYPE_F32, 2, 1, data),  tensor_of("g", DTYPE_F32, 1, 2, data),
      tensor_of("h", DTYPE_U8, 1, 2, data),
  };
  (void)state;
  struct move_list moves = compare(before, 7, after, 7);
  assert_int_equal(moves.count, 8);
  assert_int_equal(moves.not_comparable, 6);
  assert_string_equal(moves.moves[0].tensor, "c");
  assert_true(moves.moves[0].norm == sqrt(8.0) / sqrt(5.0) && !moves.moves[0].not_comparable);
  assert_true(strcmp(moves.moves[1].tensor, "d") == 0 && !moves.moves[1].not_comparable);
  for (size_t i = 0; i < 6; i++) {
    assert_string_equal(moves.moves[i + 2].tensor, names[i]);
    assert_true(moves.moves[i + 2].not_comparable && !moves.moves[i + 2].identical);
    assert_true(moves.moves[i + 2].norm == 0);
  }
  moves_free(&moves);
}

/* (3, 4) as F16 and F32, then (6, 8) as BF16. */
static void test_types(void **state)
{
  static const uint16_t f16[] = {0x4200, 0x4400}, bf16[] = {0x40c0, 0x4100};
  static const float f32[] = {3, 4};
  const struct tensor half = tensor_of("w", DTYPE_F16, 1, 2, f16);
  const struct tensor single = tensor_of("w", DTYPE_F32, 1, 2, f32);
  const struct tensor brain = tensor_of("w", DTYPE_BF16, 1, 2, bf16);
  (void)state;
  struct move_list moves = compare(&half, 1, &single, 1);
  assert_true(moves.count == 1 && moves.not_comparable == 0);
  assert_true(moves.moves[0].identical && moves.moves[0].norm == 0);
  moves_free(&moves);
  moves = compare(&single, 1, &brain, 1);
  assert_true(moves.count == 1 && !moves.moves[0].identical && moves.moves[0].norm == 1);
  moves_free(&moves);
}

/* Many without a partner are counted, and some of them named. */
static void test_nothing_in_common(void **state)
{
  static const float data[] = {1, 2};
  struct tensor tensors[40];
  char names[40][4];
  (void)state;
  for (size_t i = 0; i < 40; i++) {
    snprintf(names[i], sizeof names[i], "%02zu", i);
    tensors[i] = tensor_of(names[i], DTYPE_F32, 2, 1, data);
  }
  struct move_list moves = compare(tensors, 20, tensors + 20, 20);
  assert_int_equal(moves.count, MOVES_MOST);
  assert_int_equal(moves.not_comparable, 40);
  assert_string_equal(moves.moves[MOVES_MOST - 1].tensor, "05");
  moves_free(&moves);
}

/* The names of OLMo: lm_head.weight, alone in its file, is the largest and the first. */
static void test_large_is_chosen(void **state)
{
  static const char *const names[] = {"lm_head.weight", "model.a", "model.b", "model.c",
                                      "model.d",        "model.e", "model.f"};
  static const float data[] = {1, 2};
  const int64_t rows = (int64_t)MOVES_MOST_ELEMENTS / 1000 + 1;
  float *large = calloc((size_t)rows * 1000, sizeof *large);
  struct tensor tensors[7];
  (void)state;
  assert_non_null(large);
  for (size_t i = 0; i < 7; i++)
    tensors[i] = tensor_of(names[i], DTYPE_F32, 2, 1, data);
  tensors[0] = tensor_of(names[0], DTYPE_F32, rows, 1000, large);
  expect_choice(tensors, 7, "lm_head.weight model.a model.b model.c model.d model.f ");
  struct move_list moves = compare(tensors, 7, tensors, 7);
  assert_true(moves.moves[0].sampled && moves.moves[0].identical && moves.moves[0].norm == 0);
  assert_false(moves.moves[1].sampled);
  moves_free(&moves);
  free(large);
}

/* Sets one element in a tensor of `elements` that is 1 elsewhere, and compares with all ones. */
static struct move move_of(uint16_t *data, const uint16_t *ones, int64_t elements, int64_t element)
{
  data[element] = 0x4000; /* 2 */
  const struct tensor before = tensor_of("w", DTYPE_BF16, elements, 1, ones);
  const struct tensor after = tensor_of("w", DTYPE_BF16, elements, 1, data);
  struct move_list moves = compare(&before, 1, &after, 1);
  data[element] = 0x3f80; /* 1 */
  assert_int_equal(moves.count, 1);
  struct move move = moves.moves[0];
  moves_free(&moves);
  return move;
}

/* Exactly the elements that the header says count, and as many of them. */
static void test_sample(void **state)
{
  const int64_t most = (int64_t)MOVES_MOST_ELEMENTS, pieces = most / MOVES_PIECE;
  const int64_t elements = 2 * most + 7, spread = elements - MOVES_PIECE;
  const int64_t middle = 5000 * spread / (pieces - 1);
  const struct {
    int64_t element;
    bool in;
  } cases[] = {{0, true},
               {MOVES_PIECE - 1, true},
               {MOVES_PIECE, false},
               {middle - 1, false},
               {middle, true},
               {middle + MOVES_PIECE - 1, true},
               {middle + MOVES_PIECE, false},
               {elements - 1 - MOVES_PIECE, false},
               {elements - MOVES_PIECE, true},
               {elements - 1, true}};
  uint16_t *data = malloc((size_t)elements * 2), *ones = malloc((size_t)elements * 2);
  (void)state;
  assert_true(data && ones);
  for (int64_t i = 0; i < elements; i++)
    data[i] = ones[i] = 0x3f80;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct move move = move_of(data, ones, elements, cases[i].element);
    assert_true(move.sampled && move.identical == !cases[i].in);
    assert_true(move.norm == (cases[i].in ? 1 / sqrt((double)most) : 0));
  }
  /* One element less than a sample would take is not a sample. */
  struct move move = move_of(data, ones, most, MOVES_PIECE + 5);
  assert_true(!move.sampled && !move.identical && move.norm == 1 / sqrt((double)most));
  move = move_of(data, ones, most + 1, most);
  assert_true(move.sampled && !move.identical);
  free(data);
  free(ones);
}

/* From initialisation to step 60, then from step 60 to itself. */
static void test_nursery(void **state)
{
  static const char *const models[] = {"olmo", "olmoe", "gpt_neox"};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    struct checkpoint *left, *right;
    struct move_list moves;
    struct error error = {0};
    char path[100];
    snprintf(path, sizeof path, "manifests/nursery.tar.zst:nursery-%s/step0", models[i]);
    assert_int_equal(checkpoint_open(path, &left, &error), 0);
    snprintf(path, sizeof path, "manifests/nursery.tar.zst:nursery-%s/step60", models[i]);
    assert_int_equal(checkpoint_open(path, &right, &error), 0);
    assert_int_equal(moves_compare(left, right, &moves, &error), 0);
    assert_int_equal(moves.count, MOVES_MOST);
    assert_int_equal(moves.not_comparable, 0);
    for (size_t k = 0; k < moves.count; k++) {
      assert_true(moves.moves[k].norm > 0.01 && moves.moves[k].norm < 10);
      assert_false(moves.moves[k].identical);
    }
    moves_free(&moves);
    assert_int_equal(moves_compare(right, right, &moves, &error), 0);
    for (size_t k = 0; k < moves.count; k++)
      assert_true(moves.moves[k].norm == 0 && moves.moves[k].identical);
    moves_free(&moves);
    checkpoint_close(left);
    checkpoint_close(right);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_exact),
      cmocka_unit_test(test_range),
      cmocka_unit_test(test_order),
      cmocka_unit_test(test_identical),
      cmocka_unit_test(test_zeros),
      cmocka_unit_test(test_not_finite),
      cmocka_unit_test(test_choice),
      cmocka_unit_test(test_others),
      cmocka_unit_test(test_types),
      cmocka_unit_test(test_not_comparable),
      cmocka_unit_test(test_nothing_in_common),
      cmocka_unit_test(test_large_is_chosen),
      cmocka_unit_test(test_sample),
      cmocka_unit_test(test_nursery),
  };
  return cmocka_run_group_tests_name("moves", tests, NULL, NULL);
}

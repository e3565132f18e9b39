/* Data of the few-shot task: items to the bit, streams draw for draw as NumPy has them, files that
 * must be refused. */
#include "npy_read.h"

#include "base/memory.h"
#include "few_shot/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- items --- */

static void assert_digest(const void *data, size_t size, const char *sha256)
{
  struct digest digest;
  struct error error = {0};
  assert_int_equal(digest_of(data, size, &digest, &error), 0);
  assert_string_equal(digest.sha256, sha256);
}

static float *read_items(enum few_items_kind kind, uint32_t seed, size_t first, size_t count,
                         size_t exemplars)
{
  struct few_items items = few_items_surrogate(kind, seed);
  struct error error = {0};
  float *out = memory_alloc(count * exemplars, FEW_WIDTH * sizeof *out, "items", &error);
  assert_non_null(out);
  assert_int_equal(few_items_read(&items, first, count, exemplars, out, &error), 0);
  return out;
}

/* The digests are published with the definition. */
static void surrogate_features(void **state)
{
  (void)state;
  float *all = read_items(FEW_FEATURES, 1, 0, FEW_CLASSES, FEW_EXEMPLARS);
  size_t item = FEW_WIDTH * sizeof *all, class = FEW_EXEMPLARS * item;
  assert_digest(all, 50 * class,
                "f813661f494651007675ab7b4844ac1a91ab7818dc2a905717dc26ba06c9827a");
  assert_digest(all, FEW_CLASSES * class,
                "02e7305024731a8e2f3f07fddafc07552f51daea9f8aa26bc9f2edaa3204a39a");
  float *two = read_items(FEW_FEATURES, 1, 1523, 2, 1); /* a part is a part of the whole */
  assert_memory_equal(two, (char *)all + 1523 * class, item);
  assert_memory_equal(two + FEW_WIDTH, (char *)all + 1524 * class, item);
  free(two);
  free(all);
}

/* Variance 1, of which three quarters are the class'. */
static void surrogate_gaussian(void **state)
{
  (void)state;
  size_t classes = 40, n = classes * FEW_EXEMPLARS * FEW_WIDTH;
  float *x = read_items(FEW_GAUSSIAN, 1, 0, classes, FEW_EXEMPLARS);
  double square = 0, shared = 0, sum = 0;
  for (size_t i = 0; i < n; i++) {
    size_t class = i / FEW_WIDTH / FEW_EXEMPLARS;
    size_t next = (class * FEW_EXEMPLARS + (i / FEW_WIDTH + 1) % FEW_EXEMPLARS) * FEW_WIDTH;
    sum += (double)x[i];
    square += (double)x[i] * (double)x[i];
    shared += (double)x[i] * (double)x[next + i % FEW_WIDTH];
  }
  assert_true(fabs(sum / (double)n) < 0.02);
  assert_true(fabs(square / (double)n - 1) < 0.02);
  assert_true(fabs(shared / (double)n - 0.75) < 0.02);
  float *other = read_items(FEW_GAUSSIAN, 2, 0, 1, 1), *same = read_items(FEW_GAUSSIAN, 1, 7, 1, 2);
  assert_true(memcmp(other, x, FEW_WIDTH * sizeof *x) != 0);
  assert_memory_equal(same, x + 7 * FEW_EXEMPLARS * FEW_WIDTH, 2 * FEW_WIDTH * sizeof *x);
  free(same);
  free(other);
  free(x);
}

#define GOOD "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2, 4), }\n"

static void refuse(const char *header, const float *numbers, size_t bytes, const char *words)
{
  char file[1024];
  struct few_items items;
  struct error error = {0};
  const char *path = support_path("items.npy");
  support_write(path, file, npy_make(file, header, numbers, bytes));
  assert_int_equal(few_items_open(path, &items, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
  few_items_close(&items);
}

static void files(void **state)
{
  float numbers[24], back[8];
  char file[1024];
  struct few_items items;
  struct error error = {0};
  const char *path = support_path("good.npy");
  (void)state;
  for (int i = 0; i < 24; i++)
    numbers[i] = (float)i;
  support_write(path, file, npy_make(file, GOOD, numbers, sizeof numbers));
  assert_int_equal(few_items_open(path, &items, &error), 0);
  assert_int_equal(items.classes, 3);
  assert_int_equal(items.exemplars, 2);
  assert_int_equal(items.width, 4);
  assert_int_equal(few_items_read(&items, 1, 2, 1, back, &error), 0);
  assert_true(back[0] == 8 && back[3] == 11 && back[4] == 16 && back[7] == 19);
  few_items_close(&items);

  refuse("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2, 4), }\n", numbers, 96, "'<f4'");
  refuse("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2, 4), }\n", numbers, 96, "C order");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (6, 4), }\n", numbers, 96,
         "three dimensions");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2, 4), }\n", numbers, 96,
         "at least (1, 1, 1)");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 2, 4), }\n",
         numbers, 96, "at most");
  refuse(GOOD, numbers, 92, "cut off");
  refuse("not a header\n", numbers, 96, "items are a .npy file");
  numbers[13] = NAN;
  refuse(GOOD, numbers, 96, "[1][1][1] is not finite");
}

/* --- sequences --- */

static struct few_data make_data(size_t classes, size_t labels)
{
  const struct few_items items = few_items_surrogate(FEW_GAUSSIAN, 1);
  const struct few_data_settings settings = {classes, 100, labels};
  struct few_data data;
  struct error error = {0};
  if (few_data_create("items", &items, &settings, &data, &error))
    fail_msg("%s", error.text);
  return data;
}

_Static_assert(sizeof(struct few_sequence) == 6 * sizeof(int32_t), "rows of six numbers");

static void assert_stream(const struct few_data *data, enum few_set set, uint32_t seed,
                          size_t count, const char *sha256)
{
  struct random random;
  struct few_sequence *s = calloc(count, sizeof *s);
  assert_non_null(s);
  random_seed(&random, seed);
  few_data_draw(data, set, &random, s, count / 3); /* in pieces */
  few_data_draw(data, set, &random, s + count / 3, count - count / 3);
  assert_digest(s, count * sizeof *s, sha256);
  free(s);
}

/* Of the same rules in NumPy 1.24, rows of items, labels and query as int32. */
static const struct {
  size_t labels;
  const char *train50, *train200, *relabel, *exemplars, *test;
} streams[] = {{5, "4d2b8884a95ebf7e9a8cb2176417d82a2869ca2cb7ede21734efbbc210ff85b7",
                "26ed52091317d3a1cc037c2bd0788afa74bac98c9e64bec86405b5d4d103094b",
                "93160cec475a67f0cc836ff0918674107222e4ab2393deece46d86a2e6e8ed4c",
                "e901f5294e143a640dda5f0bc58fc4c3291e991491ed69902acbb77a180a94cf",
                "949e63d37fb1990f373c995048a20550b5a761ce5f29a1b88f4f1d243378b672"},
               {10, "7849aa8cda13af60869ca27456a75645169cc21024e024f5104e7bdd7efa5cd0",
                "3b5e7b49c1c9c4d816507de521900d9f4d4fbda0d87515e858acce579582c456",
                "9eac2eed8745633ddf57b0aae95c5e06d39f4471aec354d61b1521d9e1e9c0ad",
                "5cf859860c428d7a94d2647ea2e1d43b16e999330cffa43113b9602970ca41dc",
                "fb4b1b331a30c06e0c582704cca7433f10185eab0ad9472a8e87d3a61f2ba423"},
               {15, "69110365e3d355e692afff01aa4a40dd4673037383850727cdf6468387fd4895",
                "af4493259893ab6d700565fa674f150aacada3a6b3b42e95a149725aedeaaafe",
                "2cc954fc4306618936739fb4a31c2694b905e0f6e7613f9fbf2354e69ef95201",
                "c8e258e65d75660ca7ee67e1b924918f94ebc3a7966ba109d266d02a6bfd0727",
                "50511188a1d425b4c907886bb218dd2ceb4da378078974a48d59020a10630cde"}};

static void draws(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
    struct few_data data = make_data(50, streams[i].labels);
    assert_stream(&data, FEW_SET_TRAIN, 0, 5000, streams[i].train50);
    assert_stream(&data, FEW_SET_RELABEL, 1, 1000, streams[i].relabel);
    assert_stream(&data, FEW_SET_EXEMPLARS, 1, 1000, streams[i].exemplars);
    assert_stream(&data, FEW_SET_TEST_CLASS, 1, 1000, streams[i].test);
    few_data_free(&data);
    data = make_data(200, streams[i].labels);
    assert_stream(&data, FEW_SET_TRAIN, 0, 5000, streams[i].train200);
    few_data_free(&data);
  }
}

/* Rows of the tables are the items that they should be. */
static void tables(void **state)
{
  struct few_data data = make_data(50, 5);
  size_t row = FEW_WIDTH * sizeof(float);
  (void)state;
  assert_int_equal(few_data_table(&data, FEW_SET_TRAIN).rows, 50);
  assert_int_equal(few_data_table(&data, FEW_SET_EXEMPLARS).rows, 250);
  assert_int_equal(few_data_table(&data, FEW_SET_TEST_CLASS).rows, 100);
  float *one = read_items(FEW_GAUSSIAN, 1, 7, 1, FEW_EXEMPLARS);
  assert_memory_equal(few_data_table(&data, FEW_SET_RELABEL).items + 7 * FEW_WIDTH, one, row);
  assert_memory_equal(few_data_table(&data, FEW_SET_EXEMPLARS).items + 38 * FEW_WIDTH,
                      one + 3 * FEW_WIDTH, row);
  free(one);
  one = read_items(FEW_GAUSSIAN, 1, 1622, 1, 1);
  assert_memory_equal(few_data_table(&data, FEW_SET_TEST_CLASS).items + 99 * FEW_WIDTH, one, row);
  free(one);
  few_data_free(&data);
}

/* All 78,400 are different, and proper sequences. */
static void all_sequences(void **state)
{
  struct few_data data = make_data(50, 5);
  size_t count = few_data_all(&data);
  (void)state;
  assert_int_equal(count, 78400);
  unsigned char *seen = calloc(50 * 50 * 25 * 2, 1);
  assert_non_null(seen);
  for (size_t i = 0; i < count; i++) {
    struct few_sequence s = few_data_sequence(&data, i);
    bool trains = false;
    for (size_t p = 0; p < data.train_pairs; p++)
      for (int flip = 0; flip < 2; flip++)
        trains |= s.labels[0] == data.pair[p][flip] && s.labels[1] == data.pair[p][!flip];
    assert_true(trains && s.items[0] != s.items[1] && s.items[2] == s.items[s.query]);
    assert_in_range(s.items[0], 0, 49);
    assert_in_range(s.items[1], 0, 49);
    int32_t at =
        ((s.items[0] * 50 + s.items[1]) * 25 + s.labels[0] * 5 + s.labels[1]) * 2 + s.query;
    assert_false(seen[at]);
    seen[at] = 1;
  }
  free(seen);
  few_data_free(&data);
}

static void impossible_settings(void **state)
{
  static const struct {
    struct few_data_settings settings;
    const char *words;
  } cases[] = {{{1600, 100, 5}, "1600 for training and 100 others"},
               {{1, 100, 5}, "at least 2"},
               {{SIZE_MAX, 2, 5}, "are asked for"},
               {{50, 100, 2}, "must be 3 to 64"},
               {{50, 100, 65}, "must be 3 to 64"}};
  struct few_items items = few_items_surrogate(FEW_FEATURES, 1);
  struct few_data data;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct error error = {0};
    assert_int_equal(few_data_create("x", &items, &cases[i].settings, &data, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
    few_data_free(&data);
  }
  struct error error = {0};
  const struct few_data_settings usual = {50, 100, 5};
  items.exemplars = 1;
  assert_int_equal(few_data_create("x", &items, &usual, &data, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "one exemplar");
  few_data_free(&data);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(surrogate_features),
      cmocka_unit_test(surrogate_gaussian),
      cmocka_unit_test(files),
      cmocka_unit_test(draws),
      cmocka_unit_test(tables),
      cmocka_unit_test(all_sequences),
      cmocka_unit_test(impossible_settings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

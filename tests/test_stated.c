/* Figures as printed: their numbers, what meets them, and the same text with other numbers. */
#include "support.h"

#include "claims/stated.h"

#include <math.h>
#include <string.h>

static size_t parse(const char *text, struct stated_number *numbers)
{
  memset(numbers, 0, STATED_MOST * sizeof *numbers);
  return stated_parse(text, numbers);
}

static void numbers_of_texts(void **state)
{
  static const struct {
    const char *text;
    size_t count;
    double values[5];
  } cases[] = {
      {"4.05 %", 1, {4.05}},
      {"-9.64 +- 8.76 pp", 2, {-9.64, 8.76}},
      {"21-38 %", 2, {21, 38}},
      {"4.80/3.50 = 1.4x", 3, {4.80, 3.50, 1.4}},
      {"280.172 (k_calibration, 3 of 4)", 1, {280.172}},
      {"L3H5 9.8e+07 L6H3 770", 2, {9.8e7, 770}},
      {"~6B / never / 20B", 3, {6, INFINITY, 20}},
      {"37.6 %, -0.47", 2, {37.6, -0.47}},
      {"4 of 5, 30-1112", 4, {4, 5, 30, 1112}},
      {"1.00 .93", 2, {1, 0.93}},
      {"infinite", 1, {INFINITY}},
      {"partial overlap", 0, {0}},
      {"", 0, {0}},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct stated_number numbers[STATED_MOST];
    size_t count = parse(cases[i].text, numbers);
    if (count != cases[i].count)
      fail_msg("\"%s\": %zu numbers", cases[i].text, count);
    for (size_t k = 0; k < count; k++)
      assert_true(numbers[k].value == cases[i].values[k]);
  }
}

/* A text with more numbers than fit is cut, not overrun. */
static void many_numbers(void **state)
{
  char text[3 * STATED_MOST * 2] = "";
  struct stated_number numbers[STATED_MOST];
  (void)state;
  for (size_t i = 0; i < 2 * STATED_MOST; i++)
    strcat(text, "1 ");
  assert_int_equal(parse(text, numbers), STATED_MOST);
}

static bool meets(const char *text, double value)
{
  struct stated_number numbers[STATED_MOST];
  size_t count = parse(text, numbers);
  return stated_all_meet(numbers, count, &value, 1, 0);
}

/* Printed decimals; after "~" significant digits, without an integer's trailing zeros. */
static void what_meets(void **state)
{
  (void)state;
  assert_true(meets("4.05 %", 4.0549));
  assert_false(meets("4.05 %", 4.0551));
  assert_true(meets("94 %", 93.8));
  assert_false(meets("94 %", 93.4));
  assert_true(meets("~20 pp", 24.2) && meets("~20 pp", 15));
  assert_false(meets("~20 pp", 25.1) || meets("~20 pp", 14.9));
  assert_true(meets("~10 pp", 10.2) && meets("~10 pp", 9.5) && meets("~10 pp", 14.9));
  assert_false(meets("~10 pp", 5.1) || meets("~10 pp", 9.4));
  assert_true(meets("~2.0 %", 2.04));
  assert_false(meets("~2.0 %", 2.098));
  assert_true(meets("~38", 38.4));
  assert_false(meets("~38", 24));
  assert_true(meets("21-38 %", 38.2) && meets("21-38 %", 20.6));
  assert_false(meets("21-38 %", 7.8) || meets("21-38 %", 38.6));
  assert_true(meets("9.8e+07", 97539000));
  assert_false(meets("9.8e+07", 97400000));
  assert_true(meets("never", INFINITY));
  assert_false(meets("never", 300) || meets("300B", INFINITY) || meets("1", NAN));
  assert_false(meets("no number", 1));
  assert_true(stated_about(-26.6, -34) && !stated_about(-26.6, -18.4) && !stated_about(37, -37));
}

/* What six digits of a table leave open is relative. */
static void slack(void **state)
{
  struct stated_number numbers[STATED_MOST];
  double value = 498.976;
  (void)state;
  size_t count = parse("498.978", numbers);
  assert_false(stated_all_meet(numbers, count, &value, 1, 0));
  assert_true(stated_all_meet(numbers, count, &value, 1, 1e-5));
}

static void fill(const char *stated, const double *values, size_t value_count, const char *wanted)
{
  struct stated_number numbers[STATED_MOST];
  struct text text = {0};
  size_t count = parse(stated, numbers);
  stated_fill(stated, numbers, count, values, value_count, 0, &text);
  assert_string_equal(text.data, wanted);
  text_free(&text);
}

/* The form stays; a number that differs is never shown as the printed one. */
static void filled_texts(void **state)
{
  (void)state;
  fill("-9.64 +- 8.76 pp", (double[]){-9.6400001, 8.7619}, 2, "-9.64 +- 8.76 pp");
  fill("4.80/3.50 = 1.4x", (double[]){4.8, -0.55, -8.7272}, 3, "4.80/-0.55 = -8.7x");
  fill("21-38 %", (double[]){7.8125}, 1, "8 %");
  fill("~20 pp", (double[]){24.21875}, 1, "24.22 pp");
  fill("~6B / never / 20B", (double[]){6.291, INFINITY, INFINITY}, 3, "6.291B / never / never");
  fill("4.50 %", (double[]){4.494}, 1, "4.49 %");
  fill("5 heads", (double[]){5.5000001}, 1, "6 heads");
  fill("0 pp", (double[]){-0.2}, 1, "0 pp");
  fill("767", (double[]){766.49}, 1, "766");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_of_texts),
                                     cmocka_unit_test(many_numbers), cmocka_unit_test(what_meets),
                                     cmocka_unit_test(slack), cmocka_unit_test(filled_texts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

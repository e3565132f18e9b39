/* The test that ends a screen, on heads made by hand: where it turns, and what it calls open. */
#include "support.h"

#include "base/random.h"
#include "probe/sure.h"
#include "study/forecast.h"

#include <math.h>
#include <string.h>

#define CONFIDENCE 0.99
#define SUM_OF_SIGNS 29 /* a head: 7 thresholds, twice, and 15 pairs */

static void test_looks(void **state)
{
  (void)state;
  assert_int_equal(sure_next_look(2000, 0), 100);
  assert_int_equal(sure_next_look(2000, 100), 200);
  assert_int_equal(sure_next_look(2000, 800), 1600);
  assert_int_equal(sure_next_look(2000, 1600), 2000);
  assert_int_equal(sure_next_look(100, 0), 100);
  assert_int_equal(sure_next_look(64, 0), 64);
  assert_int_equal(sure_looks(2000), 5);
  assert_int_equal(sure_looks(1600), 4);
  assert_int_equal(sure_looks(101), 1);
  assert_int_equal(sure_looks(100), 0);
}

#define M 100
#define N 1000
#define HEADS 8

/* A head by hand: baseline 0.01 or a bit off, weights as given. */
struct made {
  double figures[M][OBSERVED_FIGURES];
  int32_t b_position[M];
};

static void make(struct made *made, const double mean[CLASS_COUNT], double spread)
{
  struct random random;
  random_seed(&random, 5);
  for (int i = 0; i < M; i++) {
    for (int c = 0; c < CLASS_COUNT; c++)
      made->figures[i][c] =
          mean[c] + spread * mean[c] * ((double)random_interval(&random, 2000) / 1000 - 1);
    made->figures[i][OBSERVED_BASELINE] = 0.01 + 0.0001 * (i % 3 - 1);
    made->b_position[i] = i % 10 == 9 ? -1 : 5; /* a tenth is not valid */
  }
}

static struct sure_head judge(const struct made *made)
{
  const struct sure_test test = {N, 1 - CONFIDENCE, HEADS};
  const struct observed observed = {
      .n = M, .figures = made->figures, .b_position = made->b_position};
  struct sure_head head;
  sure_judge(&test, &observed, &head);
  return head;
}

/* Half the width of what the test leaves of a selectivity against a threshold: the formula written
 * out, for a figure of all sequences. */
static double reach(const struct made *made, enum head_class class, double threshold)
{
  double z[M], mean = 0, square = 0, least = INFINITY, most = -INFINITY, baseline = 0;
  for (int i = 0; i < M; i++) {
    z[i] = made->figures[i][class] - threshold * made->figures[i][OBSERVED_BASELINE];
    mean += z[i] / M;
    baseline += made->figures[i][OBSERVED_BASELINE] / M;
    least = fmin(least, z[i]);
    most = fmax(most, z[i]);
  }
  for (int i = 0; i < M; i++)
    square += (z[i] - mean) * (z[i] - mean) / (M - 1);
  double share = log(SUM_OF_SIGNS * HEADS * 4 / 0.01); /* looks at 100, 200, 400, 800 */
  return (sqrt(square * 2 * share / M) + (most - least) * share / (3 * M)) / baseline;
}

static void test_far_from_every_threshold(void **state)
{
  (void)state;
  const double none[] = {0.01, 0.02, 0.01, 0.05, 0.01, 0.01};
  const double sink[] = {0.01, 0.02, 0.01, 0.9, 0.01, 0.01};
  const double both[] = {0.9, 0.02, 0.01, 0.6, 0.01, 0.01};
  struct made made;
  make(&made, none, 0.2);
  struct sure_head head = judge(&made);
  assert_true(head.settled && head.open_count == 0 && head.class == CLASS_UNCLASSIFIED);
  make(&made, sink, 0.05);
  head = judge(&made);
  assert_true(head.settled && head.class == CLASS_FIRST_TOKEN);
  make(&made, both, 0.05);
  head = judge(&made);
  assert_true(head.settled && head.class == CLASS_INDUCTION);
}

/* At 31 times the baseline, one open sign: first_token against 30, with the stated interval. */
static void test_near_a_threshold(void **state)
{
  (void)state;
  const double near[] = {0.01, 0.02, 0.01, 0.31, 0.01, 0.01};
  struct made made;
  make(&made, near, 0.5);
  struct sure_head head = judge(&made);
  assert_false(head.settled);
  assert_false(head.expected);
  assert_int_equal(head.open_count, 1);
  const struct open_sign *open = &head.open[0];
  assert_true(open->class == CLASS_FIRST_TOKEN && open->other == CLASS_UNCLASSIFIED);
  assert_true(open->threshold == CLASS_THRESHOLD);
  assert_true(open->low < 30 && open->high > 30);
  double half = reach(&made, CLASS_FIRST_TOKEN, CLASS_THRESHOLD);
  assert_true(fabs(open->high - open->value - half) < 1e-9);
  assert_true(fabs(open->value - open->low - half) < 1e-9);
}

/* The distance decides: just outside of what is left it is settled, just inside it is not; and
 * where half of it would do, the next look is expected to settle it. */
static void test_where_it_turns(void **state)
{
  (void)state;
  int settled = 0, expected = 0, hopeless = 0;
  for (int k = 0; k < 60; k++) {
    double mean[] = {0.01, 0.02, 0.01, 0.2 + 0.005 * k, 0.01, 0.01};
    struct made made;
    make(&made, mean, 0.5);
    struct sure_head head = judge(&made);
    struct head_row row;
    double means[OBSERVED_FIGURES] = {0};
    for (int i = 0; i < M; i++)
      for (int c = 0; c < OBSERVED_FIGURES; c++)
        means[c] += made.figures[i][c] / M;
    observed_row(means, &row);
    double off = fabs(row.selectivity[CLASS_FIRST_TOKEN] - CLASS_THRESHOLD);
    double half = reach(&made, CLASS_FIRST_TOKEN, CLASS_THRESHOLD);
    assert_int_equal(head.settled, off > half);
    if (off < half / 2)
      assert_false(head.expected);
    if (off > half * 0.75) /* between half and the square root of a half */
      assert_true(head.expected);
    settled += head.settled;
    expected += !head.settled && head.expected;
    hopeless += !head.settled && !head.expected;
  }
  assert_true(settled && expected && hopeless);
}

/* Two classes that may both be the largest; induction is of the valid sequences alone. */
static void test_two_large_classes(void **state)
{
  (void)state;
  const double two[] = {0.75, 0.02, 0.01, 0.01, 0.76, 0.01};
  struct made made;
  make(&made, two, 0.3);
  struct sure_head head = judge(&made);
  assert_false(head.settled);
  assert_int_equal(head.open_count, 1);
  assert_int_not_equal(head.open[0].other, CLASS_UNCLASSIFIED);
  assert_int_equal(head.open[0].class, head.class);
  assert_true(head.open[0].low < 0 && head.open[0].high > 0);
  for (int i = 0; i < M; i++) /* what invalid sequences show of it must not matter */
    if (made.b_position[i] < 0)
      made.figures[i][CLASS_INDUCTION] = 1e6;
  struct sure_head again = judge(&made);
  assert_memory_equal(&again.open[0].value, &head.open[0].value, sizeof(double));
  assert_true(again.open[0].high == head.open[0].high);
}

/* A baseline below its floor: selectivities count 1e-8. */
static void test_below_the_floor(void **state)
{
  (void)state;
  const double near[] = {1e-12, 1e-12, 1e-12, 3e-7, 1e-12, 1e-12};
  struct made made;
  make(&made, near, 0.5);
  for (int i = 0; i < M; i++)
    made.figures[i][OBSERVED_BASELINE] = 1e-10;
  struct sure_head head = judge(&made);
  assert_false(head.settled);
  assert_int_equal(head.open_count, 1);
  assert_true(head.open[0].low < 30 && head.open[0].high > 30 && head.open[0].high < 60);
}

/* What a plan says of ten hours; nothing where there is no look. */
static void test_forecast(void **state)
{
  (void)state;
  struct text text = {0};
  forecast_until_sure(2000, 36000, &text);
  assert_non_null(strstr(text.data, "before all 2000 sequences: after 100 in 0.5 hours (9.5 hours "
                                    "saved), after 200 in 1.0 hours (9.0 hours saved), "));
  assert_non_null(strstr(text.data, "after 1600 in 8.0 hours (2.0 hours saved)"));
  text_free(&text);
  forecast_until_sure(2000, 1000, &text);
  assert_non_null(strstr(text.data, "after 400 in 200 s (0.2 hours saved)"));
  text_free(&text);
  text = (struct text){0};
  forecast_until_sure(100, 36000, &text);
  assert_null(text.data);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_looks),
      cmocka_unit_test(test_far_from_every_threshold),
      cmocka_unit_test(test_near_a_threshold),
      cmocka_unit_test(test_where_it_turns),
      cmocka_unit_test(test_two_large_classes),
      cmocka_unit_test(test_below_the_floor),
      cmocka_unit_test(test_forecast),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
